"""What counts as another language, and that a version stays modest about it."""

import json
from dataclasses import replace

import pytest

from classifier.config import ModelConfig
from classifier.errors import DataError, VersionRefused
from classifier.languages import check_codes, foreign, known_codes, languages_of
from classifier.predictor import load_predictor
from classifier.registry import Registry
from tests.tiny_model import make_version, tiny_config
from worker.language_names import NAMES, names_of

GERMAN = "Das Deployment ist schon wieder fehlgeschlagen"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (GERMAN, "de"),
        ("le build est encore cassé", "fr"),
        ("谢谢，做得很好", "zh"),
        ("спасибо, отлично работает", "ru"),
        (
            "Danke, das sieht richtig gut aus :tada: <@U012AB3CD> <https://example.com/the/build|the build>",
            "de",
        ),
    ],
)
def test_a_text_clearly_in_another_language_is_told(text: str, language: str):
    """Mentions, links and emoji names are English words of Slack's, not of the writer."""
    assert foreign(text, ("en",)) == language


@pytest.mark.parametrize(
    "text",
    [
        "ok",
        "das ja",
        "LGTM :+1:",
        "",
        "🎉🎉🎉",
        "PLEASE MERGE THIS TODAY",
        "the build is broken again",
        "`das ist nur Code und keine Sprache von Menschen`",
        "\ud800 lone surrogates are no text anybody wrote",
        "can't we just restart it?",
    ],
)
def test_short_texts_english_ones_and_what_is_no_language_are_left_to_the_classifier(text: str):
    assert foreign(text, ("en",)) == ""


def test_a_language_the_version_was_trained_for_is_not_foreign_and_without_any_nothing_is():
    assert foreign(GERMAN, ("en", "de")) == ""
    assert foreign(GERMAN, ()) == ""


def test_the_languages_of_data_are_those_of_more_than_a_stray_sentence():
    english = ["the build is broken again", "thanks, that looks really good to me"] * 30
    assert languages_of(english) == ("en",)
    assert languages_of([*english, GERMAN]) == ("en",)
    assert set(languages_of([*english, *[GERMAN] * 20])) == {"en", "de"}
    assert languages_of(["ok", "no"]) == ()


def test_a_code_nobody_knows_is_refused_with_what_to_write():
    assert check_codes(["EN", "de", "en"]) == ("en", "de")
    with pytest.raises(DataError, match="No language 'german' is known"):
        check_codes(["german"])


def test_a_text_in_another_language_is_never_sure_and_says_why(tmp_path):
    """However sure the network is: it has learned nothing about such a text."""
    text = "gut good good, das Deployment hat endlich funktioniert, vielen Dank an alle"
    version = make_version(Registry(tmp_path), config=replace(tiny_config(), languages=("en",)))
    (told,) = load_predictor(version).classify([text])
    assert (told.language, told.sure) == ("de", False)
    assert told.confidence < version.config.threshold
    modest_about_nothing = make_version(Registry(tmp_path), "other")
    assert load_predictor(modest_about_nothing).classify([text])[0].language == ""


def test_languages_are_part_of_a_version_and_one_of_an_earlier_release_has_none():
    config = replace(tiny_config(), languages=("de", "en"))
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert "languages" not in tiny_config().to_dict()
    with pytest.raises(VersionRefused, match="ISO 639"):
        ModelConfig.from_dict(tiny_config().to_dict() | {"languages": ["<!channel>"]})


def test_every_language_that_can_be_told_has_an_english_name_of_its_own():
    assert known_codes() <= NAMES.keys()
    assert len(set(NAMES.values())) == len(NAMES) >= 176
    assert names_of(("en", "de", "zh", "tlh")) == "English, German, Chinese, tlh"
