"""From what a person types to what Slack stores."""

import pytest

from clfadmin.sandbox.text import MAX_CHARACTERS, first_link, from_person, mentions

USERS = {"sentiment": "U0BOT", "ada": "U0ADA", "ada.l": "U0ADAL"}
CHANNELS = {"general": "C0GENERAL", "dev": "C00000DEV"}


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("&amp;lt;", "&amp;amp;lt;"),
        ("<!channel>", "&lt;!channel&gt;"),
        ("@here", "<!here>"),
        ("@channel now", "<!channel> now"),
        ("hi @ada.l, and @ada.", "hi <@U0ADAL>, and <@U0ADA>."),
        ("<@U0BOT> how is this", "<@U0BOT> how is this"),
        ("<@U0NOBODY>", "&lt;@U0NOBODY&gt;"),
        ("@nobody", "@nobody"),
        ("ada@example.com", "ada@example.com"),
        ("see #dev", "see <#C00000DEV|dev>"),
        ("issue #17 and C#dev", "issue #17 and C#dev"),
        ("(https://x.example/a?b=1&c=2).", "(<https://x.example/a?b=1&amp;c=2>)."),
        ("`@ada` and ```#dev <b>```", "`@ada` and ```#dev &lt;b&gt;```"),
        (":tada: 🎉", ":tada: 🎉"),
        ("", ""),
        ("\x00 and \ud800", "\x00 and \ud800"),
    ],
)
def test_typed_text_is_stored_as_slack_stores_it(typed: str, stored: str) -> None:
    assert from_person(typed, USERS, CHANNELS) == stored


def test_text_is_cut_at_forty_thousand_characters_before_escaping() -> None:
    stored = from_person("<" * (MAX_CHARACTERS + 5), USERS, CHANNELS)
    assert stored == "&lt;" * MAX_CHARACTERS


def test_mentions_and_links_are_found_in_stored_text() -> None:
    stored = "<@U0BOT> and <@U0ADA>: <https://x.example/a|there> `<@nope>`"
    assert mentions(stored) == {"U0BOT", "U0ADA"}
    assert first_link(stored) == "https://x.example/a"
    assert first_link("no link") == ""
