"""Headless Chromium for the page tests: where it is, how it is started."""

import os
import shutil

import pytest

# No sandbox: tests run as root in containers. The rest keeps Chromium from calling home.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """The path of an installed Chromium. Skips the test where there is none, fails it when CI is set."""
    path = os.environ.get("CLF_CHROMIUM") or next(filter(None, (shutil.which(name) for name in NAMES)), "")
    if path:
        return path
    if os.environ.get("CI"):
        pytest.fail("CI is set and no Chromium is installed")
    pytest.skip("no Chromium is installed")
