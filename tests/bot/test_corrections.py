"""The shortcut's window and the menu on a reply: votes, what the reply shows, and whether a text is kept."""

from typing import Any

import pytest

from bot.desk import now
from bot.replies import metadata
from bot.shortcut import LEFT_ALONE, MINE, RIGHT_LABEL
from bot.store import Vote
from bot.tag_blocks import CORRECT
from tests.bot.conftest import Bot, Labeller, result_of
from tests.bot.test_asking import channel_id, told, view_of
from tests.conftest import wait_until
from tests.sandbox_client import SandboxClient
from worker.jobs import Job, Kind, Result, message_id

TEAM = "T0SANDBOX"


def with_words(job: Job) -> Result:
    scores = {"positive": 0.93, "neutral": 0.05, "negative": 0.02}
    return result_of(job, scores=scores, words=[(0, 5, 0.5)] if job.kind is Kind.SHORTCUT else [])


@pytest.fixture
def team(sandbox: SandboxClient, labeller: Labeller) -> str:
    labeller.answer = with_words
    sandbox.channel("team", creator="ada", members=["ada", "grace", "linus", "mary"])
    return "team"


def replied(sandbox: SandboxClient, channel: str, ts: str, words: str = "") -> dict[str, Any]:
    """The reply in that thread, once it holds these words."""

    def found() -> Any:
        return next((one for one in sandbox.replies(channel, ts) if words in one["text"]), None)

    reply: Any = wait_until(found, f"a reply with {words!r}")
    return reply


def vote_on(bot: Bot, sandbox: SandboxClient, channel: str, ts: str) -> Vote | None:
    return bot.tagger.workspace.memory.votes.get(message_id(TEAM, channel_id(sandbox, channel), ts))


def test_votes_are_shown_in_the_reply_the_last_one_counts_and_can_be_taken_back(
    bot: Bot, sandbox: SandboxClient, team: str
):
    ts = sandbox.post(team, "ada", "great, it broke again")
    reply = replied(sandbox, team, ts)
    for user, label, shown in (
        ("linus", "=negative", "✏️ set to negative"),
        ("mary", "=positive", "✏️ disputed"),
        ("mary", "=negative", "✏️ set to negative"),
        ("linus", "take back", "✏️ set to negative"),
        ("mary", "=positive", "✔️ confirmed"),
    ):
        sandbox.click(team, reply["ts"], user, CORRECT, label)
        replied(sandbox, team, ts, shown)
    sandbox.click(team, reply["ts"], "mary", CORRECT, "take back")
    wait_until(lambda: "·" not in replied(sandbox, team, ts)["text"], "the reply as it was")
    assert "No text is kept" in told(sandbox, "linus", "Thank you: negative.")
    assert len(sandbox.replies(team, ts)) == 1
    assert len(sandbox.sees("ada")["ephemeral"]) == 0, "nobody else is told"


def test_the_text_is_kept_where_the_channel_learns_and_the_author_has_not_opted_out(
    bot: Bot, sandbox: SandboxClient, team: str
):
    desk = bot.tagger.workspace.asking.desk
    desk.choose(channel_id(sandbox, team), {"learn": True, "keep_days": 30})
    ts = sandbox.post(team, "ada", "great, it broke again")
    reply = replied(sandbox, team, ts)
    sandbox.click(team, reply["ts"], "linus", CORRECT, "=negative")
    assert "The text is kept with it for 30 days" in told(sandbox, "linus", "Thank you: negative.")
    vote = vote_on(bot, sandbox, team, ts)
    assert vote
    assert (vote.text, vote.label, vote.asked.label, vote.asked.author) == (
        "great, it broke again", "negative", "positive", "U0ADA",
    )  # fmt: skip
    other = sandbox.post(team, "mary", "it is fine")
    reply = replied(sandbox, team, other)
    sandbox.command("opt out", team, "mary")
    told(sandbox, "mary", "I no longer read")
    sandbox.click(team, reply["ts"], "grace", CORRECT, "=negative")
    assert "No text is kept" in told(sandbox, "grace", "Thank you: negative.")


def test_who_may_correct_is_the_channels_choice(bot: Bot, sandbox: SandboxClient, team: str):
    bot.tagger.workspace.asking.desk.choose(channel_id(sandbox, team), {"correct": "author"})
    ts = sandbox.post(team, "ada", "great work")
    reply = replied(sandbox, team, ts)
    sandbox.click(team, reply["ts"], "linus", CORRECT, "=negative")
    assert told(sandbox, "linus", "only who wrote a message may correct")
    assert vote_on(bot, sandbox, team, ts) is None
    sandbox.click(team, reply["ts"], "ada", CORRECT, "=negative")
    replied(sandbox, team, ts, "set to negative")


def test_an_edit_asks_for_votes_anew(bot: Bot, sandbox: SandboxClient, team: str):
    ts = sandbox.post(team, "ada", "great work")
    reply = replied(sandbox, team, ts)
    sandbox.click(team, reply["ts"], "linus", CORRECT, "=negative")
    replied(sandbox, team, ts, "set to negative")
    sandbox.edit(team, ts, "great work, thank you")
    wait_until(lambda: "·" not in replied(sandbox, team, ts)["text"], "the reply to the new text")
    assert vote_on(bot, sandbox, team, ts) is None
    sandbox.click(team, reply["ts"], "linus", CORRECT, "=negative")
    replied(sandbox, team, ts, "set to negative")


def test_the_shortcut_shows_a_label_with_its_words_and_takes_the_right_one(bot: Bot, sandbox: SandboxClient, team: str):
    channel = channel_id(sandbox, team)
    bot.tagger.workspace.asking.desk.choose(channel, {"reply": "reaction"})
    wait_until(lambda: bot.tagger.workspace.listening.choice(channel).reply == "reaction", "the choice to hold")
    ts = sandbox.post(team, "ada", "great, it broke again")
    wait_until(lambda: [one for one in sandbox.messages(team) if one.get("reactions")], "the reaction")
    sandbox.shortcut(team, ts, "linus")
    view = view_of(sandbox, "linus", "positive 93 %")
    assert "without “great”, positive would fall from 93 % to 43 %" in str(view)
    assert sandbox.submit(view["id"], "linus")["errors"], "a label must be chosen"
    answer = sandbox.submit(view["id"], "linus", {RIGHT_LABEL: "negative"})
    assert answer["ok"], answer
    assert "Thank you: negative." in str(view_of(sandbox, "linus", "Thank you"))
    vote = vote_on(bot, sandbox, team, ts)
    assert vote
    assert vote.by == {"U0LINUS": "negative"}
    assert sandbox.replies(team, ts) == [], "where reactions are set nothing is posted"


def test_a_vote_in_the_window_shows_in_the_reply(bot: Bot, sandbox: SandboxClient, team: str):
    ts = sandbox.post(team, "ada", "great, it broke again")
    replied(sandbox, team, ts)
    sandbox.shortcut(team, ts, "linus")
    sandbox.submit(view_of(sandbox, "linus", "positive 93 %")["id"], "linus", {RIGHT_LABEL: "negative"})
    replied(sandbox, team, ts, "set to negative")
    sandbox.shortcut(team, ts, "mary")
    assert "set to negative" in str(view_of(sandbox, "mary", "positive 93 %"))


def test_the_shortcut_leaves_alone_who_opted_out_and_its_own_replies(bot: Bot, sandbox: SandboxClient, team: str):
    ts = sandbox.post(team, "ada", "great work")
    reply = replied(sandbox, team, ts)
    sandbox.shortcut(team, reply["ts"], "linus")
    assert view_of(sandbox, "linus", MINE)
    sandbox.command("opt out", team, "ada")
    told(sandbox, "ada", "I no longer read")
    sandbox.shortcut(team, ts, "grace")
    assert view_of(sandbox, "grace", LEFT_ALONE)


def test_those_whose_correction_was_learned_are_told_once_a_version(bot: Bot, sandbox: SandboxClient, team: str):
    ts = sandbox.post(team, "ada", "great, it broke again")
    reply = replied(sandbox, team, ts)
    for user, label in (("linus", "=negative"), ("mary", "=negative"), ("grace", "=neutral")):
        sandbox.click(team, reply["ts"], user, CORRECT, label)
        told(sandbox, user, "Thank you")
    errands = bot.tagger.workspace.memory.errands
    for _ in range(2):
        for message in (message_id(TEAM, channel_id(sandbox, team), ts), "unknown"):
            errands.first(f"learned:v<2>:{message}", now())  # what `clfadmin swap-model` leaves behind
        bot.tagger.workspace.asking.look()
        assert errands.done("learned:") == []
    posts = [call for call in sandbox.calls("chat.postMessage") if "has learned" in str(call)]
    assert len(posts) == 2
    assert "v&lt;2&gt;" in str(posts[0])


def test_a_reply_keeps_its_metadata_when_a_vote_changes_it(
    bot: Bot, labeller: Labeller, sandbox: SandboxClient, team: str
):
    """By it catch-up knows the reply again."""
    ts = sandbox.post(team, "ada", "great work")
    reply = replied(sandbox, team, ts)
    sandbox.click(team, reply["ts"], "linus", CORRECT, "=negative")
    after = replied(sandbox, team, ts, "set to negative")
    assert after["metadata"] == metadata(result_of(labeller.seen[0]))
