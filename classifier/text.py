"""What Slack sends, as the text the model reads: the one normalisation of training, evaluation and serving.

A version remembers the NORMALISER_VERSION it was trained with. Whoever changes what `normalise` returns raises it
(it lives in classifier/config.py). Nothing here takes more than milliseconds, whatever 40,000 characters arrive.
"""

import html
import re
import unicodedata
from collections.abc import Callable

from classifier.config import NORMALISER_VERSION as NORMALISER_VERSION
from classifier.emoji_words import spell_emoji
from classifier.pastes import CODE, drop_code, drop_logs, drop_quotes

# Far more than the model's 512 tokens can hold, so a longer text loses nothing that would be read.
MAX_CHARACTERS = 8000

SOMEONE, EVERYONE, CHANNEL, LINK, EMAIL, DATE = "someone", "everyone", "channel", "link", "email", "a date"

SURROGATE = re.compile("[\ud800-\udfff]")
# Controls but tab and line breaks, soft hyphen, zero-width, bidi and other invisible formats. U+200D stays for now:
# it holds emoji together.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0d\ufeff\ufff0-\ufffd\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0100-\U000e01ef]"
)
# Letters that show nothing.
BLANK = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")
# Joiners, selectors and tags that no emoji used.
LEFTOVER = re.compile("[\u200d\ufe0e\ufe0f\U000e0000-\U000e007f]")
# Letters of some scripts carry two marks and a tone; stacked marks beyond that are decoration (zalgo).
MARK = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u06d6-\u06ed\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ua66f-\ua672\ufe20-\ufe2f"
)
ZALGO = re.compile(f"([{MARK}]{{3}})[{MARK}]+")

MARKUP = re.compile(r"<([^<>\n]*)>")
# Only HTML's own names: List<String> and "a <b and c> d" are no tags.
TAG = re.compile(
    r"/?(?:a|b|i|p|u|s|em|strong|code|pre|br|hr|div|span|[uo]l|li|h[1-6]|img|kbd|su[bp]|blockquote|del|ins|t[hdr]|table)"
    r"(?:\s[^<>]*)?/?"
)
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

URL = re.compile(r"(?<![\w@])(?:https?://|ftp://|www\.)[^\s<>|]+(?<![.,;:!?)\]'\"])")
ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
GROUP_HANDLE = re.compile(r"(?<![\w@.])@(?:here|channel|everyone)\b")
HANDLE = re.compile(r"(?<![\w@.])@[A-Za-z0-9][\w.-]{0,79}(?<![.-])")

OPENING_MARK = re.compile(r"(?<![\w*_~])[*_~]{1,2}(?=[^\s*_~])")
CLOSING_MARK = re.compile(r"(?<=[^\s*_~])[*_~]{1,2}(?![\w*_~])")
BULLET = re.compile(r"[•◦▪‣]")
ELONGATED = re.compile(r"([^\s\d])\1{3,}")
SPACES = re.compile(r"\s+")

PLACEHOLDER = re.compile(rf"\b(?:{'|'.join((SOMEONE, EVERYONE, CHANNEL, LINK, EMAIL, CODE, DATE))})\b")
TWO_LETTERS = re.compile(r"[^\W\d_]{2}")


def normalise(text: str) -> str:
    """The words of a Slack message on one line, at most MAX_CHARACTERS of them; "" when nothing is left to read.

    Mentions, channels, links and addresses become a word; code, logs and quoted lines go, unless the quotes are all
    there is; emoji in any spelling become their name; what can't be seen or would harm a terminal is dropped.
    Takes any string, lone surrogates included, and raises nothing.
    """
    # A fence that the cap cuts off still holds code.
    open_fence = capped(text) and text[:MAX_CHARACTERS].count("```") % 2
    text = text[:MAX_CHARACTERS] + ("```" if open_fence else "")
    for step in STEPS:
        text = step(text)
    return text[:MAX_CHARACTERS].rstrip()


def capped(text: str) -> bool:
    """Whether `normalise` reads only the beginning of this text."""
    return len(text) > MAX_CHARACTERS


def says_little(normalised: str) -> bool:
    """Whether a normalised text has no two letters in a row beside our own words for links, mentions and code."""
    return TWO_LETTERS.search(PLACEHOLDER.sub("", normalised)) is None


def _clean(text: str) -> str:
    """Whole characters only, nothing invisible, composed."""
    if text.isascii():
        return INVISIBLE.sub("", text)
    if SURROGATE.search(text):
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    return _compose(BLANK.sub(" ", INVISIBLE.sub("", text)))


def _compose(text: str) -> str:
    """NFC. Stacked marks are cut first: it is slow on long stacks."""
    return unicodedata.normalize("NFC", ZALGO.sub(r"\1", text))


def _resolve_markup(text: str) -> str:
    return MARKUP.sub(_say_markup, text) if "<" in text else text


def _say_markup(match: re.Match[str]) -> str:
    """The words for one <...> of Slack. What isn't Slack's and no HTML tag was typed, and stays."""
    content, _, label = match[1].partition("|")
    if content[:1] in KINDS:
        return KINDS[content[:1]](content, label)
    if content.startswith("mailto:"):
        return EMAIL
    if "://" in content or content.startswith("tel:"):
        return label if label and "://" not in label and label not in content else LINK
    return " " if TAG.fullmatch(match[1]) else match[0]


def _say_special(content: str, label: str) -> str:
    if content.startswith("!date"):
        return label or DATE
    return EVERYONE if content.startswith(("!here", "!channel", "!everyone", "!subteam")) else label


KINDS: dict[str, Callable[[str, str], str]] = {
    "@": lambda _content, _label: SOMEONE,
    "#": lambda _content, _label: CHANNEL,
    "!": _say_special,
}


def _decode_entities(text: str) -> str:
    """Once: `&amp;lt;` is what somebody who wrote about `&lt;` has typed."""
    return INVISIBLE.sub("", ENTITY.sub(lambda match: html.unescape(match[0]), text)) if "&" in text else text


def _replace_addresses(text: str) -> str:
    text = URL.sub(LINK, text)
    if "@" not in text:
        return text
    return HANDLE.sub(SOMEONE, GROUP_HANDLE.sub(EVERYONE, ADDRESS.sub(EMAIL, text)))


def _drop_marks(text: str) -> str:
    """Slack's *bold*, _italic_ and ~strike~ without their marks; `snake_case`, 2 * 3 and f**k are left alone."""
    return BULLET.sub(" ", CLOSING_MARK.sub("", OPENING_MARK.sub("", text)))


def _drop_leftovers(text: str) -> str:
    """Without what stood between characters, which may now compose."""
    return text if text.isascii() else _compose(LEFTOVER.sub("", text))


def _fold(text: str) -> str:
    return SPACES.sub(" ", ELONGATED.sub(r"\1\1\1", text)).strip()


STEPS: tuple[Callable[[str], str], ...] = (
    _clean,
    drop_code,
    _resolve_markup,
    _decode_entities,
    drop_quotes,
    drop_logs,
    _replace_addresses,
    spell_emoji,
    _drop_marks,
    _drop_leftovers,
    _fold,
)
