"""The settings window of a channel: all it can choose, in words; checked when opened and again when submitted."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    DividerBlock,
    PlainTextInputElement,
    StaticMultiSelectElement,
    TimePickerElement,
)

from bot.blocks import MOST_OPTIONS, Json, field, note, option, section, select, typed, window
from bot.channel_words import ALERTS, CORRECT, DIGEST, FOREIGN, LISTEN, REPLY, UNSURE, summary
from bot.choices import BadChoice, Choice
from bot.desk import NO_MEMORY, Desk
from bot.people import NotTold
from bot.slack_client import as_object
from worker.connection import QueueError

SETTINGS = "settings"
# The button "Settings" of the introduction.
INTRO_SETTINGS = "intro_settings"
CONFIDENCES = (0, 50, 60, 70, 80, 90, 95)
KEEP_DAYS = (30, 90, 180, 365)
USUAL_QUIET = ("20:00", "08:00")
THREADS, QUIET, LEARN = "threads", "quiet", "learn"


def settings_view(channel: str, choice: Choice, labels: Sequence[str], zone: str) -> Json:
    """`labels` are those that can be chosen, `zone` the asker's own: a start for quiet hours that nobody set yet."""
    blocks: list[Block] = [
        section(f"What I do in <#{channel}>. Everybody here can see what is set: `/sentiment status`."),
        _menu("listen", "Which messages do I answer?", LISTEN, choice.listen),
        _menu("reply", "How do I answer?", REPLY, choice.reply),
    ]
    if options := _label_options(choice, labels):
        chosen = [one for one in options if one.value in choice.labels]
        element = StaticMultiSelectElement(options=options, initial_options=chosen or None)
        blocks.append(field("labels", "Only these labels (none chosen: all)", element, optional=True))
    kept = {str(one): f"{one} days" for one in sorted({*KEEP_DAYS, choice.keep_days})}
    blocks += [
        _menu("confidence", "From which confidence on do I answer?", _confidences(choice), str(choice.confidence)),
        _menu("unsure", "What do I do when unsure?", UNSURE, choice.unsure),
        _menu("foreign", "What do I do with a language I was not trained for?", FOREIGN, choice.foreign),
        *_extras(choice, zone),
        DividerBlock(),
        _menu("correct", "Who may set the right label?", CORRECT, choice.correct),
        field("keep_days", "How long do I keep corrections?", select("keep_days", kept, chosen=str(choice.keep_days))),
        _menu("digest", "A summary of this channel, posted here", DIGEST, choice.digest),
        _menu("alerts", "An alert", ALERTS, choice.alerts),
        note(
            "Without learning, corrections are kept as votes and no text with them. Switched off, it erases the texts "
            "that were kept. People who opted out are never read, whatever is set here."
        ),
    ]
    return window(SETTINGS, "Sentiment", blocks, submit="Save", about=channel)


def _menu(name: str, label: str, options: Mapping[Any, str], chosen: str) -> Block:
    words = {str(value): text for value, text in options.items()}
    return field(name, label, select(name, words, chosen=str(chosen)))


def _confidences(choice: Choice) -> dict[str, str]:
    known = sorted({*CONFIDENCES, choice.confidence})
    return {str(one): f"{one} % or more" if one else "From any" for one in known}


def _label_options(choice: Choice, labels: Sequence[str]) -> list[Any]:
    # What was chosen under another version stays to be seen, and to be taken out.
    known = [*labels, *(one for one in choice.labels if one not in labels)]
    return [option(label, label) for label in known[:MOST_OPTIONS]]


def _extras(choice: Choice, zone: str) -> list[Block]:
    options = {
        THREADS: option(THREADS, "Answer messages inside threads by a post, not by a reaction"),
        QUIET: option(QUIET, "Keep quiet hours"),
        LEARN: option(LEARN, "Learn: keep the text of messages whose label is corrected"),
    }
    on = {THREADS: choice.threads, QUIET: bool(choice.quiet_from), LEARN: choice.learn}
    chosen = [options[name] for name, is_on in on.items() if is_on]
    start, end = choice.quiet_from or USUAL_QUIET[0], choice.quiet_to or USUAL_QUIET[1]
    where = choice.zone if choice.quiet_from or not zone else zone
    boxes = CheckboxesElement(options=list(options.values()), initial_options=chosen or None)
    return [
        field("extras", "More", boxes, optional=True),
        field("quiet_from", "Quiet hours begin", TimePickerElement(initial_time=start), optional=True),
        field("quiet_to", "Quiet hours end", TimePickerElement(initial_time=end), optional=True),
        field(
            "zone",
            "Time zone of the quiet hours",
            PlainTextInputElement(initial_value=where, max_length=64),
            hint="Such as Europe/Berlin.",
            optional=True,
        ),
    ]


def wanted(values: Mapping[str, Any]) -> dict[str, object]:
    """The fields of a Choice that a submitted window says. Raises BadChoice; more is checked by the Choice itself."""
    changes: dict[str, object] = {
        name: values[name]
        for name in ("listen", "reply", "unsure", "foreign", "correct", "digest", "alerts")
        if values.get(name)
    }
    changes |= {name: _number(name, values[name]) for name in ("confidence", "keep_days") if values.get(name)}
    if "labels" in values:
        changes["labels"] = tuple(values["labels"] or ())
    extras: list[str] = values.get("extras") or []
    changes |= {THREADS: THREADS in extras, LEARN: LEARN in extras}
    if QUIET not in extras:
        return changes | {"quiet_from": "", "quiet_to": ""}
    zone = str(values.get("zone") or "").strip()
    if not zone:
        raise BadChoice("zone", "Quiet hours need a time zone, such as Europe/Berlin.")
    start, end = str(values.get("quiet_from") or ""), str(values.get("quiet_to") or "")
    if not start:
        raise BadChoice("quiet_from", "Quiet hours need a beginning.")
    return changes | {"quiet_from": start, "quiet_to": end, "zone": zone}


def _number(name: str, value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise BadChoice(name, f"{name} is a whole number.") from None


def differing(choice: Choice, changes: Mapping[str, object]) -> dict[str, object]:
    """Only what the window changes: somebody else may have changed the rest meanwhile."""
    return {name: value for name, value in changes.items() if _same(getattr(choice, name)) != _same(value)}


def _same(value: object) -> object:
    return value.value if isinstance(value, StrEnum) else value


class Settings:
    """`changed` hears whose App Home shows something else now."""

    def __init__(self, desk: Desk, *, changed: Callable[[str], None]) -> None:
        self._desk, self._changed = desk, changed

    def open(self, trigger: str, user: str, channel: str) -> str:
        """Open the window for somebody; why not, in one line, where they may not. Raises what Slack and Redis raise."""
        desk = self._desk
        if why := desk.people.why_not_manage(user, channel):
            return why
        choice, zone = desk.choice(channel), desk.people.person(user).zone
        desk.open(trigger, settings_view(channel, choice, desk.serving().labels, zone))
        return ""

    def on_button(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        """ "Settings" in the introduction, and "Change" in App Home, whose value is the channel."""
        ack()
        if not self._desk.is_ours(body):
            return
        action = as_object(body["actions"][0])
        user, trigger = str(as_object(body.get("user")).get("id")), str(body.get("trigger_id"))
        here = str(as_object(body.get("channel")).get("id") or "")
        channel = here or str(action.get("value") or "")

        def refuse(why: str) -> None:
            if here:
                self._desk.whisper(here, user, why)
            else:
                self._desk.open(trigger, window("refused", "Sentiment", [section(why)]))

        def open_it() -> None:
            if why := self.open(trigger, user, channel):
                refuse(why)

        self._desk.later(open_it, refuse)

    def on_submit(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        """Rights, values and memory are asked before Slack is answered: what is wrong is said in the window."""
        view, user = as_object(body.get("view")), str(as_object(body.get("user")).get("id"))
        channel = str(view.get("private_metadata") or "")
        if not self._desk.is_ours(body):
            ack(response_action="errors", errors={"listen": "This window is of another workspace."})
            return
        try:
            said = self._save(user, channel, as_object(view.get("state")))
        except BadChoice as error:
            block = error.field if error.field in typed(as_object(view.get("state"))) else "extras"
            ack(response_action="errors", errors={block: str(error)})
            return
        except QueueError:
            ack(response_action="errors", errors={"listen": NO_MEMORY})
            return
        except NotTold as error:
            ack(response_action="errors", errors={"listen": str(error)})
            return
        ack()
        self._desk.later(lambda: self._desk.whisper(channel, user, said))
        self._changed(user)

    def _save(self, user: str, channel: str, state: Mapping[str, Any]) -> str:
        """Raises BadChoice, QueueError, NotTold."""
        desk = self._desk
        if why := desk.people.why_not_manage(user, channel):
            raise BadChoice("listen", why)
        before = desk.choice(channel)
        changes = differing(before, wanted(typed(state)))
        if not changes:
            return f"Nothing was changed: {summary(before)}."
        after = desk.choose(channel, changes)
        erased = " Texts that were kept are erased." if before.learn and not after.learn else ""
        return f"Saved. In this channel now: {summary(after)}.{erased}"
