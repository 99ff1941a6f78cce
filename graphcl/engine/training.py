"""The loop: views, terms, step, states. One loop for every method; it can be read from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import Any

import torch

from graphcl.core import seeds
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError, suggestion
from graphcl.engine import checkpoint, unpaired
from graphcl.engine.best_epoch import BestEpoch
from graphcl.engine.checkpoint import Progress
from graphcl.engine.distributed import ALONE, Ranks
from graphcl.engine.embed import embed
from graphcl.engine.flow import StepFlow
from graphcl.engine.log import append_log, trim_log
from graphcl.engine.model import Model
from graphcl.engine.observe import Observer, collapse_indicators
from graphcl.engine.phases import make_phases, turn_of
from graphcl.engine.run import RunFolder
from graphcl.engine.surroundings import deterministic, stoppable, to_device
from graphcl.engine.synced_norm import sync_norms
from graphcl.engine.views import Views
from graphcl.objective.base import State
from graphcl.tasks.base import Batch, Task


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
        self.model = Model(recipe, task, seed=self.seed).to(device)
        sync_norms(self.model, ranks)
        self.views = Views(recipe, task, seed=self.seed, device=device)
        self.batches = task.num_batches(self.train_options["batch_size"])
        self.phases = make_phases(recipe, self.model, task.types, self.batches, ranks)
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
        checkpoint.restore(tensors, self.model, self._optimizers())
        self.progress = progress
        return True

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {phase.name: phase.optimizer for phase in self.phases}

    def _save(self) -> None:
        if self.run is not None and self.ranks.first:
            checkpoint.save(self.run.last, self.model, self.progress, self._optimizers())
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
        self.observer.started(epochs=p.limit, batches=self.batches, epoch=p.epoch, stage=p.stage, best=p.best)
        with stoppable(self._ask_to_stop), deterministic():
            try:
                while p.epoch < p.limit and not self._exhausted():
                    self._epoch()
                if self._told_to_stop():  # during the last evaluation, which a checkpoint followed
                    raise Interrupted
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
        self.model.train()
        if p.batch == 0:
            p.sums, p.unpaired = {}, {}
            with seeds.global_rng(self.seed, p.stage, "epoch", p.epoch):
                self._update_states("epoch_start", self._flow(None))
        turn = turn_of(self.phases, p.epoch)
        generator = seeds.generator(self.seed, p.stage, "batches", p.epoch)
        size = self.train_options["batch_size"]
        for batch in self.task.batches(size, generator=generator, start=p.batch):
            with seeds.global_rng(self.seed, p.stage, "step", p.step):  # for libraries that know no other
                values = self._step(to_device(batch, self.device), turn)
            for label, value in values.items():
                p.sums[label] = p.sums.get(label, 0.0) + value
            p.batch += 1
            p.step += 1
            p.targets += batch.targets or len(batch.ids)
            self.observer.stepped(epoch=p.epoch + 1, batch=p.batch, terms=values, examples=len(batch.ids))
            self._between_steps()
        self._end_epoch()

    def _step(self, batch: Batch, turn: str) -> dict[str, float]:
        p = self.progress
        values: dict[str, float] = {}
        flow = self._flow(batch)
        self._update_states("before_step", flow)
        draw = p.step * len(self.phases)
        for position, phase in enumerate(self.phases):
            if not phase.active(p.epoch, p.step, turn):
                continue
            if phase.block.redraw == "views":
                draw = p.step * len(self.phases) + position
            flow = self._flow(batch, draw=draw, needs=phase.needs, moves=phase.moves, ranks=phase.ranks)
            with self._autocast():
                values.update(phase.update(flow))
            p.updates += 1
            for what, (without, total) in flow.unpaired.items():
                unpaired.add(p.unpaired, what, without, total)
        self._update_states("after_step", flow)
        return values

    def _flow(
        self,
        batch: Batch | None,
        *,
        draw: int | None = None,
        needs: Any = None,
        moves: Collection[str] = (),
        ranks: Ranks | None = None,
    ) -> StepFlow:
        p = self.progress
        return StepFlow(self.model, self.views, batch, types=self.task.types, epoch=p.epoch, step=p.step,
                        draw=p.step * len(self.phases) if draw is None else draw, needs=needs, moves=moves,
                        ranks=self.ranks if ranks is None else ranks)

    @torch.no_grad()
    def _update_states(self, when: str, flow: StepFlow) -> None:
        for name, module in self.model.states.items():
            state: State = module  # type: ignore[assignment]
            if state.when == when and state.due(flow.epoch, flow.step):
                inputs = {key: flow.rows(address) for key, address in state.reads.items()}
                state.update(inputs, generator=flow.generator(f"state {name}"))
                if when == "epoch_start":  # clusters, say, which a last bit of another CPU kind may change
                    self.ranks.same(state.buffers())

    def _autocast(self) -> Any:
        if self.train_options["precision"] == "bf16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

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
                self.best_epoch.consider(p, -self._weighted(terms), {})
            else:
                metrics = self._evaluate()
            measured = self.ranks.from_first(self._measure, self.device)
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

    @torch.no_grad()
    def _measure(self) -> dict[str, float]:
        """What terms report of themselves at an evaluation, ``LABEL/NAME``: of the views that the next step draws."""
        self.model.eval()
        flow = self._flow(None)
        measured = {label: self.model.term(label).measure(flow) for label in self.model.terms}
        self.model.train()
        return {f"{label}/{name}": value for label, values in measured.items() for name, value in values.items()}

    def _weighted(self, terms: Mapping[str, float]) -> float:
        """The loss whose terms have these values."""
        return sum(self.model.term(label).weight * value for label, value in terms.items())

    def _judge(self) -> tuple[dict[str, float], dict[str, float]]:
        """Metrics on validation, and how far the embeddings are from collapse."""
        monitor = self.train_options["monitor"]
        embeddings = embed(self.model, self.views, self.task, "valid")
        metrics = self.task.evaluate(embeddings, "valid", seed=self.seed)
        if monitor not in metrics:
            raise UserError(f"train.monitor: no metric {monitor!r}{suggestion(monitor, metrics)}")
        return metrics, collapse_indicators(embeddings)
