"""A recipe's parts at work on batches: states, phases and their steps, whoever brings the batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from graphcl.core import seeds
from graphcl.core.address import parse_address
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import UserError
from graphcl.engine import unpaired
from graphcl.engine.checkpoint import Progress
from graphcl.engine.distributed import ALONE, Ranks
from graphcl.engine.examples import rows_of_examples
from graphcl.engine.flow import StepFlow
from graphcl.engine.model import Model
from graphcl.engine.phases import Phase, make_phases, turn_of
from graphcl.engine.surroundings import to_device
from graphcl.engine.synced_norm import sync_norms
from graphcl.engine.views import Views
from graphcl.objective.base import Rows, State
from graphcl.tasks.base import Batch, Task


class Stepper:
    """The parts of a recipe, built for a task, and what one batch does to them.

    What is drawn depends on the seed and on where ``progress`` stands; the caller counts epochs and batches there.

    Args:
        recipe: What to build.
        task: What it is built for.
        device: Where it is computed.
        batches: Batches of an epoch; None asks the task.
        ranks: The processes that train together.
    """

    def __init__(
        self, recipe: Recipe, task: Task, *, device: torch.device, batches: int | None = None, ranks: Ranks = ALONE
    ) -> None:
        self.recipe, self.task, self.device, self.ranks = recipe, task, device, ranks
        self.seed = int(recipe["train.seed"])
        self.batches = task.num_batches(recipe["train.batch_size"]) if batches is None else batches
        self.model = Model(recipe, task, seed=self.seed).to(device)
        sync_norms(self.model, ranks)
        self.views = Views(recipe, task, seed=self.seed, device=device)
        self.phases = make_phases(recipe, self.model, task.types, self.batches, ranks)

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Phase -> its optimiser."""
        return {phase.name: phase.optimizer for phase in self.phases}

    def begin_epoch(self, p: Progress) -> None:
        """What comes before the first batch of an epoch: training mode, and the states of ``epoch_start``."""
        self.model.train()
        if p.batch == 0:
            p.sums, p.unpaired = {}, {}
            for state in self.model.states.values():
                state.begin_epoch(p.epoch)  # type: ignore[operator]
            with seeds.global_rng(self.seed, p.stage, "epoch", p.epoch):
                self._update_states("epoch_start", self.flow(p))

    def classes(self, p: Progress) -> Tensor | None:
        """[N] what ``train.apart`` says of the examples where ``progress`` stands; None where it is not set.

        Raises:
            UserError: there are no batches to keep examples apart in, or it is no table of classes.
        """
        address = self.recipe["train.apart"]
        if not address:
            return None
        if not getattr(self.task, "keeps_apart", False) or not self.recipe["train.batch_size"]:
            what = "set train.batch_size" if getattr(self.task, "keeps_apart", False) else "leave it out"
            raise UserError(f"train.apart: examples here are in no batches that can be kept apart; {what}")
        state: State = self.model.states[parse_address(address, self.task.types).name]  # type: ignore[assignment]
        table = self.flow(p).tensor(address).detach().cpu()
        if state.when != "epoch_start" or table.dim() != 1 or table.is_floating_point():
            raise UserError(
                f"train.apart: '{address}' is no table of whole numbers, one for each example, that is found as an "
                "epoch starts; take state.NAME.assignment of a kmeans"
            )
        return table

    def step(self, batch: Batch, p: Progress) -> dict[str, float]:
        """The phases whose turn it is, each with an optimiser step, and the states around them.

        Returns:
            Each term's unweighted value.

        Raises:
            NonFiniteError: a term, or the gradient of a parameter, is not finite.
        """
        with seeds.global_rng(self.seed, p.stage, "step", p.step):  # for libraries that know no other
            values = self._step(to_device(batch, self.device), p)
        for label, value in values.items():
            p.sums[label] = p.sums.get(label, 0.0) + value
        p.batch += 1
        p.step += 1
        p.targets += batch.targets or len(batch.ids)
        return values

    def _step(self, batch: Batch, p: Progress) -> dict[str, float]:
        values: dict[str, float] = {}
        flow = self.flow(p, batch)
        self._update_states("before_step", flow)
        turn, draw = turn_of(self.phases, p.epoch), p.step * len(self.phases)
        losses: dict[tuple[str, str], Rows] = {}
        for position, phase in enumerate(self.phases):
            if not phase.active(p.epoch, p.step, turn):
                continue
            if phase.block.redraw == "views":
                draw = p.step * len(self.phases) + position
            flow = self.flow(p, batch, draw=draw, phase=phase)
            with self._autocast():
                values.update(phase.update(flow))
            losses |= phase.losses
            p.updates += 1
            for what, (without, total) in flow.unpaired.items():
                unpaired.add(p.unpaired, what, without, total)
        flow.losses = losses
        self._update_states("after_step", flow)
        return values

    def loss(self, batch: Batch, p: Progress) -> tuple[Tensor, dict[str, float]]:
        """What the first phase would step on: its weighted loss with a graph attached, and each term's value."""
        with seeds.global_rng(self.seed, p.stage, "step", p.step), self._autocast():
            return self.phases[0].loss(self.flow(p, to_device(batch, self.device), phase=self.phases[0]))

    def flow(
        self, p: Progress, batch: Batch | None = None, *, draw: int | None = None, phase: Phase | None = None
    ) -> StepFlow:
        """The data flow of a batch where ``progress`` stands, as a phase needs it; without a batch, of the moment."""
        needs: Any = None if phase is None else phase.needs
        moves: Collection[str] = () if phase is None else phase.moves
        ranks = self.ranks if phase is None else phase.ranks
        return StepFlow(self.model, self.views, batch, types=self.task.types, epoch=p.epoch, step=p.step,
                        draw=p.step * len(self.phases) if draw is None else draw, needs=needs, moves=moves,
                        ranks=ranks)  # fmt: skip

    @torch.no_grad()
    def _update_states(self, when: str, flow: StepFlow) -> None:
        for name, module in self.model.states.items():
            state: State = module  # type: ignore[assignment]
            if state.when == when and state.due(flow.epoch, flow.step):
                state.update(self._read_by(state, flow), generator=flow.generator(f"state {name}"))
                if when == "epoch_start":  # clusters, say, which a last bit of another CPU kind may change
                    self.ranks.same(state.buffers())

    def _read_by(self, state: State, flow: StepFlow) -> Mapping[str, Rows]:
        """What a state reads: outside of a step of all training examples, where they have graphs of their own."""
        if flow.batch is None and hasattr(self.task, "training_examples"):
            return rows_of_examples(flow, self.task, self.task.training_examples(), state.reads)
        return {key: flow.rows(address) for key, address in state.reads.items()}

    @torch.no_grad()
    def measure(self, p: Progress) -> dict[str, float]:
        """What terms report of themselves at an evaluation, ``LABEL/NAME``: of the views that the next step draws."""
        self.model.eval()
        flow = self.flow(p)
        measured = {label: self.model.term(label).measure(flow) for label in self.model.terms}
        self.model.train()
        return {f"{label}/{name}": value for label, values in measured.items() for name, value in values.items()}

    def weighted(self, terms: Mapping[str, float]) -> float:
        """The loss whose terms have these values."""
        return sum(self.model.term(label).weight * value for label, value in terms.items())

    def _autocast(self) -> Any:
        if self.recipe["train.precision"] == "bf16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()
