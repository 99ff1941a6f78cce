"""What may watch a training: progress lines, TensorBoard, trackers. The loop calls these and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


class Observer:
    """Receives a training's events; every method does nothing by default."""

    def note(self, text: str) -> None:
        """Something a person should know (a choice, a count, a fallback)."""

    def started(
        self, *, epochs: int, batches: int, epoch: int, stage: str, best: float | None = None
    ) -> None:
        """A stage of the training begins, or goes on, at ``epoch`` (from 0) with the best value so far."""

    def stepped(self, *, epoch: int, batch: int, terms: Mapping[str, float], examples: int) -> None:
        """A batch is done."""

    def epoch_ended(self, *, epoch: int, terms: Mapping[str, float], metrics: Mapping[str, float]) -> None:
        """An epoch (1-based) is done; ``metrics`` is empty where it was not evaluated."""

    def finished(self) -> None:
        """The training is over, or interrupted."""


class Observers(Observer):
    """Several observers as one."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._all = list(observers)

    def _each(self, method: str, *args: Any, **kwargs: Any) -> None:
        for observer in self._all:
            getattr(observer, method)(*args, **kwargs)

    def note(self, text: str) -> None:
        """See :class:`Observer`."""
        self._each("note", text)

    def started(self, **event: Any) -> None:
        """See :class:`Observer`."""
        self._each("started", **event)

    def stepped(self, **event: Any) -> None:
        """See :class:`Observer`."""
        self._each("stepped", **event)

    def epoch_ended(self, **event: Any) -> None:
        """See :class:`Observer`."""
        self._each("epoch_ended", **event)

    def finished(self) -> None:
        """See :class:`Observer`."""
        self._each("finished")


class TensorBoard(Observer):
    """Writes terms and metrics as TensorBoard event files under ``RUN/tensorboard``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None

    def started(
        self, *, epochs: int, batches: int, epoch: int, stage: str, best: float | None = None
    ) -> None:
        """Open the event file."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(self._folder / stage), purge_step=epoch + 1)

    def epoch_ended(self, *, epoch: int, terms: Mapping[str, float], metrics: Mapping[str, float]) -> None:
        """One point per term and metric."""
        for group, values in (("term", terms), ("valid", metrics)):
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, epoch)

    def finished(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()


def collapse_indicators(embeddings: Mapping[str, Tensor], limit: int = 2048) -> dict[str, float]:
    """How far embeddings are from collapse, on at most ``limit`` evenly spaced rows a type.

    ``effective_rank``: exp of the entropy of the normalised singular values (Roy and Vetterli, EUSIPCO 2007).
    ``uniformity``: log of the mean of exp(-2 |x - y|^2) over pairs of unit rows (Wang and Isola, ICML 2020);
    0 is total collapse.
    """
    found = {}
    for name, rows in embeddings.items():
        sample = rows[:: max(1, len(rows) // limit)][:limit].detach().float().cpu()
        prefix = f"{name}_" if name else ""
        spectrum = torch.linalg.svdvals(sample)
        share = spectrum / spectrum.sum().clamp_min(1e-12)
        entropy = -(share * share.clamp_min(1e-12).log()).sum()
        found[f"{prefix}effective_rank"] = float(entropy.exp())
        unit = torch.nn.functional.normalize(sample, dim=1)
        if len(unit) > 1:
            found[f"{prefix}uniformity"] = float(torch.pdist(unit).square().mul(-2).exp().mean().log())
    return found
