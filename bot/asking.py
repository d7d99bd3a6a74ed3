"""All that people ask by commands, clicks, shortcuts and windows, put together and given to a Bolt app."""

import threading
from datetime import timedelta

import structlog

from bot.answers import Answers
from bot.commands import Commands
from bot.corrections import Corrections
from bot.desk import Desk
from bot.home import Home
from bot.learned import tell_learned
from bot.shortcut import Shortcut
from bot.window import Settings
from worker.connection import QueueError
from worker.stream import Queue

# A swap is rare and nobody waits for this word.
LOOKS_EVERY = timedelta(seconds=30)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


class Asking:
    """Owns the desk's threads. Give `answers.take` to the poster; bot/listeners.py gives the rest to an app."""

    def __init__(self, desk: Desk, queue: Queue) -> None:
        """`queue` is for retiring results, see Answers."""
        self.desk = desk
        self.home = Home(desk)
        self.settings = Settings(desk, changed=self.home.show)
        self.corrections = Corrections(desk)
        self.commands = Commands(desk, self.settings, changed=self.home.show)
        self.shortcut = Shortcut(desk, self.corrections)
        self._stopping = threading.Event()
        self.answers = Answers(desk, queue, self.commands, self.shortcut)

    def start(self) -> None:
        """Look now and then for word that a version which serves has learned from corrections."""
        threading.Thread(target=self._look_forever, name="learned", daemon=True).start()

    def close(self) -> None:
        self._stopping.set()
        self.desk.close()
        self.answers.close()

    def _look_forever(self) -> None:
        while not self._stopping.wait(LOOKS_EVERY.total_seconds()):
            self.look()

    def look(self) -> None:
        """Several bots may look at once: each person is told by one of them."""
        try:
            self.answers.give_up()
            tell_learned(self.desk.memory.errands, self.corrections.tell_correctors)
        except QueueError as error:
            _log.info("redis does not work, correctors are told later", error=str(error))
