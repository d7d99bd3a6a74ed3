"""`/oauth/v2/authorize`: the page on which somebody allows the app into their workspace."""

from html import escape
from string import Template
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from clfadmin.sandbox.sandbox import Sandbox
from clfadmin.sandbox.workspace import Workspace

# A form's answer may lead back to the app, on this machine only.
POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self' http://127.0.0.1:* http://localhost:* https://127.0.0.1:* https://localhost:*"
)
LOCAL = ("127.0.0.1", "localhost")
PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Install $app</title>
<link rel="stylesheet" href="/page/base.css">
<link rel="stylesheet" href="/page/allow.css">
</head>
<body>
<main class="allow">
<h1>$app asks for access to a workspace</h1>
<p>It wants to:</p>
<ul>$scopes</ul>
<form method="post" action="/oauth/v2/authorize">
$kept
<label for="team">Workspace</label>
<select id="team" name="team">$teams</select>
<label for="user">You are</label>
<select id="user" name="user">$people</select>
<div class="dialog-foot">
<button class="button quiet" name="answer" value="no">Cancel</button>
<button class="button" name="answer" value="allow">Allow</button>
</div>
</form>
</main>
</body>
</html>
""")


def problem_of(sandbox: Sandbox, asked: dict[str, str]) -> str:
    """Why Slack would show an error instead of the question."""
    if asked.get("client_id") != sandbox.settings.client_id:
        return "invalid_client_id"
    if not asked.get("scope"):
        return "invalid_scope: no scopes requested"
    back = urlsplit(back_of(sandbox, asked))
    if back.scheme not in ("http", "https") or back.hostname not in LOCAL:
        return "bad_redirect_uri: the sandbox leads back to this machine only"
    return ""


def allow(sandbox: Sandbox, workspace: Workspace, user: str, asked: dict[str, str]) -> str:
    """The app may come in; the address to which the browser goes next."""
    scopes = [scope for scope in asked["scope"].replace(" ", ",").split(",") if scope]
    workspace.team.scopes[:] = scopes
    code = sandbox.installs.code(workspace.team.id, user, asked.get("redirect_uri", ""))
    return back_to(sandbox, asked, code=code)


def back_of(sandbox: Sandbox, asked: dict[str, str]) -> str:
    """Where the browser goes next: the address asked for, else the one in the app's settings, beside its events."""
    if asked.get("redirect_uri"):
        return asked["redirect_uri"]
    events = urlsplit(sandbox.settings.events_url)
    return f"{events.scheme}://{events.netloc}/slack/oauth_redirect" if events.netloc else ""


def back_to(sandbox: Sandbox, asked: dict[str, str], **answer: str) -> str:
    answer["state"] = asked.get("state", "")
    back = back_of(sandbox, asked)
    glue = "&" if urlsplit(back).query else "?"
    return f"{back}{glue}{urlencode(answer)}"


def option(value: str, text: str, *, chosen: bool = False) -> str:
    return f'<option value="{escape(value)}"{" selected" if chosen else ""}>{escape(text)}</option>'


class Authorize:
    """The endpoint: GET asks, POST answers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def handle(self, request: Request) -> Response:
        if request.method == "GET":
            return self._ask(dict(request.query_params))
        form = {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}
        return self._answer(form)

    def _ask(self, asked: dict[str, str]) -> Response:
        problem = problem_of(self.sandbox, asked)
        if problem:
            return PlainTextResponse(problem, 400)
        kept = "".join(
            f'<input type="hidden" name="{name}" value="{escape(asked.get(name, ""))}">'
            for name in ("client_id", "scope", "redirect_uri", "state")
        )
        teams = [workspace.team for workspace in self.sandbox.workspaces.values()]
        wanted = asked.get("team", "")
        people = dict.fromkeys(user.name for team in teams for user in team.users.values() if not user.bot_id)
        page = PAGE.substitute(
            app=escape(teams[0].bot.name),
            scopes="".join(f"<li>{escape(scope)}</li>" for scope in asked["scope"].split(",")),
            kept=kept,
            teams="".join(option(team.id, team.name, chosen=wanted in (team.id, team.name)) for team in teams),
            people="".join(option(name, name) for name in people),
        )
        return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})

    def _answer(self, form: dict[str, str]) -> Response:
        problem = problem_of(self.sandbox, form)
        workspace = self.sandbox.workspace(form.get("team", ""))
        user = workspace.team.user(form.get("user", "")) if workspace else None
        if problem or workspace is None or user is None:
            return PlainTextResponse(problem or "no such workspace or person", 400)
        if form.get("answer") != "allow":
            return RedirectResponse(back_to(self.sandbox, form, error="access_denied"), 302)
        return RedirectResponse(allow(self.sandbox, workspace, user.id, form), 302)
