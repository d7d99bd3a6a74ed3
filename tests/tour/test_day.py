"""A team's first day with the bot, from the invitation to a better model, in the order in which it happens.

The product is driven through the sandbox's control door, its page and `clfadmin` in a second terminal.
"""

import json

import pytest

from tests.conftest import wait_until
from tests.tour.conftest import Day

pytestmark = pytest.mark.e2e
CHANNEL = "support"
# The tiny model knows "build" as nothing in particular; for this team it is bad news.
NEWS = "the build is today"


def test_the_invited_bot_introduces_itself_once(day: Day):
    day.door("POST", "channels", name=CHANNEL, creator="ada", bot=False)
    day.door("POST", "membership", channel=CHANNEL, user="sentiment", inviter="ada")
    wait_until(lambda: [one for one in day.messages(CHANNEL) if "bot_id" in one], "the introduction", 30)
    (words,) = [one for one in day.messages(CHANNEL) if "bot_id" in one]
    shown = json.dumps(words["blocks"])
    assert "/sentiment off" in shown
    assert "Reactions only" in shown
    day.picture("introduction", user="ada", place=CHANNEL)


def test_only_those_who_may_open_the_settings(day: Day):
    day.command("linus", "settings")
    assert "ada" not in day.told("linus", r"creator|admin|may")
    day.command("ada", "settings")
    view = day.view("ada", lambda shown: "Learn" in shown)
    day.picture("settings", user="ada", place=CHANNEL)
    day.door("POST", f"views/{view['id']}", user="ada", values={"extras": ["learn"]})
    day.told("ada", r"Saved")
    day.command("mary", "status")
    day.told("mary", r"first")


def test_messages_get_a_label_and_a_confidence(day: Day):
    day.ts["good"] = day.write(CHANNEL, "ada", "great build, thanks")
    day.ts["bad"] = day.write(CHANNEL, "mary", "the build is broken today")
    assert "positive" in day.reply(CHANNEL, day.ts["good"], saying="%")["text"]
    assert "negative" in day.reply(CHANNEL, day.ts["bad"], saying="%")["text"]


def test_who_opted_out_is_left_alone(day: Day):
    day.command("linus", "opt out")
    day.told("linus", r"Done")
    mine = day.write(CHANNEL, "linus", "this is awful and bad")
    later = day.write(CHANNEL, "grace", "great, thanks")
    day.reply(CHANNEL, later, saying="positive")
    assert day.replies(CHANNEL, mine) == []


def test_a_text_asked_about_is_answered_to_the_asker_alone(day: Day):
    before = len(day.messages(CHANNEL))
    day.command("mary", "I love it, thanks")
    assert "%" in day.told("mary", r"positive")
    assert len(day.messages(CHANNEL)) == before
    assert not [one for one in day.sees("ada")["ephemeral"] if "positive" in one["text"]]


def test_an_edit_changes_the_label_and_a_deletion_takes_it_away(day: Day):
    ts = day.write(CHANNEL, "grace", "good build")
    first = day.reply(CHANNEL, ts, saying="positive")
    day.door("PATCH", f"messages/{CHANNEL}/{ts}", text="bad build, awful")
    assert day.reply(CHANNEL, ts, saying="negative")["ts"] == first["ts"]
    gone = day.write(CHANNEL, "grace", "happy today")
    reply = day.reply(CHANNEL, gone, saying="positive")
    day.door("DELETE", f"messages/{CHANNEL}/{gone}")
    wait_until(lambda: reply["ts"] not in [one["ts"] for one in day.messages(CHANNEL)], "the reply gone", 30)


def test_people_set_the_right_label_below_a_reply(day: Day):
    for number in range(16):
        ts = day.write(CHANNEL, ("ada", "grace", "mary")[number % 3], f"{NEWS}{' is' * number}")
        reply = day.reply(CHANNEL, ts, saying="neutral")
        for user in ("ada", "mary"):
            day.door(
                "POST", "actions", channel=CHANNEL, ts=reply["ts"], user=user, action_id="correct", value="=negative"
            )
        day.ts.setdefault("corrected", ts)
    day.told("ada", r"kept with it for 90 days")
    assert day.reply(CHANNEL, day.ts["corrected"], saying="set to negative")
    day.picture("corrected", user="mary", place=CHANNEL)


def test_the_shortcut_shows_all_scores_and_the_words_that_weighed_most(day: Day):
    day.door("POST", "shortcuts", callback_id="sentiment", channel=CHANNEL, ts=day.ts["bad"], user="grace")
    day.view("grace", lambda shown: "Reading" not in shown and "without these words" in shown and "broken" in shown)
    day.picture("shortcut", user="grace", place=CHANNEL)
    (view,) = day.sees("grace")["views"]
    day.door("POST", f"views/{view['id']}", user="grace", close=True)


def test_app_home_says_where_the_bot_listens_and_how_it_sounded(day: Day):
    day.door("POST", "home", user="mary")
    wait_until(lambda: "positive" in json.dumps(day.sees("mary")["home"] or {}), "App Home", 30)
    day.picture("home", user="mary")


def test_the_report_is_a_picture_of_the_channel(day: Day):
    day.command("mary", "report 7d")
    wait_until(lambda: [one for one in day.messages(CHANNEL) if one.get("files")], "the report", 60)
    day.picture("report", user="mary", place=CHANNEL)


def test_corrections_make_a_version_that_says_what_people_said(day: Day):
    stats = day.clfadmin("feedback", "stats")
    assert stats["corrected"] == 16
    trained = day.clfadmin("train", "--feedback", "--name", "learned", "--epochs", "3", "--learning-rate", "5e-3")
    assert trained["version"] == "learned"
    assert day.clfadmin("swap-model", "learned", "--dry-run")["state"] == "would-swap"


def test_a_worse_version_is_refused_and_the_better_one_serves(day: Day, tmp_path_factory: pytest.TempPathFactory):
    old = tmp_path_factory.mktemp("old") / "old.jsonl"
    rows = [(f"{'the ' * n}build is {word}", label) for n in range(10) for word, label in WORDS.items()]
    old.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    refused = day.clfadmin("swap-model", "wrong", "--data", str(old), code=3)
    assert refused["state"] == "refused"
    assert day.clfadmin("swap-model", "learned", "--data", str(old))["state"] == "active"
    ts = day.write(CHANNEL, "ada", "great, thanks")
    reply = day.reply(CHANNEL, ts, saying="%")
    assert reply["metadata"]["event_payload"]["version"] == "learned"


def test_a_person_who_asks_is_forgotten_everywhere(day: Day):
    mary = day.user("mary")
    forgotten = day.clfadmin("forget", "--user", mary, "--yes")
    assert sum(place["before"] for place in forgotten["places"]) > 0
    left = day.clfadmin("forget", "--user", mary, "--dry-run")
    assert sum(place["before"] for place in left["places"]) == 0


WORDS = {"good": "positive", "great": "positive", "bad": "negative", "awful": "negative"}
