"""What of a Slack message is text to classify. Cleaning that the queue needs happens here, the model's own later."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, cast

from worker.jobs import MAX_TEXT

# Look like nothing but count as letters or symbols: Hangul fillers, the braille blank.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")
# Deeper rich text than lists in quotes does not exist; the limit is for payloads made by hand.
_DEEPEST = 8


def clean(text: str) -> str:
    """Without NULs, control characters and lone surrogates, which JSON in Redis could not carry; capped."""
    kept = "".join(
        one for one in text[: 2 * MAX_TEXT] if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cs")
    )
    return kept[:MAX_TEXT]


def is_blank(text: str) -> bool:
    """True when a reader would see nothing: spaces, zero-width characters, combining marks on nothing."""
    return all(one in _BLANK or unicodedata.category(one)[0] in "ZC" or _is_mark(one) for one in text)


def _is_mark(one: str) -> bool:
    return unicodedata.category(one) in ("Mn", "Me")


def mentions(text: str, user: str) -> bool:
    return bool(user) and re.search(rf"<@{re.escape(user)}(\|[^>]*)?>", text) is not None


def without_mention(text: str, user: str) -> str:
    """The text without the mentions of `user`: whom it is said to says nothing about its tone."""
    if not user:
        return text
    return re.sub(rf"[ \t]*<@{re.escape(user)}(\|[^>]*)?>[ \t]*", " ", text).strip(" \t")


def said(message: Mapping[str, Any]) -> str:
    """The message's own text; where it has none, that of its blocks. Files and attachments are left alone."""
    text = message.get("text")
    if isinstance(text, str) and text:
        return text
    return "\n".join(_block_texts(message.get("blocks"), 0))


def _block_texts(node: object, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(node, list):
        for one in cast("list[object]", node):
            yield from _block_texts(one, depth + 1)
    elif isinstance(node, dict):
        yield from _element_texts(cast("dict[str, object]", node), depth)


def _element_texts(node: dict[str, object], depth: int) -> Iterator[str]:
    text = node.get("text")
    if isinstance(text, str):
        yield text
    elif node.get("type") == "user" and isinstance(user := node.get("user_id"), str):
        yield f"<@{user}>"
    elif node.get("type") == "emoji" and isinstance(name := node.get("name"), str):
        yield f":{name}:"
    for key in ("text", "elements", "fields"):
        if isinstance(node.get(key), dict | list):
            yield from _block_texts(node[key], depth + 1)
