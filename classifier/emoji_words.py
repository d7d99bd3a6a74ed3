"""Emoji, Slack shortcodes and emoticons as the words a language model knows, the same words for all three."""

import re
from functools import cache

from emoji import EMOJI_DATA

# Shortcodes that Slack understands differently from the table of names, or that only Slack has.
SLACK_NAMES = {"sunglasses": "😎", "simple_smile": "🙂", "face_palm": "🤦", "rolling_eyes": "🙄"}
# Punctuation that happens to have a picture: as punctuation it says more.
PUNCTUATION = {"❗": "!", "❕": "!", "‼": "!!", "⁉": "!?", "❓": "?", "❔": "?"}

# As Slack itself turns them into emoji while people type.
EMOTICONS = {
    "(╯°□°)╯︵ ┻━┻": "😡",
    "</3": "💔",
    "<3": "❤",
    ">:(": "😠",
    ">:-(": "😠",
    ":'(": "😢",
    ":’(": "😢",
    ":'-(": "😢",
    ":')": "😂",
    ":’)": "😂",
    "=)": "🙂",
    "=(": "🙁",
    "=D": "😄",
    "^_^": "😊",
    "-_-": "😑",
    **{eyes + ")": "🙂" for eyes in (":", ":-")},
    **{eyes + "(": "🙁" for eyes in (":", ":-")},
    **{eyes + "D": "😄" for eyes in (":", ":-")},
    **{eyes + mouth: "😛" for eyes in (":", ":-") for mouth in ("P", "p")},
    **{eyes + mouth: "😕" for eyes in (":", ":-") for mouth in ("/", "\\")},
    **{eyes + "|": "😐" for eyes in (":", ":-")},
    **{eyes + mouth: "😮" for eyes in (":", ":-") for mouth in ("o", "O")},
    **{eyes + "*": "😘" for eyes in (":", ":-")},
    **{eyes + ")": "😉" for eyes in (";", ";-")},
    **dict.fromkeys(("xD", "XD", "xDD", "XDD"), "😆"),
}
ONE_EMOTICON = re.compile("|".join(map(re.escape, sorted(EMOTICONS, key=len, reverse=True))))
# Alone, not inside a word, a time or a path: "http://", "C:\\temp" stay. Smiles may touch the word before them.
EMOTICON = re.compile(rf"(?<![\w:/\\])(?:{ONE_EMOTICON.pattern})+(?![\w/\\])|(?<=[a-z!?])(?::-?[()]|;-?\)|<3)(?=\s|$)")
# Markdown takes the backslash away; it is unmistakable anywhere.
SHRUG = re.compile(r"¯\\?_\(ツ\)_/¯")
SHORTCODES = re.compile(r"(?::[\w+'-]{1,100}:)+")
SKIN_TONE_CODE = re.compile(r"skin-tone-[2-6]")
# Skin tones, and the selectors that ask for a picture or for plain type.
FOLDED = re.compile("[\U0001f3fb-\U0001f3ff\ufe0e\ufe0f]")
SKIN_TONE_NAME = re.compile(r"_(?:(?:medium-)?(?:light|dark)|medium)_skin_tone")
GAPS = re.compile(r"[_\s-]+")


def spell_emoji(text: str) -> str:
    """The text with every emoji, `:shortcode:` and emoticon as words: "nice 👍🏽" gives "nice  thumbs up "."""
    if ":" in text:
        text = SHORTCODES.sub(_spell_shortcodes, text)
    text = EMOTICON.sub(_spell_emoticons, text)
    return text if text.isascii() else _runs().sub(_spell_run, FOLDED.sub("", SHRUG.sub("🤷", text)))


def _spell_emoticons(match: re.Match[str]) -> str:
    return "".join(EMOTICONS[emoticon] for emoticon in ONE_EMOTICON.findall(match[0]))


def _spell_shortcodes(match: re.Match[str]) -> str:
    """One or several names in a row. What only looks like one (12:30:45, std::vector::size) stays as it is."""
    text, start, end = match.string, match.start(), match.end()
    alone = not (_is_wordy(text[start - 1 : start]) or _is_wordy(text[end : end + 1]))
    spelled: list[str] = []
    for name in match[0][1:-1].split("::"):
        if emoji := _shortcodes().get(name.lower()):
            spelled.append(emoji)
        elif alone and any(map(str.isalpha, name)):
            spelled.append("" if SKIN_TONE_CODE.fullmatch(name) else f" {_words(name)} ")
        elif not SKIN_TONE_CODE.fullmatch(name):
            return match[0]
    return "".join(spelled)


def _is_wordy(neighbour: str) -> bool:
    return neighbour.isalnum() or neighbour in {":", "_"}


def _spell_run(match: re.Match[str]) -> str:
    """A run of emoji characters cut into the longest known emoji; one that is repeated is named once."""
    run, names, sizes = match[0], _names(), _sizes()
    spelled: list[str] = []
    at = 0
    while at < len(run):
        size = next((size for size in sizes.get(run[at], ()) if run[at : at + size] in names), 0)
        if size == 0:  # a joiner, a space, or half of something newer than the table
            spelled += run[at] if run[at] not in " \u200d" else ""
        elif spelled[-1:] != [names[run[at : at + size]]]:
            spelled.append(names[run[at : at + size]])
        at += size or 1
    return f" {' '.join(spelled)} "


def _words(name: str) -> str:
    return GAPS.sub(" ", name).strip()


@cache
def _names() -> dict[str, str]:
    """Emoji without skin tone and selectors -> words. A person of any colour is named as the one without."""
    names: dict[str, str] = {}
    for emoji, facts in EMOJI_DATA.items():
        if plain := FOLDED.sub("", emoji):
            names.setdefault(plain, _words(SKIN_TONE_NAME.sub("", facts["en"].strip(":"))))
    return names | PUNCTUATION


@cache
def _shortcodes() -> dict[str, str]:
    """Shortcode -> emoji."""
    codes: dict[str, str] = {}
    for emoji, facts in EMOJI_DATA.items():
        for code in (facts["en"], *facts.get("alias", ())):
            codes.setdefault(code.strip(":").lower(), emoji)
    return codes | SLACK_NAMES


@cache
def _sizes() -> dict[str, list[int]]:
    """First character of an emoji -> the lengths that emoji beginning with it have, longest first."""
    sizes: dict[str, set[int]] = {}
    for emoji in _names():
        sizes.setdefault(emoji[0], set()).add(len(emoji))
    return {character: sorted(lengths, reverse=True) for character, lengths in sizes.items()}


@cache
def _runs() -> re.Pattern[str]:
    """Emoji one after another, blanks between them included; digits only as key caps."""
    characters = {character for emoji in _names() for character in emoji if not character.isascii()}
    characters -= {"\u200d", "\u20e3"}  # nothing by themselves
    one = f"(?:[0-9#*]\u20e3|[{''.join(map(re.escape, sorted(characters)))}])"
    return re.compile(f"{one}(?:[ \u200d]*{one})*")
