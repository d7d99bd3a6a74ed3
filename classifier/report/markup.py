"""HTML and SVG built from values: whatever is a plain string is text and is escaped, so no text can become markup."""

import html
import re
from collections.abc import Iterable

# What HTML does not allow, and direction overrides that would turn the rest of a line around.
UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
VOID = ("meta", "br")

Content = str | int | float | Iterable["Content"] | None


class Markup(str):
    """A piece of finished HTML; every other string is text."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Any value as text, with what must not stand in a page replaced."""
    return Markup(html.escape(UNFIT.sub("\ufffd", str(value)), quote=True))


def element(tag: str, /, *content: Content, **attributes: object) -> Markup:
    """`<tag attributes>content</tag>`; `class_` is class, `aria_label` aria-label; None and False are left out."""
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text("" if value is True else value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Markup(f"<{tag}{shown}>" if tag in VOID else f"<{tag}{shown}>{joined(*content)}</{tag}>")


def joined(*content: Content) -> Markup:
    """Pieces one after another; lists are laid flat."""
    return Markup("".join(map(_piece, content)))


def _piece(content: Content) -> str:
    if content is None or isinstance(content, Markup):
        return content or ""
    if isinstance(content, (str, int, float)):
        return text(content)
    return joined(*content)
