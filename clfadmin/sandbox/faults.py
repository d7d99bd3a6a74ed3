"""Faults a tester asked for: which, how often, how long."""

from dataclasses import dataclass, field
from time import monotonic

# Web API calls: taken by the next `count` calls of `method`.
CALL_FAULTS = frozenset(
    {"rate_limited", "server_error", "html_error", "bad_json", "reset_before", "accept_then_drop", "stall"}
)
# They hold until cleared, unless `count` or `seconds` says otherwise.
STANDING_FAULTS = frozenset({"token_revoked", "history_denied", "history_lags"})
# Done at once to the sockets there are.
SOCKET_FAULTS = frozenset({"disconnect", "drop_socket", "close_frame", "silent_socket"})
# Taken by what comes next: a connection, an event, a message with a link.
COMING_FAULTS = frozenset({"no_hello", "duplicate_events", "reorder_events", "unfurl"})
FAULTS = CALL_FAULTS | STANDING_FAULTS | SOCKET_FAULTS | COMING_FAULTS

# Both are about a post whose fate the bot cannot know; other methods only when named.
POST_FAULTS = frozenset({"reset_before", "accept_then_drop"})
DISCONNECT_REASONS = ("warning", "refresh_requested", "too_many_websockets", "link_disabled")


@dataclass
class Fault:
    """`left` None means no limit by count, `until` None none by time (real seconds, monotonic)."""

    kind: str
    method: str = ""
    left: int | None = None
    until: float | None = None
    seconds: float = 0.0

    @property
    def over(self) -> bool:
        return self.left == 0 or (self.until is not None and monotonic() >= self.until)

    @property
    def retry_after(self) -> float:
        """Seconds until this fault ends, where it ends by time."""
        return max(0.0, self.until - monotonic()) if self.until is not None else 0.0


def make_fault(kind: str, method: str, count: int | None, seconds: float | None) -> Fault:
    """What `POST /_sandbox/faults` means by its fields.

    For `stall` and `history_lags`, `seconds` is how long the answer takes and how far history is behind; for the
    others it is how long the fault lasts. Without either a call fault strikes once.
    """
    how_long = kind in ("stall", "history_lags")
    until = None if seconds is None or how_long else monotonic() + seconds
    left = count
    if count is None and until is None and kind not in STANDING_FAULTS:
        left = 2 if kind == "reorder_events" else 1
    if kind in POST_FAULTS and not method:
        method = "chat.postMessage"
    return Fault(kind, method, left, until, seconds if seconds is not None else 10.0 if how_long else 0.0)


@dataclass
class Faults:
    """The faults not yet used up."""

    pending: list[Fault] = field(default_factory=list[Fault])

    def add(self, fault: Fault) -> None:
        self.pending.append(fault)

    def take(self, kind: str, method: str = "") -> Fault | None:
        """Use one up: the first of `kind` meant for `method`, or for any."""
        self.pending = [fault for fault in self.pending if not fault.over]
        for fault in self.pending:
            if fault.kind == kind and fault.method in ("", method):
                if fault.left is not None:
                    fault.left -= 1
                return fault
        return None

    def has(self, kind: str) -> bool:
        """Whether one of `kind` is left, without using it."""
        return any(fault.kind == kind and not fault.over for fault in self.pending)

    def clear(self) -> None:
        self.pending.clear()
