"""Several workspaces with one installation: tokens that end or are refused, several bots, and the way out."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from bot import roster as roster_module
from tests.bot.conftest import Labeller
from tests.bot.several.conftest import HOME, OTHER, House, names, new_key, running_roster
from tests.bot.test_results import add
from tests.conftest import Broker, wait_until
from worker.jobs import Keys


def test_a_bot_that_did_not_install_it_serves_it_all_the_same(both: House, labeller: Labeller):
    """Behind a load balancer: an event reaches a bot that has never heard of the workspace."""
    both.sandbox.door("POST", "users", {"name": "kim", "team": "Third", "installed": False})
    with running_roster(both.settings) as second:
        wait_until(lambda: second.tagger.serves(OTHER), "what was installed before")
        second._stopping.set()  # it no longer looks by the clock
        assert both.come("Third", "kim").status_code == 200
        workspace = second._find({"team_id": "T0THIRD"})
        assert workspace
        assert workspace.me.team_name == "Third"


@pytest.mark.parametrize("way", ["person", "last token"])
def test_a_workspace_that_removes_the_app_leaves_nothing_behind(
    both: House, valkey: Broker, keys: Keys, labeller: Labeller, way: str
):
    assert both.is_answered("Other", "zoe")
    other = both.roster.tagger.serves(OTHER)
    assert other
    other.memory.channels.opt_out("U0ZOE", datetime.now(UTC))
    wait_until(lambda: not other.gaps.wait(0), "its history to be read, which leaves a mark")
    add(valkey, keys, {"v": "2", "data": f'{{"team": "{OTHER}"}}'})  # nobody can read it, but it names the workspace
    both.sandbox.fault("server_error", method="chat.postMessage", count=1000)
    both.sandbox.post("general", "zoe", "this one cannot be answered", team="Other")
    wait_until(lambda: other.outbox.lanes.entries(), "a reply that waits")
    if way == "person":
        both.sandbox.door("POST", "uninstall", {"team": "Other"})
    else:
        other.slack.call("auth.revoke")
    wait_until(lambda: not both.roster.tagger.serves(OTHER), "the workspace to go")
    wait_until(lambda: not names(valkey, keys, OTHER), "everything about it to go")
    both.sandbox.door("DELETE", "faults")
    assert both.is_answered("Sandbox", "ada"), "the other workspace goes on"
    assert both.come("Other", "zoe").status_code == 200
    assert both.is_answered("Other", "zoe"), "it can come back"


def test_an_old_word_of_removal_does_not_undo_a_new_installation(both: House):
    late = {"team_id": OTHER, "type": "event_callback", "event": {"type": "app_uninstalled"}}
    assert both.roster._hear_removal(late) == 200
    assert both.is_answered("Other", "zoe")


def test_with_slack_out_of_reach_a_removal_is_not_acknowledged(both: House):
    late = {"team_id": OTHER, "type": "event_callback", "event": {"type": "app_uninstalled"}}
    both.sandbox.fault("server_error", method="auth.test")
    assert both.roster._hear_removal(late) == 503
    assert both.is_answered("Other", "zoe")


def test_a_removal_that_was_cut_off_goes_on_after_the_next_start(both: House, valkey: Broker, keys: Keys):
    """As a bot that was killed right after it had noted the removal leaves it."""
    assert both.is_answered("Other", "zoe")
    store = both.roster.tagger.store
    seen = store.of(OTHER).installs.read()
    assert seen
    store.of(OTHER).installs.remove(seen.sealed, datetime.now(UTC))
    wait_until(lambda: not names(valkey, keys, OTHER), "everything about it to go")


def test_a_token_is_renewed_by_one_bot_and_used_by_all(
    house: House, labeller: Labeller, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(roster_module, "RENEW_BEFORE", timedelta(hours=11))
    house.sandbox.door("POST", "app", {"token_rotation": True})
    assert house.come("Other", "zoe").status_code == 200
    house.invite("Other", "zoe")
    first = house.roster.tagger.serves(OTHER)
    assert first
    old = first.slack.client.token
    with running_roster(house.settings) as roster:
        second = wait_until(lambda: roster.tagger.serves(OTHER), "the second bot")
        assert len(house.sandbox.calls("oauth.v2.access")) == 1
        monkeypatch.setattr(roster_module, "RENEW_BEFORE", timedelta(hours=13))
        wait_until(lambda: first.slack.client.token != old, "the next token")
        wait_until(lambda: second.slack.client.token == first.slack.client.token, "it in the other bot")
        monkeypatch.setattr(roster_module, "RENEW_BEFORE", timedelta(hours=11))
        assert house.is_answered("Other", "zoe")
        time.sleep(0.5)  # some turns of both
        # A third one may have been under way when the span was shortened again.
        renewals = len(house.sandbox.calls("oauth.v2.access")) - 1
        assert renewals <= 2
        assert second.slack.client.token == first.slack.client.token


def test_a_token_that_cannot_be_renewed_is_told_of_and_tried_again(
    house: House, labeller: Labeller, monkeypatch: pytest.MonkeyPatch
):
    house.sandbox.door("POST", "app", {"token_rotation": True})
    assert house.come("Other", "zoe").status_code == 200
    house.sandbox.fault("server_error", method="oauth.v2.access", count=1)
    monkeypatch.setattr(roster_module, "RENEW_BEFORE", timedelta(hours=13))
    (problem,) = wait_until(lambda: house.roster.tagger.health().problems, "the problem")
    assert problem.startswith("The token of T0OTHER could not be renewed and ends in 7")
    assert house.roster.tagger.health().ready, "the others are served"
    monkeypatch.setattr(roster_module, "RENEW_AGAIN", timedelta(seconds=0.1))
    wait_until(lambda: not house.roster.tagger.health().problems, "the renewal")


def test_a_workspace_whose_token_is_refused_does_not_hold_up_the_others(both: House):
    other = both.roster.tagger.serves(OTHER)
    assert other
    other.slack.client.token = "xoxb-wrong"
    ts = both.sandbox.post("general", "zoe", "great", team="Other")
    wait_until(lambda: other.outbox.refused, "the refusal")
    both.sandbox.post("general", "zoe", "splendid", team="Other")
    wait_until(lambda: len(other.outbox.lanes.entries()) == 2, "both kept at hand")
    assert both.is_answered("Sandbox", "ada")
    health = both.roster.tagger.health()
    assert health.ready
    assert health.problems == [
        "Other: Slack refuses our credentials: invalid_auth. Replies are kept until it is mended."
    ]
    assert both.come("Other", "zoe").status_code == 200  # installed again
    assert other.slack.client.token != "xoxb-wrong"
    wait_until(lambda: both.replies("Other", ts), "the reply that was kept, without half a minute's wait", 10)


def test_another_key_opens_nothing_and_an_old_one_beside_it_does(
    both: House, valkey: Broker, keys: Keys, labeller: Labeller
):
    old, new = both.settings.clf_secret_key.get_secret_value(), new_key()
    strange = both.settings.model_copy(update={"clf_secret_key": SecretStr(new)})
    with running_roster(strange) as roster:
        said = "CLF_SECRET_KEY does not open the installation of T0OTHER"
        wait_until(lambda: any(one.startswith(said) for one in roster.tagger.health().problems), "the problem")
        assert roster.tagger.workspaces == []
    changed = both.settings.model_copy(update={"clf_secret_key": SecretStr(f"{new},{old}")})
    with running_roster(changed) as roster:
        wait_until(lambda: len(roster.tagger.workspaces) == 2, "both workspaces")


def test_an_installation_opens_under_its_own_name_only(both: House, valkey: Broker, keys: Keys):
    """Whoever may write to Redis cannot give one workspace the other's token."""
    store = both.roster.tagger.store
    stolen = store.of(HOME).installs.read()
    assert stolen
    store.of(OTHER).installs.save(stolen.sealed)
    wait_until(lambda: any("does not open" in one for one in both.roster.tagger.health().problems), "the problem")
    other = both.roster.tagger.serves(OTHER)
    home = both.roster.tagger.serves(HOME)
    assert other
    assert home
    assert other.slack.client.token != home.slack.client.token
