"""conversations.*, users.* and their cursors, called by the real WebClient."""

from slack_sdk import WebClient

from tests.sandbox.conftest import error_of
from tests.sandbox_client import SandboxClient

METADATA = {"event_type": "tagged", "event_payload": {"label": "positive"}}
GENERAL = "C0GENERAL"


def texts(answer: object) -> list[str]:
    return [message["text"] for message in answer["messages"]]  # type: ignore[index]


def test_history_is_newest_first_in_pages_without_gap_or_repeat(sandbox: SandboxClient, web: WebClient) -> None:
    for number in range(25):
        sandbox.post("general", "ada", f"message {number}")
    pages = [(texts(page), page["has_more"]) for page in web.conversations_history(channel=GENERAL, limit=10)]
    assert [(len(told), more) for told, more in pages] == [(10, True), (10, True), (5, False)]
    assert [text for told, _ in pages for text in told] == [f"message {n}" for n in range(24, -1, -1)]


def test_history_holds_parents_and_replies_hold_the_thread(sandbox: SandboxClient, web: WebClient) -> None:
    parent = sandbox.post("general", "ada", "parent")
    sandbox.post("general", "mary", "one", parent)
    last = sandbox.post("general", "ada", "two", parent)
    (told,) = web.conversations_history(channel=GENERAL)["messages"]
    assert (told["reply_count"], told["latest_reply"], told["reply_users"]) == (2, last, ["U0MARY", "U0ADA"])
    assert texts(web.conversations_replies(channel=GENERAL, ts=parent)) == ["parent", "one", "two"]
    assert texts(web.conversations_replies(channel=GENERAL, ts=last)) == ["two"]
    missing = error_of(lambda: web.conversations_replies(channel=GENERAL, ts="1700000000.000100"))
    assert missing == "thread_not_found"


def test_replies_come_in_pages_that_all_begin_with_the_parent(sandbox: SandboxClient, web: WebClient) -> None:
    parent = sandbox.post("general", "ada", "parent")
    for number in range(5):
        sandbox.post("general", "mary", f"reply {number}", parent)
    pages = [texts(page) for page in web.conversations_replies(channel=GENERAL, ts=parent, limit=3)]
    assert pages == [["parent", "reply 0", "reply 1"], ["parent", "reply 2", "reply 3", "reply 4"]]


def test_history_is_bounded_by_oldest_and_latest(sandbox: SandboxClient, web: WebClient) -> None:
    first, second, third = (sandbox.post("general", "ada", text) for text in ("a", "b", "c"))
    assert texts(web.conversations_history(channel=GENERAL, oldest=first)) == ["c", "b"]
    assert texts(web.conversations_history(channel=GENERAL, oldest=second, inclusive=True)) == ["c", "b"]
    assert texts(web.conversations_history(channel=GENERAL, latest=third)) == ["b", "a"]
    one = web.conversations_history(channel=GENERAL, latest=second, inclusive=True, limit=1)
    assert texts(one) == ["b"]


def test_metadata_is_told_only_when_asked_for(web: WebClient) -> None:
    web.chat_postMessage(channel="general", text="x", metadata=METADATA)
    assert "metadata" not in web.conversations_history(channel=GENERAL)["messages"][0]
    asked = web.conversations_history(channel=GENERAL, include_all_metadata=True)
    assert asked["messages"][0]["metadata"] == METADATA


def test_messages_of_history_lack_channel_and_wrapper(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.post("general", "ada", "hello")
    (message,) = web.conversations_history(channel=GENERAL)["messages"]
    assert not {"channel", "channel_type", "event_ts"} & message.keys()


def test_reading_needs_membership_and_the_scope_of_the_kind(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.channel("public", bot=False)
    private = sandbox.channel("secret", kind="private")
    public = "C00PUBLIC"
    assert error_of(lambda: web.conversations_history(channel=public)) == "not_in_channel"
    sandbox.scopes("channels:history")
    assert error_of(lambda: web.conversations_history(channel=private)) == "missing_scope"
    assert sandbox.calls("conversations.history")[-1]["answer"]["needed"] == "groups:history"


def test_lists_hold_what_the_bot_may_see(sandbox: SandboxClient, web: WebClient) -> None:
    sandbox.channel("public", bot=False)
    sandbox.channel("secret", kind="private")
    sandbox.channel("hidden", kind="private", bot=False)
    everything = web.conversations_list(types="public_channel,private_channel")["channels"]
    assert [one["name"] for one in everything] == ["general", "random", "dev", "public", "secret"]
    assert {one["name"]: one["is_member"] for one in everything}["public"] is False
    mine = web.users_conversations(types="public_channel,private_channel,im")["channels"]
    assert [one["name"] for one in mine] == ["general", "random", "dev", "secret"]
    assert error_of(lambda: web.conversations_list(types="public")) == "invalid_types"


def test_lists_have_cursors(sandbox: SandboxClient, web: WebClient) -> None:
    for number in range(7):
        sandbox.channel(f"room{number}")
    pages = [[one["name"] for one in page["channels"]] for page in web.users_conversations(limit=4)]
    assert [len(page) for page in pages] == [4, 4, 2]
    assert len({name for page in pages for name in page}) == 10
    assert error_of(lambda: web.users_conversations(cursor="bm9uc2Vuc2U=")) == "invalid_cursor"
    assert error_of(lambda: web.users_conversations(limit=0)) == "invalid_limit"


def test_people_and_bots_can_be_looked_up(web: WebClient) -> None:
    assert web.users_info(user="U0GRACE")["user"]["is_admin"] is True
    assert web.users_info(user="U0BOT")["user"]["is_bot"] is True
    assert web.bots_info(bot="B0SANDBOX")["bot"]["user_id"] == "U0BOT"
    assert {user["name"] for user in web.users_list()["members"]} == {"sentiment", "ada", "grace", "linus", "mary"}
    assert error_of(lambda: web.users_info(user="U0NOBODY")) == "user_not_found"
    assert set(web.conversations_members(channel=GENERAL)["members"]) >= {"U0ADA", "U0BOT"}
    assert web.conversations_info(channel=GENERAL)["channel"]["is_general"] is True


def test_the_bot_opens_conversations_with_the_scopes_for_it(sandbox: SandboxClient, web: WebClient) -> None:
    assert error_of(lambda: web.conversations_open(users="U0ADA")) == "missing_scope"
    sandbox.scopes("im:write", "mpim:write")
    direct = web.conversations_open(users=["U0ADA"])["channel"]["id"]
    group = web.conversations_open(users=["U0ADA", "U0MARY"])["channel"]["id"]
    assert (direct[0], group[0]) == ("D", "G")
    assert web.conversations_open(users="U0ADA,U0MARY")["channel"]["id"] == group
