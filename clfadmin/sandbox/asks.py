"""What people ask of the app: commands, clicks, shortcuts, windows. Sent once; what the app answers is carried out."""

import json
from dataclasses import dataclass, field
from typing import Any

from clfadmin.sandbox import payloads
from clfadmin.sandbox.delivery import Dispatcher
from clfadmin.sandbox.encoding import Json
from clfadmin.sandbox.hooks import Hooks, Triggers
from clfadmin.sandbox.kit.blocks import elements_of
from clfadmin.sandbox.kit.values import STATELESS, chosen, complaint, filled
from clfadmin.sandbox.kit.views import problems_of_view
from clfadmin.sandbox.log import Attempt
from clfadmin.sandbox.replies import say
from clfadmin.sandbox.store import Channel, Ephemeral, Message, User, View
from clfadmin.sandbox.windows import MAX_STACK
from clfadmin.sandbox.workspace import Workspace

NOT_ANSWERED = "operation_timeout"
NOT_REACHED = "dispatch_failed"
TROUBLE = "We had some trouble connecting. Try again?"


@dataclass(frozen=True)
class Outcome:
    """What came of it. `error`: the app did not answer, or wrongly. `errors`: by block, why a window stays open."""

    error: str = ""
    errors: dict[str, str] = field(default_factory=dict[str, str])


def failure_of(attempt: Attempt) -> str:
    if attempt.acked is not None:
        return ""
    return NOT_ANSWERED if attempt.failure in ("timeout", "http_timeout") else NOT_REACHED


def answer_of(attempt: Attempt) -> Json:
    """What the app said with its acknowledgement: a payload over a socket, a body over HTTP."""
    answer: Any = attempt.answer
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except ValueError:
            return {"text": answer} if answer.strip() else {}
    return answer if isinstance(answer, dict) else {}  # pyright: ignore[reportUnknownVariableType]


@dataclass
class Asks:
    """Shared by all workspaces. `base_url` is how the person reached the sandbox: response URLs begin with it."""

    dispatcher: Dispatcher
    hooks: Hooks = field(default_factory=Hooks)
    triggers: Triggers = field(default_factory=Triggers)

    async def command(
        self, workspace: Workspace, channel: Channel, user: User, words: tuple[str, str], base_url: str
    ) -> Outcome:
        """`words`: the command and what follows it. Who gets no answer is told so, as by Slack."""
        team = workspace.team
        payload = payloads.slash_command(
            team,
            channel,
            user,
            words[0],
            workspace.typed_after_command(words[1]),
            trigger=self.triggers.make(team.id, user.id),
            response_url=self.hooks.make(base_url, "commands", team.id, channel.id, user.id),
        )
        attempt = await self.dispatcher.ask("slash_commands", payload)
        error = failure_of(attempt)
        if error == NOT_ANSWERED:
            workspace.told_by_slack(channel, user, f"{words[0]} failed because the app did not respond.")
        elif error:
            workspace.told_by_slack(channel, user, f'{words[0]} failed with the error "{error}"')
        elif answer := answer_of(attempt):
            problem = say(workspace, channel, user, answer)
            if problem:
                workspace.told_by_slack(channel, user, f'{words[0]} failed with the error "{problem}"')
            return Outcome(problem)
        return Outcome(error)

    async def shortcut(
        self, workspace: Workspace, channel: Channel, message: Message, user: User, callback_id: str, base_url: str
    ) -> Outcome:
        team = workspace.team
        payload = payloads.message_shortcut(
            team,
            channel,
            message,
            user,
            callback_id,
            trigger=self.triggers.make(team.id, user.id),
            response_url=self.hooks.make(base_url, "app", team.id, channel.id, user.id),
        )
        return Outcome(failure_of(await self.dispatcher.ask("interactive", payload)))

    async def click(
        self,
        workspace: Workspace,
        place: tuple[Channel, Message | Ephemeral],
        user: User,
        used: tuple[Json, Json],
        value: Any,
        base_url: str,
    ) -> Outcome:
        """`used`: the block and its element in that message. Raises Unfit when the value does not fit it."""
        team, (channel, message), (block, element) = workspace.team, place, used
        wanted = {} if element["type"] == "button" else chosen(element, value, team)
        if element["type"] not in STATELESS:
            workspace.pick(user, message, used, wanted)
        payload = payloads.click_on_message(
            team,
            channel,
            message,
            user,
            payloads.action_of(block, element, wanted),
            trigger=self.triggers.make(team.id, user.id),
            response_url=self.hooks.make(base_url, "actions", team.id, channel.id, user.id, message.ts),
        )
        return Outcome(failure_of(await self.dispatcher.ask("interactive", payload)))

    async def click_in_view(
        self, workspace: Workspace, view: View, user: User, used: tuple[Json, Json], value: Any, typed: Json
    ) -> Outcome:
        """`typed`: what stands in the inputs by now. An input without `dispatch_action` tells the app nothing."""
        team, (block, element) = workspace.team, used
        wanted = {} if element["type"] == "button" else chosen(element, value, team)
        values = filled(view.blocks, view.values, typed, team)
        if element["type"] not in STATELESS:
            values.setdefault(block["block_id"], {})[element["action_id"]] = {"type": element["type"], **wanted}
        workspace.windows.type_in(view, values)
        if block["type"] == "input" and not block.get("dispatch_action"):
            return Outcome()
        trigger = self.triggers.make(team.id, user.id, view.id)
        payload = payloads.click_in_view(team, view, user, payloads.action_of(block, element, wanted), trigger)
        return Outcome(failure_of(await self.dispatcher.ask("interactive", payload)))

    async def submit(self, workspace: Workspace, view: View, user: User, typed: Json) -> Outcome:
        """Submit a window. Raises Unfit for a value that does not fit its element."""
        values = filled(view.blocks, view.values, typed, workspace.team)
        workspace.windows.type_in(view, values)
        errors = {
            block["block_id"]: problem
            for block, element in elements_of(view.blocks)
            if block["type"] == "input"
            and (problem := complaint(block, values[block["block_id"]][element["action_id"]]))
        }
        if errors:
            return Outcome(errors=errors)
        trigger = self.triggers.make(workspace.team.id, user.id, view.id)
        attempt = await self.dispatcher.ask("interactive", payloads.submission(workspace.team, view, user, trigger))
        if failure_of(attempt):
            return Outcome(TROUBLE)
        return self._carry_out(workspace, view, answer_of(attempt))

    def _carry_out(self, workspace: Workspace, view: View, answer: Json) -> Outcome:
        """What the app wants to become of a window that was submitted."""
        action, windows = answer.get("response_action"), workspace.windows
        if action is None:
            windows.close(view)
        elif action == "clear":
            windows.clear(view.user)
        elif action == "errors":
            errors: Any = answer.get("errors")
            inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
            if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:  # pyright: ignore[reportUnknownArgumentType]
                return Outcome(TROUBLE)
            return Outcome(errors={str(block): str(words) for block, words in errors.items()})  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        else:
            return self._replace(workspace, view, str(action), answer.get("view"))
        return Outcome()

    def _replace(self, workspace: Workspace, view: View, action: str, changed: Any) -> Outcome:
        stack = workspace.team.windows.get(view.user, [])
        if action not in ("update", "push") or not isinstance(changed, dict) or problems_of_view(changed):  # pyright: ignore[reportUnknownArgumentType]
            return Outcome(TROUBLE)
        if action == "update":
            workspace.windows.update(view, changed)  # pyright: ignore[reportUnknownArgumentType]
        elif len(stack) >= MAX_STACK:
            return Outcome(TROUBLE)
        else:
            workspace.windows.push(view.user, changed)  # pyright: ignore[reportUnknownArgumentType]
        return Outcome()

    async def close(self, workspace: Workspace, view: View, user: User, *, everything: bool) -> Outcome:
        """Close a window, or all on top of each other. The app hears of it where it asked to."""
        stack = workspace.team.windows.get(user.id, [])
        closed = stack[::-1] if everything or view.body["clear_on_close"] else [view]
        for one in closed:
            workspace.windows.close(one)
        error = ""
        for one in closed:
            if one.body["notify_on_close"]:
                payload = payloads.closing(workspace.team, one, user, cleared=len(closed) > 1 or everything)
                error = failure_of(await self.dispatcher.ask("interactive", payload)) or error
        return Outcome(error)
