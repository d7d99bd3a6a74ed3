"""What of a message is text to classify."""

import pytest

from bot.message_text import clean, is_blank, mentions, said, without_mention
from worker.jobs import MAX_DATA_BYTES, MAX_TEXT, Job


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("plain", "plain"),
        ("nul\0 here", "nul here"),
        ("bell\a, escape\x1b[0m, C1\x85", "bell, escape[0m, C1"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("lone \ud83d surrogate \udc00", "lone  surrogate "),
        ("a whole pair 😀", "a whole pair 😀"),
        ("naïve café 好的 ☕", "naïve café 好的 ☕"),
    ],
)
def test_control_characters_and_lone_surrogates_are_removed(raw: str, kept: str):
    assert clean(raw) == kept
    clean(raw).encode()  # what the queue does next


def test_a_long_text_keeps_one_character_more_than_the_model_reads():
    assert clean("x" * 40_000) == "x" * MAX_TEXT


@pytest.mark.parametrize("one", ["x", "\n", '"', "\\", "é", "好", "😀", "\ufdfa"])
def test_the_longest_text_fits_into_a_queue_entry(one: str):
    text = clean(one * 40_000)
    job = Job(id="i" * 255, message="m" * 32, team="T", channel="C", ts="1", text=text)
    encoded = job.encode().encode()
    assert len(encoded) < MAX_DATA_BYTES
    assert Job.decode({b"v": b"1", b"data": encoded}).text == text


@pytest.mark.parametrize("text", ["", " \n\t ", "\u200b\u200d\ufeff", "\u3164\u2800", "\u0301\ufe0f", "\u202e\u202c"])
def test_text_nobody_can_see_is_blank(text: str):
    assert is_blank(text)


@pytest.mark.parametrize("text", [".", "😀", ":+1:", "a\u0301", "\u200bx", "👍🏽", "1"])
def test_anything_visible_is_not_blank(text: str):
    assert not is_blank(text)


@pytest.mark.parametrize("text", ["<@U0BOT> hello", "hello <@U0BOT|sentiment>", "a <@U0BOT>"])
def test_a_mention_is_seen_in_both_of_its_forms(text: str):
    assert mentions(text, "U0BOT")


@pytest.mark.parametrize("text", ["<@U0BOTHER> hello", "@U0BOT", "&lt;@U0BOT&gt;", "<#U0BOT>", ""])
def test_what_only_resembles_a_mention_is_none(text: str):
    assert not mentions(text, "U0BOT")


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("<@U0BOT> this is great", "this is great"),
        ("this <@U0BOT|bot> is great", "this is great"),
        ("great <@U0BOT>", "great"),
        ("<@U0BOT>", ""),
        ("<@U0BOT> ask <@U0ADA>", "ask <@U0ADA>"),
    ],
)
def test_the_bots_own_mention_is_not_classified(raw: str, kept: str):
    assert without_mention(raw, "U0BOT") == kept


def test_a_message_without_text_speaks_through_its_blocks():
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "from a section"}}
    emoji = {"type": "emoji", "name": "tada"}
    rich = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "rich"}, emoji]}],
    }
    assert said({"text": "", "blocks": [section, rich]}) == "from a section\nrich\n:tada:"
    assert said({"text": "own words", "blocks": [section]}) == "own words"


def test_files_and_attachments_are_no_words_of_the_author():
    assert said({"text": "", "files": [{"title": "report"}], "attachments": [{"text": "somebody else's"}]}) == ""


def test_blocks_nested_without_end_are_cut_off():
    nested: object = {"type": "text", "text": "deep"}
    for _ in range(5_000):
        nested = {"elements": [nested]}
    assert said({"blocks": [nested]}) == ""
