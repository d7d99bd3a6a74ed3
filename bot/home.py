"""App Home: where the bot listens and what is set there, the last days at a glance, and whether it reads the person."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog
from slack_sdk.models.blocks import ActionsBlock, Block, ButtonElement, DividerBlock

from bot.blocks import Json, header, home, note, plain, section
from bot.channel_words import Lately, figures, lately, summary
from bot.choices import Choice
from bot.commands import opt
from bot.desk import Desk, Serving, now
from bot.people import is_shared
from bot.replies import escape
from bot.slack_client import as_object
from bot.slack_errors import trouble
from worker.language_names import names_of

SETTINGS, OPT_OUT, OPT_IN = "home_settings", "home_opt_out", "home_opt_in"
# Two or three blocks each, of a hundred that Slack shows.
MOST_CHANNELS = 25
DAYS = 7
EVENT = "app_home_opened"

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@dataclass(frozen=True)
class Listed:
    """A channel as App Home shows it. `may_change`: to the person who looks."""

    channel: str
    choice: Choice
    lately: Lately
    may_change: bool


def home_view(
    *, name: str, opted_out: bool, channels: Sequence[Listed], more: int, serving: Serving, learned: bool = False
) -> Json:
    """`name` is the bot's; `more` channels are left out; `learned`: corrections of this person are in what serves."""
    blocks: list[Block] = [
        header("Sentiment"),
        section(
            "I read messages of the channels I am invited to and say how they sound, with a confidence. Wrong labels "
            "can be corrected below each reply, or by _More actions_ › _Sentiment of a message_.\n" + _model(serving)
        ),
    ]
    if learned:
        blocks.append(note(":seedling: The version that answers has learned from corrections of yours."))
    blocks += [DividerBlock(), header("Your messages"), *_person(opted_out)]
    blocks += [DividerBlock(), header(f"Channels, and their last {DAYS} days"), *_channels(channels, more, name)]
    blocks += [DividerBlock(), header("What is kept"), note(_privacy())]
    return home(blocks)


def _model(serving: Serving) -> str:
    if not serving.workers:
        return "No model runs at present, so labels wait."
    languages = escape(names_of(serving.languages))
    trained = f"trained for {languages}" if languages else "nobody said for which languages it was trained"
    return f"Version {escape(serving.version)} answers ({trained})."


def _person(opted_out: bool) -> list[Block]:
    if opted_out:
        said, button = "I leave your messages alone, in every channel.", ("Read my messages again", OPT_IN)
    else:
        said, button = "I read your messages where a channel has me on.", ("Leave my messages alone", OPT_OUT)
    element = ButtonElement(text=plain(button[0]), action_id=button[1], value="home")
    return [section(said), ActionsBlock(elements=[element])]


def _channels(channels: Sequence[Listed], more: int, name: str) -> list[Block]:
    invite = f"Invite me to a channel: `/invite @{escape(name)}`"
    blocks: list[Block] = []
    for one in channels:
        text = f"*<#{one.channel}>*  {summary(one.choice)}\n{figures(one.lately)}"
        change = ButtonElement(text=plain("Change"), action_id=SETTINGS, value=one.channel) if one.may_change else None
        blocks.append(section(text, accessory=change))
    if more:
        blocks.append(note(f"{more} more. `/sentiment status` there says the same."))
    return [*blocks, note(invite if channels else f"You are in none that I listen in. {invite}")]


def _privacy() -> str:
    return (
        "Texts are read on this team's own machines and forgotten with their label. For 30 days I know which label a "
        "message got, not who wrote it; for 100 days, how many messages of a channel got which label and how many "
        "people wrote. Counts are shown for at least five messages by three people on a day, and never by person. A "
        "correction is kept as a vote, with the text only where the channel chose that. A deleted message takes all of "
        "it along."
    )


class Home:
    """Built anew whenever it is opened and after each change."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_opened(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        ack()
        event = as_object(body.get("event"))
        user = event.get("user")
        if self._desk.is_ours(body) and event.get("tab") in (None, "home") and isinstance(user, str):
            self.show(user)

    def show(self, user: str) -> None:
        """Publish it, soon."""
        self._desk.later(lambda: self._publish(user), lambda why: self._excuse(user, why))

    def on_opt_out(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        ack()
        self._opt(body, out=True)

    def on_opt_in(self, ack: Callable[..., Any], body: dict[str, Any]) -> None:
        ack()
        self._opt(body, out=False)

    def _opt(self, body: dict[str, Any], *, out: bool) -> None:
        if not self._desk.is_ours(body):
            return
        user = str(as_object(body.get("user")).get("id"))

        def change() -> None:
            opt(self._desk, user, out=out)
            self._publish(user)

        self._desk.later(change, lambda why: self._excuse(user, why))

    def _excuse(self, user: str, why: str) -> None:
        self._show(user, home([header("Sentiment"), section(why)]))

    def _show(self, user: str, view: Json) -> None:
        try:
            self._desk.slack.call("views.publish", user_id=user, view=view)
        except Exception as error:
            _log.warning("app home not published", error=trouble(error).code)

    def _publish(self, user: str) -> None:
        """Raises QueueError, NotTold, and what slack_sdk raises."""
        desk = self._desk
        ids, more = self._visible(user)
        serving = desk.serving()
        today = datetime.now(UTC).date()
        listed = [
            Listed(
                channel,
                desk.choice(channel),
                lately(desk.memory.tags.days(channel, today, DAYS)),
                may_change=not desk.people.why_not_manage(user, channel),
            )
            for channel in ids
        ]
        opted_out = desk.memory.channels.opted_out(user)
        learned = f"told:{serving.version}:{user}" in desk.memory.errands.done(f"told:{serving.version}:")
        self._show(
            user,
            home_view(
                name=desk.me.name, opted_out=opted_out, channels=listed, more=more, serving=serving, learned=learned
            ),
        )

    def _visible(self, user: str) -> tuple[list[str], int]:
        """Channels both are in, by name, and how many more there are: nobody learns of a channel they cannot see."""
        kinds = {"types": "public_channel,private_channel", "exclude_archived": True, "limit": 200}
        ours = {one["id"]: one for one in self._conversations(**kinds)}
        theirs = {one["id"] for one in self._conversations(user=user, **kinds)}
        both = sorted((one for one in ours.values() if one["id"] in theirs), key=lambda one: str(one.get("name")))
        for info in both[:MOST_CHANNELS]:
            self._note(info)
        return [one["id"] for one in both[:MOST_CHANNELS]], max(0, len(both) - MOST_CHANNELS)

    def _conversations(self, **fields: object) -> list[dict[str, Any]]:
        pages = self._desk.slack.pages("users.conversations", **fields)
        return [one for page in pages for one in cast("list[dict[str, Any]]", page.get("channels", []))]

    def _note(self, info: dict[str, Any]) -> None:
        """Spares a question for each channel: the list tells who made it and who shares it."""
        channels, now_ms = self._desk.memory.channels, int(now().timestamp() * 1000)
        known = channels.facts(info["id"])
        if now_ms - known.asked_ms > timedelta(minutes=30) / timedelta(milliseconds=1) and "creator" in info:
            channels.note(info["id"], asked_ms=now_ms, creator=str(info["creator"]), shared=is_shared(info))
