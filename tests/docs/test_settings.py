"""The README's table of settings and the three settings classes say the same."""

import re
from enum import Enum

from pydantic_settings import BaseSettings

import bot.settings
import clfadmin.settings
import worker.settings
from tests.docs.cli_reference import REPOSITORY

CLASSES: list[type[BaseSettings]] = [
    bot.settings.Settings,
    worker.settings.Settings,
    clfadmin.settings.Settings,
    clfadmin.settings.SlackTokens,
]
# Their defaults are told in words.
IN_WORDS = {"CLF_LOG_FORMAT", "SLACK_API_URL"}


def fields() -> dict[str, set[str]]:
    """Variable -> its defaults as text, over all classes; computed and secret ones left out."""
    found: dict[str, set[str]] = {}
    for settings in CLASSES:
        prefix = settings.model_config.get("env_prefix") or ""
        for name, field in settings.model_fields.items():
            defaults = found.setdefault(f"{prefix}{name}".upper(), set())
            if text := shown(field.default):
                defaults.add(text)
    return found


def shown(value: object) -> str:
    """A default as the table writes it; empty for one that is computed when it is needed."""
    match value:
        case Enum():
            return str(value.value)
        case float() | int():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case str():
            return value
        case _:
            return ""


def table() -> dict[str, str]:
    """Variable -> the cell with its default."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]*) \|", (REPOSITORY / "README.md").read_text(), re.MULTILINE)
    return {name: cell.strip().strip("`") for name, cell in rows}


def test_every_setting_is_in_the_table_and_every_row_is_a_setting():
    assert table().keys() == fields().keys()


def test_the_defaults_in_the_table_are_those_of_the_code():
    known = table()
    wrong = {
        name: (known[name], sorted(defaults))
        for name, defaults in fields().items()
        if name in known and name not in IN_WORDS and defaults and known[name] not in defaults
    }
    assert wrong == {}
