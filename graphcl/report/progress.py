"""What a person sees of a training: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from graphcl.engine.observe import Observer

#: Seconds between two lines of :class:`PlainProgress`, and between two redrawings of the bar.
LINE_SECONDS, BAR_SECONDS = 10.0, 0.25


def watcher(monitor: str, *, console: Console) -> Observer:
    """The observer that suits a console: a bar where it is a terminal, else lines."""
    if console.is_terminal:
        return BarProgress(monitor, console=console)
    return PlainProgress(monitor, say=lambda text: console.print(text, soft_wrap=True, markup=False, highlight=False))


class Meter:
    """Sums what the steps of an epoch report, and remembers the best value of the monitor.

    Args:
        monitor: Validation metric to show.
        clock: Seconds, monotonic.
    """

    def __init__(self, monitor: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.monitor, self._clock = monitor, clock
        self.epochs = self.batches = 0
        self._valid = ""
        self._best = float("-inf")
        self.begin_epoch()

    def begin(self, epochs: int, batches: int, best: float | None = None) -> None:
        """A stage begins."""
        self.epochs, self.batches = epochs, batches
        self._valid, self._best = "", float("-inf") if best is None else best
        self.begin_epoch()

    def begin_epoch(self) -> None:
        """Forget the steps of the last epoch."""
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._examples = 0
        self._since = self._last = self._clock()

    def step(self, terms: Mapping[str, float], examples: int) -> None:
        """Count a step. A phase may not run in every step, so each term has a count of its own."""
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1
        self._examples += examples
        self._last = self._clock()

    def judge(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Take in the metrics of an epoch that was evaluated."""
        value = metrics.get(self.monitor)
        if value is not None:
            self._best = max(self._best, value)
            self._valid = f"valid {self.monitor} {value:.4f} at epoch {epoch} (best {self._best:.4f})"

    def terms(self) -> str:
        """Mean of each term over the epoch so far."""
        return "  ".join(f"{name} {total / self._counts[name]:.4g}" for name, total in self._sums.items())

    def speed(self) -> str:
        """Examples a second in this epoch; an evaluation after its last step is not counted."""
        seconds = self._last - self._since
        return f"{self._examples / seconds:,.0f} examples/s" if seconds > 0 and self._examples else ""

    def line(self) -> str:
        """Terms, validation and speed."""
        return "  ".join(part for part in (self.terms(), self._valid, self.speed()) if part)


class PlainProgress(Observer):
    """Lines: about ten for a training, and one whenever ten seconds have passed without.

    Args:
        monitor: Validation metric to show.
        say: Takes each line.
        clock: Seconds, monotonic.
    """

    def __init__(
        self, monitor: str, *, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._meter, self._say, self._clock = Meter(monitor, clock), say, clock
        self._said_epoch, self._said_at = 0, clock()

    def note(self, text: str) -> None:
        """See :class:`Observer`."""
        self._say(text)

    def started(
        self, *, epochs: int, batches: int, epoch: int, stage: str, best: float | None = None
    ) -> None:
        """See :class:`Observer`."""
        self._meter.begin(epochs, batches, best)
        self._said_epoch, self._said_at = epoch, self._clock()
        self._say(_beginning(epochs, batches, epoch, stage))

    def stepped(self, *, epoch: int, batch: int, terms: Mapping[str, float], examples: int) -> None:
        """See :class:`Observer`."""
        self._meter.step(terms, examples)
        if self._clock() - self._said_at >= LINE_SECONDS and batch < self._meter.batches:
            self._line(epoch, f"batch {batch:,}/{self._meter.batches:,}  ")

    def epoch_ended(self, *, epoch: int, terms: Mapping[str, float], metrics: Mapping[str, float]) -> None:
        """See :class:`Observer`."""
        self._meter.judge(epoch, metrics)
        tenth = max(1, self._meter.epochs // 10)
        late = self._clock() - self._said_at >= LINE_SECONDS
        if epoch - self._said_epoch >= tenth or epoch == self._meter.epochs or late:
            self._line(epoch, "")
            self._said_epoch = epoch
        self._meter.begin_epoch()

    def _line(self, epoch: int, where: str) -> None:
        self._say(f"epoch {epoch:>{len(str(self._meter.epochs))}}/{self._meter.epochs}  {where}{self._meter.line()}")
        self._said_at = self._clock()


class BarProgress(Observer):
    """A bar over all steps, with terms, validation and speed beside it.

    Args:
        monitor: Validation metric to show.
        console: Where it is drawn.
    """

    def __init__(self, monitor: str, *, console: Console) -> None:
        self._meter, self._console = Meter(monitor), console
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._drawn = 0.0

    def note(self, text: str) -> None:
        """See :class:`Observer`; printed above the bar."""
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def started(
        self, *, epochs: int, batches: int, epoch: int, stage: str, best: float | None = None
    ) -> None:
        """See :class:`Observer`."""
        self._meter.begin(epochs, batches, best)
        self.note(_beginning(epochs, batches, epoch, stage))
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TimeRemainingColumn(),
            TextColumn("{task.fields[line]}", markup=False),
            console=self._console,
            refresh_per_second=4,
        )
        self._task = self._bar.add_task(f"epoch {epoch + 1}/{epochs}", total=epochs * batches, line="")
        self._bar.start()

    def stepped(self, *, epoch: int, batch: int, terms: Mapping[str, float], examples: int) -> None:
        """See :class:`Observer`."""
        self._meter.step(terms, examples)
        now = time.monotonic()
        if now - self._drawn >= BAR_SECONDS:
            self._drawn = now
            self._draw(epoch, (epoch - 1) * self._meter.batches + batch)

    def epoch_ended(self, *, epoch: int, terms: Mapping[str, float], metrics: Mapping[str, float]) -> None:
        """See :class:`Observer`."""
        self._meter.judge(epoch, metrics)
        self._draw(epoch, epoch * self._meter.batches)
        self._meter.begin_epoch()

    def _draw(self, epoch: int, steps: int) -> None:
        if self._bar is not None:
            name = f"epoch {epoch}/{self._meter.epochs}"
            self._bar.update(self._task, completed=steps, description=name, line=self._meter.line())

    def finished(self) -> None:
        """See :class:`Observer`."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _beginning(epochs: int, batches: int, epoch: int, stage: str) -> str:
    what = "training" if stage == "select" else stage
    if epoch:
        return f"{what} goes on at epoch {epoch + 1} of {epochs:,} ({_count(batches, 'step')} an epoch)"
    return f"{what}: at most {_count(epochs, 'epoch')} of {_count(batches, 'step')}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


Block = TypeVar("Block")


def counted(
    blocks: Iterable[Block], total: int, size: Callable[[Block], int], what: str, say: Callable[[str], None]
) -> Iterator[Block]:
    """Pass blocks on, with a line at each quarter and whenever ten seconds have passed: ``1,000 of 4,000 users``."""
    done, said, said_at = 0, 0, time.monotonic()
    for block in blocks:
        yield block
        done += size(block)
        late = time.monotonic() - said_at >= LINE_SECONDS
        if done < total and (late or 4 * (done - said) >= total):
            say(f"{done:,} of {total:,} {what}")
            said, said_at = done, time.monotonic()
