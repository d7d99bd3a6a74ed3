"""The read-only status page: one HTML document without scripts, everything in it escaped."""

from html import escape
from typing import TYPE_CHECKING

from bot.beat import Link
from bot.identity import Identity
from bot.settings import Mode
from worker.fleet import QueueLengths

if TYPE_CHECKING:
    from bot.tagger import Health

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 2rem auto; max-width: 40rem; padding: 0 1rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem }
dt { font-weight: 600 } dd { margin: 0 } code { font-size: 1em }
.button { display: inline-block; padding: .5rem 1rem; border-radius: .5rem; background: #4a154b; color: #fff }
"""


SAFE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # an address may hold a code of Slack's
    "Cache-Control": "no-store",
}


def notice(title: str, body: str) -> str:
    """A page with a heading; `body` is HTML."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def status_page(served: list[Identity], link: Link, health: "Health", lengths: QueueLengths | None) -> str:
    """`served`: one for each workspace. `lengths` None: the queue could not be read."""
    names = ", ".join(me.team_name or me.team for me in served)
    rows = [
        ("Workspace" if len(served) == 1 else "Workspaces", names or "none yet"),
        ("Connection", _connection(link)),
        ("State", "all is well" if health.ready else " ".join(health.problems)),
        *_queue_rows(lengths),
    ]
    table = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    name = escape(next((me.name or me.bot_user for me in served), "sentiment"))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="10">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title><style>{_STYLE}</style><body><main><h1>@{name}</h1><dl>{table}</dl>"
        f"<h2>Invite it</h2><p>In Slack, open a channel and write <code>/invite @{name}</code>. "
        "From then on it labels the messages written there; in a direct message it answers at once.</p>"
        "</main></body></html>"
    )


def _connection(link: Link) -> str:
    if link.mode is not Mode.SOCKET:
        return "events come by HTTP" if link.mode is Mode.HTTP else "events come through another app"
    if not link.connected:
        return "not connected"
    return f"connected by Socket Mode, {link.sockets} socket{'' if link.sockets == 1 else 's'} of this app"


def _queue_rows(lengths: QueueLengths | None) -> list[tuple[str, str]]:
    if lengths is None:
        return [("Queue", "cannot be read")]
    return [
        ("Waiting for a worker", str(lengths.waiting)),
        ("With a worker", str(lengths.leased)),
        ("Waiting to be posted", str(lengths.results)),
        ("Dead letters", str(lengths.dead)),
    ]
