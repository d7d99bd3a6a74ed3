"""The shortcut's window and a command's answer when things go wrong, or quicker than thought."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from bot.answers import GIVEN_UP
from bot.desk import Serving
from bot.settings import Settings
from tests.bot.conftest import Bot, Labeller, for_sandbox, running_bot
from tests.bot.test_asking import told, view_of
from tests.conftest import wait_until
from tests.sandbox_client import SandboxClient
from worker.answers import Work, dead_letter
from worker.jobs import Job, StreamName
from worker.stream import Queue

NO_MODEL = "No model runs at present"


@pytest.fixture
def quick_bot(settings: Settings, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bot]:
    """Looks for dead letters five times a second."""
    monkeypatch.setattr("bot.asking.LOOKS_EVERY", timedelta(seconds=0.2))
    sandbox.clock(100)
    with running_bot(for_sandbox(settings, sandbox)) as bot:
        yield bot


def buried(queue: Queue) -> Job:
    """The next job, made a dead letter as a worker does it."""
    (delivery,) = queue.read(StreamName.JOBS, count=1, block=timedelta(seconds=5))
    job = Job.decode(delivery.fields)
    letter = dead_letter(Work(delivery, job), reason="delivered too often")
    queue.finish([letter.finished], into=letter.into)
    return job


def test_a_window_whose_text_became_a_dead_letter_says_so(
    quick_bot: Bot, sandbox: SandboxClient, make_queue: Callable[..., Queue]
):
    queue = make_queue()
    ts = sandbox.post("general", "ada", "a text that kills workers")
    buried(queue)  # the message itself
    sandbox.shortcut("general", ts, "linus")
    view_of(sandbox, "linus", NO_MODEL)
    buried(queue)
    view = view_of(sandbox, "linus", GIVEN_UP)
    assert NO_MODEL not in str(view)
    assert "submit" not in view, "there is no label to correct"
    assert quick_bot.tagger.workspace.memory.errands.waiting() == []
    assert sandbox.replies("general", ts) == []


def test_a_command_whose_text_became_a_dead_letter_is_answered(
    quick_bot: Bot, sandbox: SandboxClient, make_queue: Callable[..., Queue]
):
    queue = make_queue()
    sandbox.command("a text that is refused", "general", "linus")
    told(sandbox, "linus", NO_MODEL)
    buried(queue)
    told(sandbox, "linus", GIVEN_UP)
    assert sandbox.sees("ada")["ephemeral"] == []


def test_of_many_that_look_at_once_one_tells_and_what_may_still_be_labelled_is_left(
    bot: Bot, sandbox: SandboxClient, make_queue: Callable[..., Queue]
):
    queue = make_queue()
    sandbox.command("refused", "general", "linus")
    told(sandbox, "linus", NO_MODEL)
    sandbox.command("still waiting", "general", "mary")
    told(sandbox, "mary", NO_MODEL)
    buried(queue)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: bot.tagger.workspace.asking.look(), range(8)))
    told(sandbox, "linus", GIVEN_UP)
    bot.tagger.workspace.asking.desk._threads.shutdown()  # waits for what was begun
    assert [one["text"] for one in sandbox.sees("linus")["ephemeral"]].count(GIVEN_UP) == 1
    assert [ask.user for _, ask in bot.tagger.workspace.memory.errands.waiting()] == ["U0MARY"]
    assert len(sandbox.sees("mary")["ephemeral"]) == 1


def test_a_window_that_was_filled_quickly_is_not_overwritten_by_the_note_that_it_may_take_a_while(
    bot: Bot, labeller: Labeller, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
):
    """The label comes between the job's way into the queue and the look whether anybody would label it."""

    def filled_meanwhile(_desk: object) -> Serving:
        view_of(sandbox, "linus", "positive 93 %")
        return Serving()

    ts = sandbox.post("general", "ada", "great work")
    wait_until(lambda: sandbox.replies("general", ts), "the reply")
    monkeypatch.setattr("bot.desk.Desk.serving", filled_meanwhile)
    sandbox.shortcut("general", ts, "linus")
    wait_until(lambda: len(sandbox.calls("views.update")) == 2, "label and note")
    label, note = sandbox.calls("views.update")
    assert label["answer"]["ok"], label
    assert NO_MODEL in str(note["arguments"])
    assert note["answer"]["error"] == "hash_conflict"
    assert "positive 93 %" in str(view_of(sandbox, "linus"))
