"""Jobs, results and events that were damaged on their way. Chances come from the caller, so a seed repeats them."""

import itertools
import json
import random
import time
from collections.abc import Callable
from typing import Any

from clfadmin.sandbox.store import APP_ID
from tests.chaos.ledger import TEAM, TEXTS
from worker.jobs import MAX_DATA_BYTES, Job, Outcome, Result, job_id, message_id

# Nobody has it: what is damaged too little to be refused is not posted either.
NOWHERE = "C0NOWHERE"
# Not a higher schema than ours: that waits for a newer release, for an hour and by design.
SCHEMAS = (b"1", b"1", b"1", b"1", b"0", b"-1", b"", b"one", b"1.5", b"\xff\xfe")
ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    2**70,
    1e308,
    "",
    "x" * 300,
    "x" * 10_000,
    "\x00\x01",
    "\ud800",
    "🎉" * 100,
    "‮evil",
    [],
    [[[[]]]],
    {},
    {"a": {"b": {}}},
    "1' OR '1'='1",
    "<!channel> <@U0BOT>",
)
_numbers = itertools.count(1)


def job(dice: random.Random) -> dict[bytes, bytes]:
    """An entry for the stream of jobs."""
    return _entry(dice, json.loads(to_nowhere(dice).encode()))


def result(dice: random.Random) -> dict[bytes, bytes]:
    """An entry for the stream of results."""
    one = to_nowhere(dice)
    same = {name: getattr(one, name) for name in ("message", "team", "channel", "ts", "user")}
    whole = Result(job=one.id, outcome=Outcome.OK, label="positive", emoji=":smile:", version="tiny", gen=1, **same)
    return _entry(dice, json.loads(whole.encode()))


def event(dice: random.Random) -> bytes:
    """The body of a request of Slack's."""
    inner = {"type": "message", "channel": NOWHERE, "user": "U0ADA", "text": dice.choice(TEXTS), "ts": _ts()}
    body: dict[str, Any] = {
        "type": "event_callback",
        "team_id": TEAM,
        "api_app_id": APP_ID,
        "event_id": f"Ev{next(_numbers)}",
        "event_time": int(time.time()),
        "event": inner,
    }
    _damage(dice, dice.choice((body, inner)))
    return _bytes(dice, body)


def to_nowhere(dice: random.Random) -> Job:
    """A sound job of a channel nobody has."""
    ts = _ts()
    message = message_id(TEAM, NOWHERE, ts)
    text = dice.choice(TEXTS)
    return Job(id=job_id(message), message=message, team=TEAM, channel=NOWHERE, ts=ts, user="U0ADA", text=text)


def _ts() -> str:
    return f"{int(time.time())}.{next(_numbers) % 1_000_000:06d}"


def _entry(dice: random.Random, data: dict[str, Any]) -> dict[bytes, bytes]:
    _damage(dice, data)
    # Another workspace's waits for a bot that serves it, for an hour and by design.
    data = {name: TEAM if name == "team" and isinstance(value, str) else value for name, value in data.items()}
    fields = {b"v": dice.choice(SCHEMAS), b"data": _bytes(dice, data)}
    if dice.random() < 0.1:
        del fields[dice.choice((b"v", b"data"))]
    return fields or {b"": b""}


def _damage(dice: random.Random, data: dict[str, Any]) -> None:
    """Change up to three fields: gone, of another kind, renamed, or new."""
    for _ in range(dice.randint(0, 3)):
        name = dice.choice(list(data) or ["x"])
        changes: tuple[Callable[[], object], ...] = (
            lambda name=name: data.pop(name, None),
            lambda name=name: data.update({name: dice.choice(ODD)}),
            lambda name=name: data.update({name.upper(): data.pop(name, None)}),
            lambda: data.update({f"new{dice.randint(0, 9)}": dice.choice(ODD)}),
        )
        dice.choice(changes)()


def _bytes(dice: random.Random, data: dict[str, Any]) -> bytes:
    whole = json.dumps(data).encode()
    match dice.randint(0, 11):
        case 0:
            return whole[: dice.randint(0, len(whole))]
        case 1:
            place = dice.randrange(len(whole))
            return whole[:place] + dice.randbytes(3) + whole[place + 3 :]
        case 2:
            return dice.randbytes(dice.randint(0, 200))
        case 3:
            return b"[" * 100_000
        case 4:
            return whole + b" " * MAX_DATA_BYTES
        case 5:
            return dice.choice((b"null", b"[]", b"1", b'"x"', b"NaN", b'{"text": NaN}'))
        case _:
            return whole
