"""The loop: epochs of batches, validation, checkpoints; one for every method, to be read from top to bottom."""

from __future__ import annotations

import time
from typing import Any

import torch

from graphcl.core import seeds
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import NonFiniteError, UserError, suggestion
from graphcl.engine import checkpoint, unpaired
from graphcl.engine.best_epoch import BestEpoch
from graphcl.engine.checkpoint import Progress
from graphcl.engine.distributed import ALONE, Ranks
from graphcl.engine.embed import embed
from graphcl.engine.log import append_log, trim_log
from graphcl.engine.observe import Observer, collapse_indicators
from graphcl.engine.phases import untaken
from graphcl.engine.run import RunFolder
from graphcl.engine.stepper import Stepper
from graphcl.engine.surroundings import deterministic, stoppable
from graphcl.tasks.base import Task


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after a checkpoint was written."""


class Training:
    """Trains a recipe on a task until its epochs are over or validation stops getting better.

    Args:
        recipe: What to train.
        task: What to train on, and by what it is judged.
        observer: Watches.
        run: Where checkpoints go; None keeps nothing on disk (the best parameters stay in memory).
        device: Where it is computed.
        stage: Name of the stage; initial weights and batches derive from it.
        epochs: Epochs of the stage; 0 takes the recipe's.
        validate: Whether validation chooses the best epoch, where anything is held out for it.
        ranks: The processes that train together. The first one writes and judges.
    """

    def __init__(
        self,
        recipe: Recipe,
        task: Task,
        *,
        observer: Observer,
        run: RunFolder | None,
        device: torch.device,
        stage: str = "select",
        epochs: int = 0,
        validate: bool = True,
        ranks: Ranks = ALONE,
    ) -> None:
        self.recipe, self.task, self.observer, self.run, self.device = recipe, task, observer, run, device
        self.ranks = ranks
        self.train_options = recipe["train"]
        self.seed = self.train_options["seed"]
        self.by_loss = self.train_options["monitor"] == "loss"
        self.validate = validate and (self.by_loss or task.has_validation)
        names = getattr(task, "metric_names", None)
        if self.validate and not self.by_loss and names is not None and self.train_options["monitor"] not in names:
            monitor = self.train_options["monitor"]
            raise UserError(f"train.monitor: no metric {monitor!r}{suggestion(monitor, names)}")
        self.progress = Progress(stage=stage, limit=epochs or self.train_options["epochs"])
        self.stepper = Stepper(recipe, task, device=device, ranks=ranks)
        self.model, self.views, self.phases = self.stepper.model, self.stepper.views, self.stepper.phases
        parts = {**self.model.augmenters, **self.views.parts()}
        read = ((name, getattr(part, "made_of", None)) for name, part in parts.items())
        self.progress.made_of = {name: digest() for name, digest in read if digest is not None}
        self.batches = self.stepper.batches
        self.best_epoch = BestEpoch(self.model, run, ranks, device)
        self._stop = self._unpaired_told = False
        self._written = time.monotonic()

    # --- resuming -------------------------------------------------------------------------------

    def restore(self) -> bool:
        """Go on from the last checkpoint of this stage, if there is one."""
        found = self._restore()
        if self.run is not None and self.ranks.first:  # also where nothing was found: a kill may have followed a record
            trim_log(self.run, self.progress.stage, self.progress.epoch)
        return found

    def _restore(self) -> bool:
        if self.run is None or not self.run.last.is_file():
            return False
        tensors, progress = checkpoint.read(self.run.last)
        if progress.stage != self.progress.stage:
            return False
        for name, digest in progress.made_of.items():
            if self.progress.made_of.get(name) != digest:
                raise UserError(
                    f"{self.run.path}: the views that {name} reads were made anew since the training began; put the "
                    "old ones back, or train anew"
                )
        checkpoint.restore(tensors, self.model, self.stepper.optimizers())
        self.progress = progress
        return True

    def _save(self) -> None:
        if self.run is not None and self.ranks.first:
            checkpoint.save(self.run.last, self.model, self.progress, self.stepper.optimizers())
        self._written = time.monotonic()

    # --- the loop -------------------------------------------------------------------------------

    def train(self) -> Progress:
        """Run all remaining epochs; the model ends with its best parameters.

        Raises:
            Interrupted: Ctrl-C, after the step under way and a checkpoint.
            NonFiniteError: a term became NaN or infinite.
        """
        p = self.progress
        if self.train_options["warmup_epochs"] >= p.limit:
            warmup = self.train_options["warmup_epochs"]
            self.observer.note(f"train.warmup_epochs: {warmup:,} of {p.limit:,} epochs, so train.lr is never reached")
        if idle := untaken(self.phases, self.model.terms):
            self.observer.note(f"in no phase, so nothing is trained by it: {', '.join(idle)}")
        for late in (phase for phase in self.phases if phase.block.start >= p.limit):
            self.observer.note(
                f"phases.{late.name}: starts after {late.block.start:,} epochs of {p.limit:,}, so it never trains; "
                "raise train.epochs, or lower its start"
            )
        self.observer.started(epochs=p.limit, batches=self.batches, epoch=p.epoch, stage=p.stage, best=p.best)
        with stoppable(self._ask_to_stop), deterministic():
            try:
                while p.epoch < p.limit and not self._exhausted():
                    self._epoch()
                if self._told_to_stop():  # during the last evaluation, which a checkpoint followed
                    raise Interrupted
            except NonFiniteError as error:
                if self.run is None or not self.run.last.is_file():
                    raise
                raise NonFiniteError(f"{error}; the last good checkpoint is kept") from error
            finally:
                self.observer.finished()
        if self.validate:
            self.best_epoch.put_back()
        else:
            self.best_epoch.take_last(p)
        return p

    def _exhausted(self) -> bool:
        patience = self.train_options["patience"]
        return self.validate and patience > 0 and self.progress.bad >= patience

    def _epoch(self) -> None:
        p = self.progress
        self.stepper.begin_epoch(p)
        generator = seeds.generator(self.seed, p.stage, "batches", p.epoch)
        size = self.train_options["batch_size"]
        classes = self.stepper.classes(p)
        given: dict[str, Any] = {} if classes is None else {"classes": classes}
        for batch in self.task.batches(size, generator=generator, start=p.batch, **given):
            values = self.stepper.step(batch, p)
            self.observer.stepped(epoch=p.epoch + 1, batch=p.batch, terms=values, examples=len(batch.ids))
            self._between_steps()
        self._end_epoch()

    def _ask_to_stop(self) -> None:
        if self._stop:
            raise KeyboardInterrupt
        self._stop = True

    def _told_to_stop(self) -> bool:
        """Whether any rank was: they stop after the same step."""
        return self.ranks.any(self._stop, self.device)

    def _between_steps(self) -> None:
        """A step is over: the only place where a checkpoint may be written within an epoch."""
        if self._told_to_stop():
            self._save()
            raise Interrupted
        if time.monotonic() - self._written > self.train_options["checkpoint_seconds"]:
            self._save()

    def _end_epoch(self) -> None:
        p = self.progress
        terms = {label: total / max(p.batch, 1) for label, total in p.sums.items()}
        without = unpaired.shares(p.unpaired)
        p.epoch, p.batch, p.sums, p.unpaired = p.epoch + 1, 0, {}, {}
        last = p.epoch == p.limit
        metrics: dict[str, float] = {}
        if self.validate and (last or p.epoch % self.train_options["eval_every"] == 0):
            if self.by_loss:
                self.best_epoch.consider(p, -self.stepper.weighted(terms), {})
            else:
                metrics = self._evaluate()
            measured = self.ranks.from_first(lambda: self.stepper.measure(p), self.device)
            if measured:
                metrics |= measured
                p.history[-1] |= measured
        record = {"epoch": p.epoch, "stage": p.stage, "terms": terms, "valid": metrics}
        if self.run is not None and self.ranks.first:
            append_log(self.run, {**record, "unpaired": without} if without else record)
        if without and not self._unpaired_told:
            self.observer.note(f"epoch {p.epoch}: {unpaired.sentence(without)}")
            self._unpaired_told = True
        self.observer.epoch_ended(epoch=p.epoch, terms=terms, metrics=metrics)
        if last or metrics or p.epoch % self.train_options["checkpoint_every"] == 0:
            self._save()

    # --- choosing the best epoch ----------------------------------------------------------------

    def _evaluate(self) -> dict[str, float]:
        metrics, collapse = self.ranks.from_first(self._judge, self.device)
        self.best_epoch.consider(self.progress, metrics[self.train_options["monitor"]], {**metrics, **collapse})
        return metrics

    def _judge(self) -> tuple[dict[str, float], dict[str, float]]:
        """Metrics on validation, and how far the embeddings are from collapse."""
        monitor = self.train_options["monitor"]
        embeddings = embed(self.model, self.views, self.task, "valid")
        metrics = self.task.evaluate(embeddings, "valid", seed=self.seed)
        if monitor not in metrics:
            raise UserError(f"train.monitor: no metric {monitor!r}{suggestion(monitor, metrics)}")
        return metrics, collapse_indicators(embeddings)
