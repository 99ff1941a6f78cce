"""The best epoch of a training, and its parameters: in the run's folder, or in memory where there is none."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from graphcl.engine import checkpoint
from graphcl.engine.checkpoint import Progress
from graphcl.engine.distributed import Ranks
from graphcl.engine.model import Model
from graphcl.engine.run import RunFolder


class BestEpoch:
    """Keeps the parameters of the epoch with the largest value.

    Args:
        model: Whose parameters.
        run: Where they are kept; None for memory.
        ranks: The processes; the first one writes.
        device: Where it is computed.
    """

    def __init__(self, model: Model, run: RunFolder | None, ranks: Ranks, device: torch.device) -> None:
        self.model, self.run, self.ranks, self.device = model, run, ranks, device
        self._kept: dict[str, Tensor] = {}

    def consider(self, progress: Progress, value: float, record: Mapping[str, float]) -> None:
        """Add the epoch to the history, and keep its parameters if ``value`` is the largest yet."""
        progress.history.append({"epoch": progress.epoch, **record})
        if progress.best is None or value > progress.best:
            progress.best, progress.best_epoch, progress.bad = value, progress.epoch, 0
            self._keep(progress)
        else:
            progress.bad += 1

    def take_last(self, progress: Progress) -> None:
        """The epoch just ended is the best one: nothing chooses among them."""
        progress.best_epoch = progress.epoch
        self._keep(progress)

    def put_back(self) -> None:
        """Give the model the parameters that were kept."""
        if self.run is not None:
            self.ranks.wait(self.device)  # for the first one to have written it
            checkpoint.restore(checkpoint.read(self.run.best)[0], self.model)
        elif self._kept:
            checkpoint.load_tensors(self.model, self._kept)

    def _keep(self, progress: Progress) -> None:
        if self.run is not None:
            if self.ranks.first:
                checkpoint.save(self.run.best, self.model, progress)
        else:
            self._kept = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
