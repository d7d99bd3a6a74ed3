"""Serving a version: predictions, canary texts, refusals. Runs on the tiny model."""

import dataclasses
import json

import numpy as np
import pytest

from classifier.canary import run_canary
from classifier.errors import VersionRefused
from classifier.predictor import load_predictor
from classifier.registry import Registry

TEXTS = ["great build", "the build is broken and it is bad", "it is today", "thanks", "awful " * 30]


@pytest.fixture(scope="module")
def version(shared_tiny_home):
    return Registry(shared_tiny_home).get("tiny")


@pytest.fixture(scope="module")
def predictor(version):
    return load_predictor(version)


def test_every_text_gets_its_label_confidence_scores_and_emoji(predictor):
    predictions = predictor.classify(TEXTS)
    assert [prediction.label for prediction in predictions] == [
        "positive", "negative", "neutral", "positive", "negative",
    ]  # fmt: skip
    for prediction in predictions:
        assert list(prediction.scores) == ["negative", "neutral", "positive"]
        assert sum(prediction.scores.values()) == pytest.approx(1)
        assert prediction.confidence == max(prediction.scores.values()) == prediction.scores[prediction.label]
    assert predictions[0].emoji == ":slightly_smiling_face:"


def test_sure_begins_at_the_versions_threshold(predictor, version):
    prediction = predictor.classify(["great"])[0]
    assert prediction.sure
    strict = dataclasses.replace(version.config, threshold=0.999)
    predictor_of_strict = type(predictor)("strict", strict, predictor.tokenizer, predictor.forward, runtime="keras")
    unsure = predictor_of_strict.classify(["great"])[0]
    assert (unsure.label, unsure.confidence, unsure.sure) == (prediction.label, prediction.confidence, False)


def test_batches_of_any_size_give_the_same_scores_in_the_order_of_the_texts(predictor):
    together = predictor.classify(TEXTS * 3)
    for budget in (1, 16, 64):
        for one, other in zip(predictor.classify(TEXTS * 3, token_budget=budget), together, strict=True):
            assert one.label == other.label
            assert one.scores == pytest.approx(other.scores, abs=1e-5)


def test_temperature_softens_the_confidence_and_keeps_the_label(predictor, version):
    soft = type(predictor)(
        "soft",
        dataclasses.replace(version.config, temperature=3.0),
        predictor.tokenizer,
        predictor.forward,
        runtime="keras",
    )
    before, after = predictor.classify(["great"])[0], soft.classify(["great"])[0]
    assert after.label == before.label
    assert after.confidence < before.confidence


def test_a_text_longer_than_the_model_reads_is_marked_truncated(predictor):
    short, long = predictor.encode(["great", "great " * 200])
    assert not short.truncated
    assert long.truncated
    assert len(long.ids) == 64
    assert predictor.predict([long])[0].truncated


def test_nothing_to_predict_is_no_error(predictor):
    assert predictor.predict([]) == []
    assert predictor.classify([]) == []


@pytest.mark.parametrize("text", ["", "   ", "\x00\x00", "\ud800 great", "🎉🎉", "Z̷̡̛a̴l̵g̶o̷ " * 50, "x" * 40_000])
def test_odd_texts_get_an_answer_like_all_others(predictor, text):
    assert predictor.classify([text])[0].label in predictor.labels


def test_the_canary_texts_of_a_sound_version_pass(predictor, version):
    assert len(predictor.canaries) == 8
    run_canary(predictor, version)


def test_another_versions_weights_fail_the_canary(shared_tiny_home, predictor):
    """Same labels, slightly other scores: only a comparison of scores sees it."""
    registry = Registry(shared_tiny_home)
    other = load_predictor(registry.get("tiny-b"))
    other.canaries = predictor.canaries
    with pytest.raises(VersionRefused, match=r"canary text \d") as refused:
        run_canary(other, registry.get("tiny-b"))
    assert refused.value.code == "canary"


def test_scores_that_are_no_numbers_fail_the_canary(predictor, version):
    broken = type(predictor)(
        "broken",
        version.config,
        predictor.tokenizer,
        lambda ids, mask: np.full((len(ids), 3), np.nan),
        runtime="keras",
        canaries=predictor.canaries,
    )
    with pytest.raises(VersionRefused, match="off by nan"):
        run_canary(broken, version)


def test_a_flipped_byte_in_the_weights_is_refused(tiny_home):
    registry = Registry(tiny_home)
    path = tiny_home / "models" / "tiny" / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(VersionRefused) as refused:
        load_predictor(registry.get("tiny"))
    assert refused.value.code == "sha256"


def test_weights_that_do_not_fit_the_label_list_are_refused(tiny_home):
    """The manifest vouches for the files, yet four labels need a wider head than the weights hold."""
    registry = Registry(tiny_home)
    source = registry.get("tiny")
    config = json.loads((source.path / "config.json").read_text())
    config["labels"].append("fourth")
    config["emoji"]["fourth"] = ":four:"
    with registry.stage("wrong") as staging:
        for name in ("tokenizer.json", "weights.safetensors", "canary.jsonl"):
            staging.write(name, (source.path / name).read_bytes())
        staging.write("config.json", json.dumps(config).encode())
        wrong = staging.publish(source.manifest.provenance)
    with pytest.raises(VersionRefused) as refused:
        load_predictor(wrong)
    assert refused.value.code == "shape"


@pytest.mark.parametrize(
    "text", ["", " ", "!!!", "<https://example.com/x>", "```rm -rf great```", "qqqq zzzz xxxx great"]
)
def test_a_text_with_next_to_nothing_to_read_is_never_sure(predictor, text):
    (prediction,) = predictor.classify([text])
    assert not prediction.sure
    assert prediction.confidence < max(predictor.config.threshold, 1 / 3 + 1e-9)
    assert sum(prediction.scores.values()) == pytest.approx(1)
