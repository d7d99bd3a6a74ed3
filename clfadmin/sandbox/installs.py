"""Installing the app by OAuth: codes, tokens that expire and are renewed, tokens that are revoked."""

import secrets
from dataclasses import dataclass, field

from clfadmin.sandbox.clock import Clock

CODE_LIFE = 600.0
ROTATED_LIFE = 43_200  # seconds a token lives where rotation is on: twelve hours


@dataclass
class Code:
    """Good for one exchange, at the address it was given to."""

    team: str
    user: str
    redirect_uri: str
    born: float
    used: bool = False


@dataclass
class Token:
    """`ends` None: it lives until it is revoked. `gone`: Slack's word for why it works no longer."""

    team: str
    ends: float | None = None
    gone: str = ""


@dataclass
class Installs:
    """All that OAuth has handed out. Its time is the clock's, so that a hurried sandbox shows a renewal."""

    clock: Clock
    rotation: bool = False
    codes: dict[str, Code] = field(default_factory=dict[str, Code], repr=False)
    tokens: dict[str, Token] = field(default_factory=dict[str, Token], repr=False)
    refreshes: dict[str, str] = field(default_factory=dict[str, str], repr=False)  # refresh token -> team

    def code(self, team: str, user: str, redirect_uri: str) -> str:
        """What the browser carries to the app after `Allow`."""
        code = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(24)}"
        self.codes[code] = Code(team, user, redirect_uri, self.clock.now())
        return code

    def redeem(self, code: str, redirect_uri: str) -> tuple[Code | None, str]:
        """The code, used up now; or Slack's word for why it cannot be used."""
        found = self.codes.get(code)
        if found is None or self.clock.now() - found.born > CODE_LIFE:
            return None, "invalid_code"
        if found.used:
            return None, "code_already_used"
        if redirect_uri != found.redirect_uri:
            return None, "bad_redirect_uri"
        found.used = True
        return found, ""

    def issue(self, team: str, *, rotated: bool) -> tuple[str, str]:
        """A bot token, and with `rotated` the token that renews it."""
        kind = "xoxe.xoxb-1-" if rotated else "xoxb-"
        token = kind + secrets.token_urlsafe(18)
        self.tokens[token] = Token(team, self.clock.now() + ROTATED_LIFE if rotated else None)
        if not rotated:
            return token, ""
        refresh = "xoxe-1-" + secrets.token_urlsafe(18)
        self.refreshes[refresh] = team
        return token, refresh

    def renew(self, refresh: str) -> str:
        """The team that a refresh token stands for; it works once. Empty for a wrong one."""
        return self.refreshes.pop(refresh, "")

    def adopt(self, token: str, team: str) -> None:
        """A token known from the start."""
        self.tokens[token] = Token(team)

    def find(self, token: str) -> tuple[str, str]:
        """The team of a bot token, or Slack's word for why it is of no use."""
        found = self.tokens.get(token)
        if found is None:
            return "", "invalid_auth"
        if found.ends is not None and self.clock.now() >= found.ends:
            return "", "token_expired"
        return ("", found.gone) if found.gone else (found.team, "")

    def revoke(self, token: str) -> None:
        self.tokens[token].gone = "token_revoked"

    def end(self, team: str) -> None:
        """No token of that team works any more."""
        for token in self.tokens.values():
            if token.team == team and not token.gone:
                token.gone = "account_inactive"
        self.refreshes = {refresh: owner for refresh, owner in self.refreshes.items() if owner != team}

    def alive(self, team: str) -> bool:
        return any(one.team == team and not one.gone for one in self.tokens.values())

    def clear(self) -> None:
        self.rotation = False
        for known in (self.codes, self.tokens, self.refreshes):
            known.clear()
