"""Response URLs: where an app answers a command or a click, five times within half an hour."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

USES = 5
LIFE = 1_800.0  # seconds
TRIGGER_LIFE = 3.0

Now = Callable[[], float]


@dataclass
class Hook:
    """`source` is the ts of the message that was clicked on; a command has none."""

    team: str
    channel: str
    user: str
    source: str
    born: float
    uses: int = 0


@dataclass
class Hooks:
    """All response URLs of this process. Real time, whatever the clock: a person's click is not hurried."""

    now: Now = monotonic
    known: dict[str, Hook] = field(default_factory=dict[str, Hook])

    def make(self, base_url: str, kind: str, team: str, channel: str, user: str, source: str = "") -> str:
        """A new URL; `kind` is commands or actions, as in Slack's own."""
        self._forget_old()
        path = f"{kind}/{team}/{len(self.known) + 1}/{secrets.token_urlsafe(12)}"
        self.known[path] = Hook(team, channel, user, source, self.now())
        return f"{base_url}/hooks/{path}"

    def use(self, path: str) -> tuple[Hook | None, str]:
        """The hook, or why it cannot be used (any more), in Slack's word."""
        hook = self.known.get(path)
        if hook is None or self.now() - hook.born > LIFE:
            return None, "expired_url"
        if hook.uses >= USES:
            return None, "used_url"
        return hook, ""

    def _forget_old(self) -> None:
        """What nobody can use any more."""
        dead = [path for path, hook in self.known.items() if self.now() - hook.born > LIFE]
        for path in dead:
            del self.known[path]


@dataclass
class Trigger:
    team: str
    user: str
    born: float
    view: str = ""  # the window in which the click was made
    used: bool = False


@dataclass
class Triggers:
    """Each opens one window, within three seconds after what the person did."""

    now: Now = monotonic
    known: dict[str, Trigger] = field(default_factory=dict[str, Trigger])

    def make(self, team: str, user: str, view: str = "") -> str:
        trigger_id = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self.known = {name: one for name, one in self.known.items() if self.now() - one.born < LIFE}
        self.known[trigger_id] = Trigger(team, user, self.now(), view)
        return trigger_id

    def take(self, trigger_id: str, team: str) -> tuple[Trigger | None, str]:
        """The trigger, used up now; or why it cannot be used, in Slack's word."""
        trigger = self.known.get(trigger_id)
        if trigger is None or trigger.team != team:
            return None, "invalid_trigger_id"
        if trigger.used:
            return None, "exchanged_trigger_id"
        if self.now() - trigger.born > TRIGGER_LIFE:
            return None, "expired_trigger_id"
        trigger.used = True
        return trigger, ""
