"""What people see of a result."""

import pytest

from bot.choices import Choice, Foreign, ReplyMode, Unsure
from bot.replies import (
    Reaction,
    Silent,
    ThreadPost,
    Whisper,
    emoji_name,
    escape,
    hint,
    metadata,
    percent,
    reply_to,
    text_of,
)
from worker.jobs import Kind, Outcome, Result

TS = "1700000000.000100"
THREAD = "1700000000.000001"


def result(**more: object) -> Result:
    values = {
        "job": "j",
        "message": "m",
        "team": "T0",
        "channel": "C1",
        "ts": TS,
        "user": "U0ADA",
        "outcome": Outcome.OK,
        "label": "positive",
        "emoji": ":smile:",
        "confidence": 0.93,
        "version": "v1",
        "gen": 3,
    }
    return Result(**(values | more))  # pyright: ignore[reportArgumentType]


def test_a_message_is_answered_in_its_thread():
    text = ":smile: positive 93 %"
    assert reply_to(result(), Choice()) == ThreadPost(TS, text, text)


def test_inside_a_thread_the_message_gets_a_reaction_and_no_post():
    assert reply_to(result(thread_ts=THREAD), Choice()) == Reaction("smile")


def test_a_mention_inside_a_thread_is_answered_there_and_names_its_message():
    reply = reply_to(result(thread_ts=THREAD, kind=Kind.MENTION), Choice(), url="https://acme.slack.com/")
    link = "https://acme.slack.com/archives/C1/p1700000000000100?thread_ts=1700000000.000001&amp;cid=C1"
    text = ":smile: positive 93 %"
    assert reply == ThreadPost(THREAD, f"{text} (<{link}|this message>)", text)


def test_without_a_known_address_there_is_no_link():
    reply = reply_to(result(thread_ts=THREAD, kind=Kind.MENTION), Choice(), url="javascript:x|y/")
    assert reply == ThreadPost(THREAD, ":smile: positive 93 %", ":smile: positive 93 %")


def test_an_unsure_label_is_said_to_be_one():
    unsure = result(outcome=Outcome.UNSURE, label="neutral", confidence=0.48)
    assert text_of(unsure) == ":thinking_face: unsure, closest: neutral 48 %"
    assert reply_to(result(outcome=Outcome.UNSURE, thread_ts=THREAD), Choice()) == Reaction("thinking_face")


def test_unsure_labels_can_be_silenced():
    style = Choice(unsure=Unsure.SILENT)
    assert reply_to(result(outcome=Outcome.UNSURE), style) == Silent()
    assert reply_to(result(outcome=Outcome.UNSURE, kind=Kind.MENTION), style) == Silent()
    assert isinstance(reply_to(result(), style), ThreadPost)


def test_a_language_the_version_never_learned_is_said_so_or_silent_and_no_label_is_named():
    foreign = result(outcome=Outcome.UNSURE, label="negative", confidence=0.5, language="de")
    said = reply_to(foreign, Choice())
    assert isinstance(said, ThreadPost)
    assert "not trained for this language (German)" in said.text
    assert "negative" not in said.text
    assert reply_to(foreign, Choice(foreign=Foreign.SILENT)) == Silent()
    asked = result(outcome=Outcome.UNSURE, label="negative", language="de", kind=Kind.MENTION)
    assert isinstance(reply_to(asked, Choice(foreign=Foreign.SILENT)), ThreadPost)


def test_only_the_labels_and_the_confidence_a_channel_chose_are_shown_but_who_asks_is_answered():
    choice = Choice(labels=("negative",), confidence=80)
    assert reply_to(result(), choice) == Silent()
    assert reply_to(result(label="negative", confidence=0.79), choice) == Silent()
    assert isinstance(reply_to(result(label="negative", confidence=0.8), choice), ThreadPost)
    assert isinstance(reply_to(result(kind=Kind.MENTION), choice), ThreadPost)


def test_a_channel_may_want_posts_inside_threads():
    reply = reply_to(result(thread_ts=THREAD), Choice(threads=True), url="https://acme.slack.com/")
    assert isinstance(reply, ThreadPost)
    assert reply.thread_ts == THREAD
    assert "this message" in reply.text


def test_reactions_instead_of_replies_but_not_for_who_asks():
    style = Choice(reply=ReplyMode.REACTION)
    assert reply_to(result(), style) == Reaction("smile", stays=True)
    assert isinstance(reply_to(result(kind=Kind.MENTION), style), ThreadPost)


def test_replies_only_the_author_sees():
    style = Choice(reply=ReplyMode.EPHEMERAL)
    assert reply_to(result(thread_ts=THREAD), style) == Whisper("U0ADA", THREAD, ":smile: positive 93 %")
    assert reply_to(result(user=""), style) == Silent()


def test_none_shows_nothing_at_all():
    assert reply_to(result(kind=Kind.MENTION), Choice(reply=ReplyMode.NONE)) == Silent()


def test_an_error_is_only_told_to_who_asked():
    failed = {"outcome": Outcome.ERROR, "label": "", "emoji": "", "confidence": 0.0}
    assert reply_to(result(**failed), Choice()) == Silent()
    reply = reply_to(result(kind=Kind.MENTION, **failed), Choice())
    assert isinstance(reply, ThreadPost)
    assert "Sorry" in reply.text


def test_a_cut_text_is_said_to_be_cut():
    assert text_of(result(truncated=True)) == ":smile: positive 93 % (long text: only its start was read)"


@pytest.mark.parametrize(
    ("confidence", "shown"), [(0.0, 0), (0.004, 0), (0.485, 48), (0.93, 93), (0.996, 99), (1.0, 99), (7.0, 99), (-1, 0)]
)
def test_whole_percent_and_never_certainty(confidence: float, shown: int):
    assert percent(confidence) == shown


@pytest.mark.parametrize(
    ("emoji", "name"),
    [
        (":smile:", "smile"),
        (":+1::skin-tone-3:", "+1::skin-tone-3"),
        (":flag-de:", "flag-de"),
        ("", ""),
        ("smile", ""),
        (":two words:", ""),
        (":<!here>:", ""),
        (":a::b:", ""),
        ("😀", ""),
    ],
)
def test_only_an_emojis_name_is_taken_as_one(emoji: str, name: str):
    assert emoji_name(emoji) == name


def test_a_label_without_emoji_is_shown_by_its_name_or_a_plain_reaction():
    assert text_of(result(emoji="")) == "positive 93 %"
    assert reply_to(result(emoji="", thread_ts=THREAD), Choice()) == Reaction("label")


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("<!here>", "&lt;!here&gt;"),
        ("<!subteam^S1>", "&lt;!subteam^S1&gt;"),
        ("<@U1>", "&lt;@U1&gt;"),
        ("<https://x|y>", "&lt;https://x|y&gt;"),
        ("`code` ```block```", "'code' '''block'''"),
        ("&amp;lt;!channel&amp;gt;", "&amp;amp;lt;!channel&amp;amp;gt;"),
        ("&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;"),
        ("two\nlines", "two lines"),
        ("\u202eevil\u202c \u200bzero\0", "evil zero"),
        ("x" * 500, "x" * 80),
    ],
)
def test_no_label_can_ping_link_or_break_out(label: str, shown: str):
    assert escape(label) == shown
    assert text_of(result(label=label, emoji="")) == f"{shown} 93 %"
    assert shown in text_of(result(label=label, outcome=Outcome.UNSURE))


def test_a_bots_name_is_escaped_in_the_hint():
    assert "<!channel>" not in hint("<!channel>")
    assert "@sentiment" in hint("sentiment")


def test_metadata_holds_ids_and_a_version_only():
    payload = {"message": "m", "job": "j", "edit_ts": "", "version": "v1", "gen": 3}
    assert metadata(result()) == {"event_type": "sentiment_reply", "event_payload": payload}
