"""`python -m bot --history CHANNEL --json`: what was said lately, for a candidate to be tried on. Nothing is stored.

Only what the bot labels anyway: channels it listens in, messages of people who have not opted out. Slack shows what the
workspace's retention has left.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from bot.choices import Listen, usual
from bot.history import HISTORY
from bot.identity import Identity
from bot.installation import installations
from bot.listeners import to_job
from bot.settings import Settings
from bot.slack_client import Slack, quiet_web_client
from bot.slack_errors import trouble
from bot.store import Memory, Store
from bot.vault import Vault
from worker.jobs import Job, Keys, Origin

ALL = "all"
# Of each channel, the latest; a page of Slack's.
MESSAGES = 200
# Of all channels together: two versions look at each in a minute or so.
MOST = 2_000


class NoHistory(Exception):
    """Slack or Redis does not answer, or the bot may not read there. One line."""


def recent(settings: Settings, channel: str) -> dict[str, Any]:
    """The document: `messages` with channel, ts and text, newest first. Raises NoHistory, QueueError."""
    with closing(Store(settings.redis_url, keys=Keys(settings.clf_prefix))) as store:
        try:
            found: list[Job] = []
            for slack, me in _served(settings, store):
                memory = store.of(me.team)
                listed = _channels(slack) if channel == ALL or settings.several else [channel]
                for place in listed if channel == ALL else [one for one in listed if one == channel]:
                    if len(found) < MOST and _listens(memory, place, settings):
                        found += _said(slack, me, memory, place)
        except Exception as error:
            why = trouble(error)
            raise NoHistory(f"Slack does not show what was said: {why.code}.") from error
    messages = [{"channel": job.channel, "ts": job.ts, "text": job.text} for job in found[:MOST]]
    return {"channel": channel, "messages": messages}


def _served(settings: Settings, store: Store) -> Iterator[tuple[Slack, Identity]]:
    """Each workspace the bot is in."""
    if not settings.several:
        slack = Slack(quiet_web_client(settings.slack_bot_token.get_secret_value(), settings.slack_api_url))
        yield slack, slack.identify()
        return
    for _, one in installations(store, Vault(settings.clf_secret_key.get_secret_value())):
        if one:
            yield Slack(quiet_web_client(one.token, settings.slack_api_url)), one.me


def _channels(slack: Slack) -> list[str]:
    pages = slack.pages("users.conversations", types="public_channel,private_channel", exclude_archived=True, limit=200)
    return [str(one["id"]) for page in pages for one in page.get("channels", [])]


def _listens(memory: Memory, channel: str, settings: Settings) -> bool:
    shared = memory.channels.facts(channel).shared
    default = usual(reply=settings.clf_reply, unsure=settings.clf_unsure, shared=shared)
    return memory.channels.choice(channel, default).listen is Listen.ON


def _said(slack: Slack, me: Identity, memory: Memory, channel: str) -> list[Job]:
    page = slack.call(HISTORY, channel=channel, limit=MESSAGES)
    made = (to_job({**message, "channel": channel}, me, origin=Origin.HISTORY) for message in page.get("messages", []))
    jobs = [job for job in made if isinstance(job, Job)]
    away = {user for user in {job.user for job in jobs} if memory.channels.opted_out(user)}
    return [job for job in jobs if job.user not in away]
