"""Pieces of Block Kit that several screens share: pure functions from values to slack_sdk's models.

Whatever is not our own word has passed `bot.replies.escape` before it gets into mrkdwn; plain text needs no escaping,
and Slack reads neither mentions nor links in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from slack_sdk.models.blocks import (
    Block,
    ContextBlock,
    HeaderBlock,
    InputBlock,
    MarkdownTextObject,
    Option,
    PlainTextObject,
    SectionBlock,
    StaticSelectElement,
)
from slack_sdk.models.views import View

from bot.replies import UNSURE_EMOJI, emoji_name, escape, percent

# Slack's own limits.
MOST_BLOCKS = 100  # of a window and of App Home
MOST_OPTIONS = 100
LONGEST_SECTION = 3_000
LONGEST_OPTION = 75
LONGEST_TITLE = 24
# A bar of ten steps can be compared at a glance and fits a phone.
STEPS = 10
MOST_BARS = 12

Json = dict[str, Any]


def mrkdwn(text: str) -> MarkdownTextObject:
    """Names and links in it are taken as written: a word that looks like a channel must not become a link."""
    return MarkdownTextObject(text=text[:LONGEST_SECTION], verbatim=True)


def plain(text: str, limit: int = LONGEST_OPTION) -> PlainTextObject:
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return PlainTextObject(text=short, emoji=False)


def section(text: str, **more: Any) -> SectionBlock:
    return SectionBlock(text=mrkdwn(text), **more)


def note(text: str, **more: Any) -> ContextBlock:
    """Small print."""
    return ContextBlock(elements=[mrkdwn(text)], **more)


def header(text: str) -> HeaderBlock:
    return HeaderBlock(text=plain(text, 150))


def option(value: str, text: str) -> Option:
    return Option(value=value, text=plain(text))


def select(action: str, options: Mapping[str, str], *, chosen: str = "", placeholder: str = "") -> StaticSelectElement:
    """A menu of value -> words."""
    known = [option(value, words) for value, words in options.items()][:MOST_OPTIONS]
    initial = next((one for one in known if one.value == chosen), None)
    return StaticSelectElement(
        action_id=action, options=known, initial_option=initial, placeholder=plain(placeholder) if placeholder else None
    )


def field(name: str, label: str, element: Any, *, hint: str = "", optional: bool = False) -> InputBlock:
    """An input; block and action are called `name`, so that `typed` finds it."""
    element.action_id = name
    return InputBlock(
        block_id=name,
        label=plain(label, 2_000),
        element=element,
        hint=plain(hint, 2_000) if hint else None,
        optional=optional,
    )


def window(callback: str, title: str, blocks: Sequence[Block], *, submit: str = "", about: str = "") -> Json:
    """A modal. `about` comes back with what is submitted, 3,000 characters at most."""
    view = View(
        type="modal",
        callback_id=callback,
        title=plain(title, LONGEST_TITLE),
        submit=plain(submit, LONGEST_TITLE) if submit else None,
        close=plain("Close", LONGEST_TITLE),
        blocks=list(blocks)[:MOST_BLOCKS],
        private_metadata=about,
    )
    return _as_dict(view)


def home(blocks: Sequence[Block]) -> Json:
    return _as_dict(View(type="home", blocks=list(blocks)[:MOST_BLOCKS]))


def as_dicts(blocks: Iterable[Block]) -> list[Json]:
    return [_as_dict(block) for block in blocks]


def _as_dict(model: Block | View) -> Json:
    return cast("Json", model.to_dict())  # pyright: ignore[reportUnknownMemberType]


def verdict(label: str, confidence: float, emoji: str, *, sure: bool) -> str:
    """What a reply says too: `:smile: positive 93 %`."""
    if not sure:
        return f":{UNSURE_EMOJI}: unsure, closest: {escape(label)} {percent(confidence)} %"
    name = emoji_name(emoji)
    return f"{f':{name}: ' if name else ''}{escape(label)} {percent(confidence)} %"


def bars(scores: Mapping[str, float]) -> str:
    """All scores as bars of text in columns, the highest first; of many labels the highest."""
    ranked = sorted(scores.items(), key=lambda one: -one[1])
    shown, rest = ranked[:MOST_BARS], ranked[MOST_BARS:]
    width = max((len(_clear(label)) for label, _ in shown), default=0)
    lines = [f"{_clear(label):{width}} {bar(score)} {percent(score):2} %" for label, score in shown]
    if rest:
        lines.append(f"and {len(rest)} more, each {percent(rest[0][1])} % or less")
    return "```" + "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") + "```"


def bar(share: float) -> str:
    full = round(max(0.0, min(1.0, share)) * STEPS)
    return "█" * full + "░" * (STEPS - full)


def _clear(label: str) -> str:
    """A label on one line, escaped for nothing yet: columns are counted in what people see."""
    return escape(label).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")[:24]


def typed(state: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the inputs of a window that was submitted, by name: a text, a list of texts, or None."""
    values = cast("dict[str, dict[str, Json]]", state.get("values") or {})
    return {name: _value(element) for name, actions in values.items() for element in actions.values()}


def _value(element: Mapping[str, Any]) -> Any:
    if "selected_options" in element:
        return [str(one["value"]) for one in cast("list[Json]", element["selected_options"] or [])]
    if "selected_option" in element:
        chosen = element["selected_option"]
        return str(chosen["value"]) if chosen else None
    if "selected_time" in element:
        return element["selected_time"]
    return element.get("value")
