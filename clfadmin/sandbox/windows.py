"""The windows and App Homes of one workspace: a stack of windows for each person, the one on top last."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any

from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.ids import ALPHABET
from clfadmin.sandbox.kit.values import initial_state, kept_state
from clfadmin.sandbox.kit.views import body_of
from clfadmin.sandbox.store import Team, View

MAX_STACK = 3  # windows on top of each other


def fresh_hash() -> str:
    """Changes with each update, so that an app can see that it was late."""
    return f"{int(time())}.{secrets.token_hex(4)}"


@dataclass
class Windows:
    """Changes views; `announce` tells the pages that somebody sees something else now."""

    team: Team
    announce: Callable[[Json], None]

    def open(self, user: str, view: Json) -> View:
        """A new stack; what was open is closed."""
        opened = self._made(user, view)
        self.team.windows[user] = [opened]
        self._show(user)
        return opened

    def push(self, user: str, view: Json) -> View:
        """On top of the open window; the caller has checked that there is one, and room."""
        stack = self.team.windows[user]
        opened = self._made(user, view)
        opened.root, opened.previous = stack[0].id, stack[-1].id
        stack.append(opened)
        self._show(user)
        return opened

    def update(self, view: View, changed: Json) -> View:
        """Other content in the same window. What was typed stays where ids and kind stay."""
        view.body, view.hash = body_of(changed), fresh_hash()
        view.values = kept_state(view.blocks, view.values)
        self._show(view.user)
        return view

    def publish(self, user: str, view: Json) -> View:
        """The App Home of `user`, first or again."""
        home = self.team.homes.get(user)
        if home is not None:
            return self.update(home, view)
        home = self._made(user, view)
        self.team.homes[user] = home
        self._show(user)
        return home

    def close(self, view: View) -> None:
        stack = self.team.windows.get(view.user, [])
        if view in stack:
            stack.remove(view)
            self._show(view.user)

    def clear(self, user: str) -> None:
        self.team.windows.pop(user, None)
        self._show(user)

    def type_in(self, view: View, values: dict[str, dict[str, Json]]) -> None:
        view.values = values

    def _made(self, user: str, view: Json) -> View:
        body = body_of(view)
        view_id = "V" + "".join(secrets.choice(ALPHABET) for _ in range(10))
        return View(view_id, user, body, fresh_hash(), root=view_id, values=initial_state(body["blocks"]))

    def _show(self, user: str) -> None:
        note: dict[str, Any] = {"kind": "sees", "team": self.team.id, "user": user}
        self.announce(note)
