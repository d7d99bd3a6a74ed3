"""Windows and App Home: views.* by the real WebClient, submitted and closed by people."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient

from tests.conftest import wait_until
from tests.sandbox.asking_app import FORM, MENU, Asked, buttons, make_asked, plain, typing, window, words
from tests.sandbox.conftest import connected, error_of, refusal
from tests.sandbox_client import SandboxClient


@pytest.fixture
def asked(sandbox: SandboxClient) -> Iterator[Asked]:
    asked = make_asked(sandbox)
    with connected(sandbox, asked.app):
        yield asked


@pytest.fixture
def form(sandbox: SandboxClient, asked: Asked) -> str:
    """The id of an open window with one input, `why`."""
    (view,) = sandbox.command("open")["views"]
    return view["id"]


def trigger(sandbox: SandboxClient) -> str:
    """Of a click just made, while no app is there to use it."""
    sandbox.command("x")
    return sandbox.log()["envelopes"][-1]["payload"]["trigger_id"]


def titles(sandbox: SandboxClient, user: str = "ada") -> list[str]:
    return [view["title"] for view in sandbox.sees(user)["views"]]


def test_a_submitted_window_tells_what_was_typed_and_closes(sandbox: SandboxClient, asked: Asked, form: str) -> None:
    assert sandbox.submit(form, "ada", {"why": "because"})["views"] == []
    sent = asked.last("view_submission")
    assert sent["view"]["state"] == {"values": {"why": {"typed": {"type": "plain_text_input", "value": "because"}}}}
    assert (sent["view"]["callback_id"], sent["view"]["id"], sent["user"]["id"]) == ("form", form, "U0ADA")


def test_what_is_missing_never_reaches_the_app(sandbox: SandboxClient, asked: Asked, form: str) -> None:
    shown = sandbox.submit(form, "ada")
    assert (shown["ok"], shown["errors"]) == (False, {"why": "Please complete this required field."})
    assert [one.get("type") for one in asked.got] == [None]


def test_the_app_keeps_a_window_open_with_errors(sandbox: SandboxClient, asked: Asked, form: str) -> None:
    asked.answers += [{"response_action": "errors", "errors": {"why": "Not like this."}}]
    shown = sandbox.submit(form, "ada", {"typed": "so"})
    assert shown["errors"] == {"why": "Not like this."}
    assert [view["id"] for view in shown["views"]] == [form]
    asked.answers += [{"response_action": "errors", "errors": {"nowhere": "x"}}]
    assert "trouble" in sandbox.submit(form, "ada", {"typed": "so"})["error"]


def test_an_answer_can_change_add_or_clear_windows(sandbox: SandboxClient, asked: Asked, form: str) -> None:
    asked.answers += [
        {"response_action": "update", "view": {**FORM, "title": plain("Changed")}},
        {"response_action": "push", "view": {**FORM, "title": plain("On top")}},
        {"response_action": "clear"},
    ]
    changed = sandbox.submit(form, "ada", {"why": "x"})["views"]
    assert [(view["id"], view["title"]) for view in changed] == [(form, "Changed")]
    assert changed[0]["values"]["why"]["typed"]["value"] == "x", "what was typed stays"
    stack = sandbox.submit(form, "ada", {"why": "x"})["views"]
    assert [view["title"] for view in stack] == ["Changed", "On top"]
    assert refusal(sandbox, "POST", f"views/{form}", {"user": "ada", "values": {"why": "x"}})[0] == 409
    assert sandbox.submit(stack[1]["id"], "ada", {"why": "x"})["views"] == []


def test_closing_is_told_where_the_app_asked_for_it(sandbox: SandboxClient, asked: Asked, form: str) -> None:
    assert sandbox.close_view(form, "ada")["views"] == []
    closed = asked.last("view_closed")
    assert (closed["view"]["id"], closed["is_cleared"]) == (form, False)


def test_windows_lie_on_each_other_at_most_three_deep(sandbox: SandboxClient, web: WebClient, asked: Asked) -> None:
    web.views_publish(user_id="U0ADA", view={"type": "home", "blocks": [buttons("other")]})
    sandbox.command("open")
    web.views_update(view_id=sandbox.sees("ada")["views"][0]["id"], view=window("Bottom", buttons("deeper")))
    for depth in (1, 2):
        sandbox.click_in(sandbox.sees("ada")["views"][-1]["id"], "ada", "deeper")
        wait_until(lambda depth=depth: len(titles(sandbox)) == depth + 1, "the window on top")
    sandbox.click_in(sandbox.sees("ada")["views"][-1]["id"], "ada", "deeper")
    wait_until(lambda: len(sandbox.calls("views.push")) == 3, "one too many")
    assert sandbox.calls("views.push")[-1]["answer"]["error"] == "push_limit_reached"
    assert titles(sandbox) == ["Bottom", "Deeper", "Deeper"]
    late = asked.last("block_actions")["trigger_id"]
    assert error_of(lambda: web.views_push(trigger_id=late, view=window("x"))) == "exchanged_trigger_id"
    assert sandbox.close_view(sandbox.sees("ada")["views"][2]["id"], "ada", everything=True)["views"] == []


def test_a_click_in_a_window_tells_what_is_typed_by_then(
    sandbox: SandboxClient, asked: Asked, form: str, web: WebClient
) -> None:
    web.views_update(view_id=form, view={**FORM, "blocks": [typing("why"), words("x", block_id="m", accessory=MENU)]})
    sandbox.click_in(form, "ada", "label", "negative", why="half a sent")
    click = asked.last("block_actions")
    assert click["container"] == {"type": "view", "view_id": form}
    assert click["view"]["state"]["values"]["why"]["typed"]["value"] == "half a sent"
    assert click["view"]["state"]["values"]["m"]["label"]["selected_option"]["value"] == "negative"
    assert "response_url" not in click


def test_an_update_with_an_old_hash_is_refused(sandbox: SandboxClient, web: WebClient) -> None:
    first = web.views_open(trigger_id=trigger(sandbox), view={**FORM, "external_id": "mine"})["view"]
    second = web.views_update(external_id="mine", hash=first["hash"], view=window("Second"))["view"]
    assert second["hash"] != first["hash"]
    refused = error_of(lambda: web.views_update(view_id=first["id"], hash=first["hash"], view=window("Third")))
    assert refused == "hash_conflict"
    assert titles(sandbox) == ["Second"]
    assert error_of(lambda: web.views_update(view_id="V0NOWHERE", view=window("x"))) == "not_found"


def test_two_views_never_share_an_external_id(sandbox: SandboxClient, web: WebClient) -> None:
    web.views_publish(user_id="U0ADA", view={"type": "home", "external_id": "one", "blocks": []})
    again = {"trigger_id": trigger(sandbox), "view": window("x", external_id="one")}
    assert error_of(lambda: web.views_open(**again)) == "duplicate_external_id"


@pytest.mark.parametrize(
    ("view", "problem"),
    [
        ({"type": "home", "blocks": []}, "must be a modal"),
        (window("a title that is far too long"), "must be no more than 24 characters [json-pointer:/view/title/text]"),
        (window("x", typing("why")), "submit is required"),
        (window("x", *[{"type": "divider"}] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
        (window("x", colour="red"), "invalid additional property: colour [json-pointer:/view]"),
        ({"type": "modal", "blocks": []}, "missing required field: title"),
        ({"type": "popup"}, "unsupported type: popup"),
    ],
)
def test_a_bad_window_is_refused_with_the_place_of_the_fault(
    sandbox: SandboxClient, web: WebClient, view: dict[str, Any], problem: str
) -> None:
    headers = {"Authorization": f"Bearer {web.token}"}
    body = {"trigger_id": "1", "view": view}
    answer = sandbox.http.post(f"{sandbox.api_url}views.open", json=body, headers=headers).json()
    assert answer["error"] == "invalid_arguments"
    assert problem in " ".join(answer["response_metadata"]["messages"])


def test_app_home_is_opened_published_and_published_again(sandbox: SandboxClient, asked: Asked, web: WebClient) -> None:
    shown = sandbox.home("ada")
    wait_until(lambda: sandbox.sees("ada")["home"], "App Home")
    (opened,) = asked.got
    assert (opened["tab"], opened["channel"], opened.get("view")) == ("home", shown["channel"], None)
    home = sandbox.sees("ada")["home"]
    sandbox.click_in(home["id"], "ada", "refresh")
    assert asked.last("block_actions")["view"]["type"] == "home"
    again = {"type": "home", "blocks": [words("now")]}
    web.views_publish(user_id="U0ADA", hash=home["hash"], view=again)
    assert error_of(lambda: web.views_publish(user_id="U0ADA", hash=home["hash"], view=again)) == "hash_conflict"
    assert sandbox.sees("ada")["home"]["blocks"][0]["text"]["text"] == "now"
    assert sandbox.sees("mary")["home"] is None
    sandbox.home("ada")
    wait_until(lambda: len([one for one in asked.got if one["type"] == "app_home_opened"]) == 2, "the second opening")
    assert asked.last("app_home_opened")["view"]["id"] == home["id"]
