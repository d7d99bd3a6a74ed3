"""Signatures: in time, once, and a clock that is off is told apart from a stranger."""

import hashlib
import hmac

import pytest
from structlog.testing import capture_logs

from bot.signature import MOST, REMEMBERED, Signatures

SECRET, NOW = "8f742231b10e8888abcd99yyyzzz85a5", 1_700_000_000.0


def sign(body: str, at: int, secret: str = SECRET) -> str:
    return "v0=" + hmac.new(secret.encode(), f"v0:{at}:{body}".encode(), hashlib.sha256).hexdigest()


def at(seconds: float) -> Signatures:
    return Signatures(SECRET, clock=lambda: NOW + seconds)


@pytest.mark.parametrize(("off", "fits"), [(0, True), (299, True), (-299, True), (301, False), (-301, False)])
def test_a_signature_is_good_for_five_minutes(off: int, fits: bool):
    assert at(0).is_slacks("b", str(int(NOW) + off), sign("b", int(NOW) + off)) is fits


def test_a_clock_that_is_off_is_said_once_a_minute_and_a_strangers_signature_is_not():
    signatures, old = at(0), int(NOW) - 4000
    with capture_logs() as logs:
        for _ in range(3):
            assert not signatures.is_slacks("b", str(old), sign("b", old))
            assert not signatures.is_slacks("b", str(old), sign("b", old, secret="another"))
    assert [(one["log_level"], one["off_seconds"]) for one in logs] == [("warning", 4000)]


def test_a_signature_is_new_once():
    signatures = at(0)
    assert [signatures.is_new(one) for one in ("a", "b", "a", "b")] == [True, True, False, False]


def test_what_is_older_than_any_replay_may_be_is_forgotten():
    now = NOW
    signatures = Signatures(SECRET, clock=lambda: now)
    assert signatures.is_new("a")
    now += REMEMBERED.total_seconds() - 1
    assert not signatures.is_new("a")
    now += 2
    assert signatures.is_new("a")


def test_memory_is_bounded():
    signatures = at(0)
    assert all(signatures.is_new(str(number)) for number in range(MOST + 5))
    assert signatures.is_new("0"), "the oldest made room"
    assert not signatures.is_new(str(MOST + 4))
