"""Label names and the emoji that stands for each in Slack."""

import re
from collections.abc import Mapping, Sequence

from classifier.errors import LabelError

MAX_LABELS = 100
# Long enough for any name people use, short enough for one line of a reply.
MAX_LABEL_CHARACTERS = 64
# Slack's names: lower case letters of any script, digits, underscore, hyphen, plus and apostrophe.
EMOJI = re.compile(r":[\w+'-]{1,100}:")

KNOWN = {
    "negative": ":slightly_frowning_face:",
    "neg": ":slightly_frowning_face:",
    "neutral": ":neutral_face:",
    "positive": ":slightly_smiling_face:",
    "pos": ":slightly_smiling_face:",
    "mixed": ":scales:",
    "joy": ":joy:",
    "happy": ":grinning:",
    "love": ":heart:",
    "gratitude": ":pray:",
    "thanks": ":pray:",
    "praise": ":clap:",
    "anger": ":rage:",
    "angry": ":rage:",
    "frustration": ":triumph:",
    "sadness": ":cry:",
    "sad": ":cry:",
    "fear": ":fearful:",
    "surprise": ":open_mouth:",
    "disgust": ":nauseated_face:",
    "question": ":question:",
    "request": ":raised_hand:",
    "complaint": ":-1:",
    "bug": ":bug:",
    "urgent": ":rotating_light:",
    "incident": ":rotating_light:",
    "spam": ":no_entry:",
    "yes": ":white_check_mark:",
    "no": ":x:",
}
# For names we don't know: told apart by colour, and plainly no feeling.
FALLBACK = (
    ":large_blue_circle:",
    ":large_orange_circle:",
    ":large_purple_circle:",
    ":large_green_circle:",
    ":large_yellow_circle:",
    ":large_brown_circle:",
    ":red_circle:",
    ":white_circle:",
    ":black_circle:",
    ":large_blue_square:",
    ":large_orange_square:",
    ":large_purple_square:",
    ":large_green_square:",
    ":large_yellow_square:",
    ":large_brown_square:",
    ":large_red_square:",
)
LAST_RESORT = ":label:"


def check_label(label: str) -> str:
    """The label itself, if it can be a label name. Raises LabelError."""
    if not label or label != label.strip():
        raise LabelError(f"Label {label!r} is empty or has spaces around it. Give it a name.")
    if len(label) > MAX_LABEL_CHARACTERS:
        raise LabelError(
            f"Label {label[:20]!r}… has {len(label)} characters, at most {MAX_LABEL_CHARACTERS} are possible. "
            "Is this the right column?"
        )
    if not label.isprintable():
        raise LabelError(f"Label {label!r} holds characters that can't be printed. Rename it.")
    return label


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels as given, two or more, each once. Their order is the order of the model's outputs."""
    for label in labels:
        check_label(label)
    if len(set(labels)) != len(labels):
        twice = sorted({label for label in labels if labels.count(label) > 1})
        raise LabelError(f"Labels given twice: {', '.join(map(repr, twice))}. Each may appear once.")
    if not 2 <= len(labels) <= MAX_LABELS:
        raise LabelError(f"Received {len(labels)} labels; a classifier needs 2 to {MAX_LABELS}.")
    return tuple(labels)


def check_emoji(emoji: str) -> str:
    """The emoji itself, if it is a Slack shortcode such as ":tada:". Raises LabelError."""
    if not EMOJI.fullmatch(emoji) or emoji != emoji.lower():
        raise LabelError(f"{emoji[:60]!r} is no Slack emoji. Write its name between colons, such as :tada:.")
    return emoji


def parse_emoji(option: str) -> tuple[str, str]:
    """("praise", ":tada:") from "praise=:tada:", as `--emoji` receives it. Raises LabelError."""
    label, equals, emoji = option.rpartition("=")
    if not equals:
        raise LabelError(f"{option[:80]!r} should read LABEL=:name:, such as praise=:tada:.")
    return check_label(label.strip()), check_emoji(emoji.strip())


def emoji_for(labels: Sequence[str], chosen: Mapping[str, str] | None = None) -> dict[str, str]:
    """One emoji for every label, in the labels' order: the chosen one, else a known one, else a coloured dot.

    Defaults never repeat an emoji that another label has. Raises LabelError when `chosen` names an unknown label.
    """
    chosen = dict(chosen or {})
    unknown = [label for label in chosen if label not in labels]
    if unknown:
        raise LabelError(f"An emoji is given for {unknown[0]!r}, which is no label here. Labels: {', '.join(labels)}.")
    used = set(chosen.values())
    result: dict[str, str] = {}
    for label in labels:
        wishes = (KNOWN.get(label.casefold(), LAST_RESORT), *FALLBACK)
        free = [emoji for emoji in wishes if emoji not in used and emoji != LAST_RESORT]
        result[label] = chosen.get(label) or next(iter(free), LAST_RESORT)
        used.add(result[label])
    return result
