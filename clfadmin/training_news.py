"""What a training says while it goes on: a bar for each stage, a line for each epoch. All on standard error."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from clfadmin import console

if TYPE_CHECKING:
    from classifier.recipe import Begun, Examined, News, Report


@contextmanager
def told(*, quietly: bool) -> Generator["Report"]:
    """Yields what a training reports to; `quietly` leaves out what the JSON document holds anyway."""
    with ExitStack() as stack:
        yield _Teller(stack, quietly=quietly).tell


class _Teller:
    """Shows one bar after another: the next one ends the last."""

    def __init__(self, stack: ExitStack, *, quietly: bool) -> None:
        self._stack, self._quietly = stack, quietly
        self._what = ""
        self._tick: console.Tick

    def tell(self, news: "News") -> None:
        from classifier.recipe import Begun, EpochEnd, Examined, Progress, Stage

        match news:
            case Begun():
                self._begun(news)
            case Stage():
                self._bar(news.what, news.done, news.total)
            case Examined():
                self._examined(news)
            case Progress():
                self._bar(
                    "training", news.step, news.steps, f"epoch {news.epoch} of {news.epochs}, loss {news.loss:.3f}"
                )
            case EpochEnd():
                scores = f"loss {news.loss:.3f}, validation macro-F1 {news.macro_f1:.3f}"
                best = ", best so far" if news.best else ""
                console.note(f"epoch {news.epoch} of {news.epochs}: {scores}{best}")

    def _begun(self, news: "Begun") -> None:
        if news.epochs_done:
            console.note(f"{news.version}: going on after epoch {news.epochs_done} of {news.epochs}")

    def _examined(self, news: "Examined") -> None:
        from clfadmin.data_view import report_lines

        if not self._quietly:
            for line in report_lines(news.data_report):
                console.note(line)

    def _bar(self, what: str, done: int, total: int, note: str = "") -> None:
        """Without a total it only says what goes on."""
        if what != self._what:
            self._stack.close()
            self._what, self._tick = what, self._stack.enter_context(console.progress(what))
        if total:
            self._tick(done, total, note)
