"""Where Chromium is missing the page tests are skipped, but never on CI."""

import shutil

import pytest

from tests.sandbox.browser import chromium


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLF_CHROMIUM", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)


@pytest.mark.usefixtures("nothing_installed")
def test_without_chromium_page_tests_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium is installed"):
        chromium()


@pytest.mark.usefixtures("nothing_installed")
def test_without_chromium_page_tests_fail_on_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium is installed"):
        chromium()
