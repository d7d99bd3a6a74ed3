"""The operator's settings: from the environment, with options of the command line above them."""

import os
from pathlib import Path

import pytest

from clfadmin import settings


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in [name for name in os.environ if name.startswith("CLF_")]:
        monkeypatch.delenv(name)


def test_without_settings_a_home_is_in_the_users_data_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert settings.load().home == Path("/home/ada/.local/share/clf")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert settings.load().home == Path("/data/clf")
    monkeypatch.setenv("CLF_HOME", "")  # set to nothing is not set
    assert settings.load().home == Path("/data/clf")


def test_options_win_over_the_environment(monkeypatch):
    monkeypatch.setenv("CLF_HOME", "/one")
    monkeypatch.setenv("CLF_REDIS_URL", "redis://one")
    monkeypatch.setenv("CLF_RUNTIME", "auto")
    found = settings.load(home=Path("/two"), redis_url="redis://two", runtime="keras")
    assert (found.home, found.runtime) == (Path("/two"), "keras")
    assert found.redis_url is not None
    assert found.redis_url.get_secret_value() == "redis://two"


def test_a_home_is_absolute_and_knows_the_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert settings.load(home=Path("~/clf")).home == Path("/home/ada/clf")
    assert settings.load(home=Path("here")).home == Path.cwd() / "here"


def test_a_password_in_the_url_is_never_shown(monkeypatch):
    monkeypatch.setenv("CLF_REDIS_URL", "redis://:hunter2@host")
    assert "hunter2" not in repr(settings.load())


@pytest.mark.parametrize("option", ["runtime", "threads"])
def test_runtime_and_threads_reach_the_model(command, tiny_home, monkeypatch, option):
    """For evaluate and classify alike."""
    from classifier import predictor

    loaded: list[dict[str, object]] = []
    load = predictor.load_predictor
    monkeypatch.setattr(predictor, "load_predictor", lambda version, **given: loaded.append(given) or load(version))
    (tiny_home / "a.csv").write_text("text,label\ngood,positive\n")
    value = {"runtime": "keras", "threads": 2}[option]
    environment = {"CLF_HOME": str(tiny_home), f"CLF_{option.upper()}": str(value)}
    assert command("classify", "good", **environment).code == 0
    assert command("evaluate", "--data", tiny_home / "a.csv", **environment).code == 0
    assert [given[option] for given in loaded] == [value, value]
