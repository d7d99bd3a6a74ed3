"""What people type after /sentiment."""

import pytest

from bot.words import Change, Help, OpenSettings, Opt, Read, Report, Status, Wrong, help_text, understood


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("", Help()),
        ("  help ", Help()),
        ("settings", OpenSettings()),
        ("ON", Change("listen", "on")),
        ("off", Change("listen", "off")),
        ("mentions", Change("listen", "mentions")),
        ("reactions", Change("reply", "reaction")),
        ("reaction", Change("reply", "reaction")),
        ("thread", Change("reply", "thread")),
        ("ephemeral", Change("reply", "ephemeral")),
        ("silent", Change("reply", "none")),
        ("opt  out", Opt(out=True)),
        ("opt-in", Opt(out=False)),
        ("status", Status()),
        ("report", Report(7)),
        ("report 30d", Report(30)),
        ("report 2 weeks", Report(14)),
        ("report 1", Report(1)),
    ],
)
def test_words_of_ours_are_wishes(text, wish):
    assert understood(text) == wish


@pytest.mark.parametrize("text", ["report 0d", "report 91d", "report 999999w"])
def test_a_report_over_no_time_or_too_long_is_refused_with_the_range(text):
    wish = understood(text)
    assert isinstance(wish, Wrong)
    assert "1 to 90 days" in wish.why


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("great work", "great work"),
        ("  Settings are lost AGAIN ", "Settings are lost AGAIN"),
        ("report the bug", "report the bug"),
        ("on fire", "on fire"),
        ('"on"', "on"),
        ("“opt out”", "opt out"),
        ('"two\nlines"', "two\nlines"),
        ('say "no" more', 'say "no" more'),
    ],
)
def test_everything_else_is_a_text_and_what_stands_in_quotation_marks_always(text, read):
    assert understood(text) == Read(read)


def test_an_empty_quotation_asks_for_help():
    assert understood('""') == Help()


def test_help_names_every_word_that_is_understood():
    text = help_text("sentiment")
    for word in ("settings", "on", "off", "mentions", "thread", "reactions", "ephemeral", "silent", "report", "status"):
        assert word in text
    assert "opt out" in text
    assert len(text) < 3_000
