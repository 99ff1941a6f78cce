"""RecBole's trainer for our models: steps are ours; evaluation, early stopping and checkpoints are RecBole's."""

from __future__ import annotations

from typing import Any

import torch
from recbole.trainer import Trainer
from tqdm import tqdm

from graphcl.engine.surroundings import deterministic


class GraphCLTrainer(Trainer):
    """Trains a model of ours by the phases, states and schedules of its recipe.

    The trainer's ``optimizer`` is that of the first phase; all of them are in the checkpoint.
    """

    def _build_optimizer(self, **kwargs: Any) -> torch.optim.Optimizer:
        return self.model.stepper.phases[0].optimizer

    def _train_epoch(
        self, train_data: Any, epoch_idx: int, loss_func: Any = None, show_progress: bool = False
    ) -> float:
        model, p = self.model, self.model.progress
        model.train()
        p.epoch, p.batch = epoch_idx, 0
        batches = tqdm(train_data, ncols=100, desc=f"Train {epoch_idx:>5}") if show_progress else train_data
        with deterministic():
            model.stepper.begin_epoch(p)
            for interaction in batches:
                model.stepper.step(model.batch(interaction), p)
        p.epoch += 1
        return float(model.stepper.weighted(p.sums))
