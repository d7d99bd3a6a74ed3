"""The compiled form: the same network as Keras for every design, refused where it does not belong to the version."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from classifier.canary import run_canary
from classifier.compiling import agreement, compile_network, fit_inputs
from classifier.config import Head
from classifier.encoding import encode, load_tokenizer, pad
from classifier.errors import VersionRefused
from classifier.manifest import Provenance
from classifier.predictor import load_predictor
from classifier.quantisation import fit, read_inputs, round_kernel, write_inputs
from classifier.registry import Registry
from tests.tiny_model import make_version, tiny_config, tiny_tensors, tiny_tokenizer

TEXTS = ("good build", "the build is broken today", "hate it", "is it", "great, thanks it is good " * 8, "")

DESIGNS = [(pooling, hidden, "gelu") for pooling in ("cls", "mean", "max") for hidden in ((), (5,), (6, 4))]


def _config(pooling: str, hidden: tuple[int, ...], activation: str):
    config = tiny_config(pooling=pooling)
    architecture = replace(config.architecture, hidden_act=activation)
    return replace(config, architecture=architecture, head=Head(hidden, 0.1))


def _keras(config, tensors):
    from classifier import network

    model = network.build_classifier(config)
    network.load_weights(model, tensors)
    return network.serving_function(model)


@pytest.mark.parametrize(("pooling", "hidden", "activation"), [*DESIGNS, ("mean", (), "relu")])
def test_every_design_computes_what_keras_computes(pooling, hidden, activation):
    """In float32 the graph is the network to the last digits; int8 is off by what rounding costs."""
    from classifier import serving
    from classifier.serving_graph import float_graph

    config = _config(pooling, hidden, activation)
    tensors = tiny_tensors(config, seed=3)
    encoded = encode(load_tokenizer(tiny_tokenizer(), max_length=64), TEXTS)
    batch = pad(encoded)
    expected = _keras(config, tensors)(*batch)
    graph, _ = float_graph(config, tensors)
    exact = serving.outputs_of(graph)(["logits"], *batch)[0]
    assert np.abs(exact - expected).max() < 1e-4
    compiled = compile_network(config, tensors, fit_inputs(config, tensors, encoded), b"weights")
    forward = serving.forward(compiled, source=hashlib.sha256(b"weights").hexdigest(), labels=3, threads=2)
    assert np.abs(forward(*batch) - expected).max() < 0.05
    assert (forward(*batch).argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.mark.parametrize(("pooling", "threads"), [("cls", 1), ("mean", 2), ("max", 4), ("max", 50)])
def test_a_texts_scores_do_not_depend_on_its_batch(tmp_path, pooling, threads):
    """Neither on the other texts, nor on the padding, nor on the threads that share them: the rounding is fixed, not
    measured on the batch."""
    version = make_version(Registry(tmp_path), config=tiny_config(pooling=pooling))
    predictor = load_predictor(version, runtime="onnx", threads=threads)
    assert predictor.token_budget == 512 * threads
    encoded = predictor.encode(TEXTS)
    together = predictor.logits(encoded, tokens=60)
    alone = np.concatenate([predictor.logits([one]) for one in encoded])
    assert np.abs(together - alone).max() < 1e-5


@pytest.mark.parametrize("vnni", [True, False])
def test_the_exact_slow_path_is_taken_only_without_vnni(shared_tiny_home, monkeypatch, vnni):
    from classifier import serving

    monkeypatch.setattr(serving, "has_vnni", lambda: vnni)
    graph = Registry(shared_tiny_home).get("tiny").read_verified()["serving.onnx"]
    options = serving.session(graph, threads=1).get_session_options()
    try:
        exact = options.get_session_config_entry("session.x64quantprecision") == "1"
    except RuntimeError:  # never set
        exact = False
    assert exact is not vnni


def test_the_same_weights_give_the_same_file():
    config = tiny_config()
    tensors = tiny_tensors(config, seed=1)
    encoded = encode(load_tokenizer(tiny_tokenizer(), max_length=64), TEXTS)
    made = [compile_network(config, tensors, fit_inputs(config, tensors, encoded), b"w") for _ in range(2)]
    assert made[0] == made[1]


def test_the_runtime_is_onnx_where_there_is_a_compiled_form_and_keras_on_request(shared_tiny_home):
    version = Registry(shared_tiny_home).get("tiny")
    assert (load_predictor(version).runtime, load_predictor(version).reason) == ("onnx", "")
    keras = load_predictor(version, runtime="keras")
    assert (keras.runtime, keras.reason) == ("keras", "asked for")
    run_canary(keras, version)


def test_a_version_without_compiled_form_is_served_by_keras_and_says_why(tmp_path):
    version = _made_with(Registry(tmp_path), lambda files: files.pop("serving.onnx"))
    predictor = load_predictor(version)
    assert (predictor.runtime, predictor.reason) == ("keras", "the version has no compiled form")
    with pytest.raises(VersionRefused, match="no compiled form"):
        load_predictor(version, runtime="onnx")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda files: files.update({"serving.onnx": b"no graph"}), "onnxruntime cannot load the graph"),
        (lambda files: files.update({"serving.onnx": _compiled("other weights")}), "made from other weights"),
        (lambda files: files.update({"canary.jsonl": _shifted(files["canary.jsonl"])}), "canary text 1"),
    ],
    ids=["no graph", "other weights", "other scores"],
)
def test_a_compiled_form_that_does_not_fit_is_not_served(tmp_path, spoil, reason):
    version = _made_with(Registry(tmp_path), spoil)
    predictor = load_predictor(version)
    assert predictor.runtime == "keras"
    assert reason in predictor.reason
    run_canary(predictor, version)
    with pytest.raises(VersionRefused, match=reason) as refused:
        load_predictor(version, runtime="onnx")
    assert refused.value.code == "runtime"


def _made_with(registry: Registry, spoil):
    """A version of which every sha256 is right and something else is wrong."""
    good = make_version(registry, "good")
    files = good.read_verified()
    spoil(files)
    with registry.stage("spoilt") as staging:
        for name, data in files.items():
            staging.write(name, data)
        return staging.publish(Provenance(base="tiny"))


def _compiled(source: str, config=None) -> bytes:
    config = config or tiny_config()
    tensors = tiny_tensors(config, seed=1)
    encoded = encode(load_tokenizer(tiny_tokenizer(), max_length=64), TEXTS)
    return compile_network(config, tensors, fit_inputs(config, tensors, encoded), source.encode())


def _shifted(canaries: bytes) -> bytes:
    rows = [json.loads(line) for line in canaries.splitlines()]
    for row in rows:
        row["compiled"] = {label: score + 0.02 for label, score in row["compiled"].items()}
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_serving_the_compiled_form_needs_no_tensorflow(shared_tiny_home):
    """As where it is not installed: importing it fails, so does finding it."""
    code = f"""
import sys
for name in ("tensorflow", "keras"):
    sys.modules[name] = None
from pathlib import Path
import worker.service
from classifier.predictor import load_predictor
from classifier.registry import Registry
predictor = load_predictor(Registry(Path({str(shared_tiny_home)!r})).get("tiny"))
print(predictor.runtime, predictor.classify(["good build"])[0].label, "onnx" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["onnx", "positive", "False"]


def test_labelling_texts_asks_nothing_of_the_network(shared_tiny_home):
    """Python tells of every address that is looked up or called, whichever library does it."""
    code = """
import sys
asked = []
sys.addaudithook(lambda event, _: asked.append(event) if event in ("socket.connect", "socket.getaddrinfo") else None)
from clfadmin.cli import run
assert run(["classify", "--model", "tiny", "good build"]) == 0
import socket
socket.getaddrinfo("127.0.0.1", 80)
print(asked)
"""
    environment = {**os.environ, "CLF_HOME": str(shared_tiny_home)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environment
    )
    assert done.stdout.splitlines()[-1] == "['socket.getaddrinfo']", "the hook heard its own call and no other"


def test_a_graph_of_our_own_is_recognised_whatever_its_numbers():
    from classifier.serving_check import check_graph

    for pooling, hidden, activation in DESIGNS:
        config = _config(pooling, hidden, activation)
        check_graph(_compiled("weights", config), config)


@pytest.mark.parametrize("spoil", ["node", "constant", "external", "output", "other design", "no graph"])
def test_a_graph_that_is_not_the_versions_network_is_refused(spoil):
    import onnx

    from classifier.serving_check import check_graph

    config = tiny_config()
    model = onnx.load_from_string(_compiled("weights", config))
    if spoil == "node":
        model.graph.node[3].op_type = "Identity"
    elif spoil == "constant":
        model.graph.initializer[0].dims[0] -= 1
    elif spoil == "external":
        model.graph.initializer[0].external_data.add(key="location", value="../../secret")
    elif spoil == "output":
        model.graph.output.add(name="hidden")
    elif spoil == "other design":
        config = replace(config, pooling="mean")
    data = b"no graph" if spoil == "no graph" else model.SerializeToString()
    with pytest.raises(VersionRefused, match=r"serving\.onnx") as refused:
        check_graph(data, config)
    assert refused.value.code == "onnx"


def test_agreement_counts_labels_and_what_keras_is_sure_of():
    keras = np.log([[0.9, 0.1], [0.8, 0.2], [0.55, 0.45], [0.1, 0.9]])
    compiled = np.log([[0.8, 0.2], [0.8, 0.2], [0.45, 0.55], [0.1, 0.9]])
    found = agreement(keras, compiled, np.array([0, 0, 1, 1]), temperature=1.0)
    assert (found.texts, found.same, found.same_sure) == (4, 0.75, 1.0)
    assert found.change == pytest.approx((0.1 + 0 + 0.1 + 0) / 4)
    assert (found.macro_f1, found.macro_f1_keras) == (1.0, pytest.approx((0.8 + 2 / 3) / 2))
    assert found.p_value == 1.0  # one label became right, which proves nothing


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"same": 0.979}, "changes the label of 2.1%"),
        ({"same_sure": 0.994}, "changes 0.6% of the labels Keras is sure of"),
        ({"macro_f1": 0.794, "p_value": 0.04}, "macro-F1 0.794, Keras 0.800"),
        ({"macro_f1": 0.794, "p_value": 0.06}, ""),
        ({"change": float("nan")}, "no numbers"),
    ],
)
def test_a_form_that_changes_too_much_may_not_serve(changes, reason):
    good = agreement(np.eye(2), np.eye(2), np.arange(2), temperature=1.0)
    found = replace(good, **{"macro_f1": 0.8, "macro_f1_keras": 0.8, **changes})
    assert reason in found.reason
    assert bool(found.reason) == bool(reason)


def test_outliers_cost_little_when_they_move_into_the_kernel():
    """One channel fifty times as large as the others: rounding all to its range would lose them."""
    random = np.random.default_rng(0)
    rows, kernel = random.normal(size=(500, 64)).astype(np.float32), random.normal(size=(64, 32)).astype(np.float32)
    rows[:, 7] *= 50
    exact = rows @ kernel
    how = fit(rows, kernel)
    weights, scales = round_kernel(kernel * how.factors[:, None])
    smoothed = np.clip(np.rint(rows / how.factors / how.scale) + how.zero, 0, 255) - how.zero
    off = smoothed * how.scale @ (weights * scales) + how.shift - exact
    scale = (rows.max() - rows.min()) / 255
    plain = np.rint(rows / scale) * scale @ kernel - exact
    assert np.square(off).mean() < 0.2 * np.square(plain).mean()
    assert np.abs(off.mean(axis=0)).max() < 1e-3


def test_the_rounding_survives_its_file():
    how = fit(np.random.default_rng(0).normal(size=(50, 8)), np.eye(8))
    again = read_inputs(write_inputs({"encoder.layer.0.qkv": how}))["encoder.layer.0.qkv"]
    assert (again.scale, again.zero) == (pytest.approx(how.scale), how.zero)
    np.testing.assert_array_equal(again.factors, how.factors)
    np.testing.assert_array_equal(again.shift, how.shift)
    with pytest.raises(VersionRefused, match="quantisation file"):
        read_inputs(b"something else")
