"""The schedule: named phases, each with its terms, its parameters, its optimizer and its turn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from graphcl.core.address import Address, parse_address
from graphcl.core.config.addresses import addresses
from graphcl.core.config.blocks import PhaseBlock
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import NonFiniteError, UserError
from graphcl.engine.distributed import ALONE, Ranks
from graphcl.engine.flow import StepFlow
from graphcl.engine.model import Model
from graphcl.engine.schedule import learning_rate
from graphcl.engine.shares import groups_of
from graphcl.engine.unpaired import add_term
from graphcl.objective.base import Anchored, Rows, Term, at_type, reduce_groups
from graphcl.objective.kernels import differentiable

Needs = dict[tuple[str, str], list[Address]]


class Phase:
    """One phase at work: computes its loss and moves its parameters.

    Several ranks divide the work of its terms and then hold equal gradients; a virtual step is computed whole by each.

    Raises:
        UserError: the phase has no parameters to move.
    """

    def __init__(
        self,
        name: str,
        block: PhaseBlock,
        recipe: Recipe,
        model: Model,
        types: tuple[str, ...],
        steps: int = 1,
        ranks: Ranks = ALONE,
    ) -> None:
        self.name, self.block, self._model, self._types = name, block, model, types
        self._steps, self._ranks = steps, ranks
        #: Among whom flows for this phase divide records.
        self.ranks = ranks if block.inner is None else ALONE
        self.labels = block.terms or list(model.terms)
        self.parameters = model.trainable(block.params)
        if not self.parameters:
            owners = ", ".join(block.params) or "the recipe"
            raise UserError(f"phases.{name}: nothing to train: {owners} has no parameters")
        #: Owners that a gradient must reach; empty: all. Encoders that are not among them are run without a graph.
        self.moves = frozenset([*block.params, *(block.inner.params if block.inner else [])] if block.params else [])
        inner = block.inner.terms if block.inner else []
        self.needs = needed_rows(recipe, types, [*self.labels, *inner])
        self.optimizer = _optimizer(block, recipe["train"], list(self.parameters.values()))
        self._read_losses = _terms_of_states(recipe, types)
        #: (term, node type) -> what its anchors lost when it was last taken, where a state reads it
        self.losses: dict[tuple[str, str], Rows] = {}
        self._train = recipe["train"]
        self._lr = block.lr or self._train["lr"]

    def active(self, epoch: int, step: int, turn: str) -> bool:
        """Whether the phase moves anything at this epoch and step."""
        block = self.block
        in_range = epoch >= block.start and (block.stop == 0 or epoch < block.stop)
        return in_range and step % block.every == 0 and (block.period == "step" or turn == self.name)

    def update(self, flow: StepFlow) -> dict[str, float]:
        """One optimiser step; returns each term's unweighted value.

        Raises:
            NonFiniteError: a term, or the gradient of a parameter, is not finite.
        """
        loss, values = self.loss(flow)
        self.optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:  # not where no term reaches what the phase trains
            loss.backward(inputs=list(self.parameters.values()))
        self._ranks.average(list(self.parameters.values()))
        if self._train["clip_norm"]:
            torch.nn.utils.clip_grad_norm_(self.parameters.values(), self._train["clip_norm"])
        rate = learning_rate(self._train, self._lr, epoch=flow.epoch, step=flow.step, steps_per_epoch=self._steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return values

    def loss(self, flow: StepFlow) -> tuple[Tensor, dict[str, float]]:
        """The weighted sum of the phase's terms, after its virtual step where it has one; and each term's value.

        Raises:
            NonFiniteError: a term is not finite.
        """
        if self.block.inner is None:
            return self._sum(flow, self.labels)
        with differentiable():
            return self._sum(self._after_virtual_step(flow), self.labels)

    def _sum(self, flow: StepFlow, labels: list[str]) -> tuple[Tensor, dict[str, float]]:
        parts, scaled = {}, []
        for label in labels:
            term = self._model.term(label)
            call = partial(flow.call, f"terms.{label}", term)
            read = label in self._read_losses
            groups = groups_of(term, call, flow, flow.ranks, self._types, whole=flow.divides or read)
            add_term(flow.unpaired, label, term, groups)
            if read:
                self.losses |= _losses(label, term, groups)
            value = reduce_groups(groups, term.reduce)
            parts[label] = value.detach()
            scaled.append(value * term.weight)
        values = {label: float(value) for label, value in flow.ranks.mean(parts).items()}
        for label, number in values.items():
            if not math.isfinite(number):
                raise NonFiniteError(
                    f"term '{label}' became {number} at epoch {flow.epoch + 1}, step {flow.step + 1} (phase "
                    f"'{self.name}'). Lower train.lr, or raise the temperature"
                )
        return torch.stack(scaled).sum(), values

    def _after_virtual_step(self, flow: StepFlow) -> StepFlow:
        """The flow seen through parameters moved by one plain gradient step that stays differentiable."""
        inner = self.block.inner
        assert inner is not None
        moved = self._model.trainable(inner.params)
        loss, _ = self._sum(flow, inner.terms)
        gradients = torch.autograd.grad(loss, list(moved.values()), create_graph=True, allow_unused=True)
        overrides = {
            name: parameter if gradient is None else parameter - inner.lr * gradient
            for (name, parameter), gradient in zip(moved.items(), gradients, strict=True)
        }
        return flow.seen_through(overrides)


def _terms_of_states(recipe: Recipe, types: tuple[str, ...]) -> frozenset[str]:
    """Labels of the terms whose values a state reads."""
    read = [parse_address(text, types) for path, text, _ in addresses(dict(recipe.tree)) if path.startswith("states.")]
    return frozenset(address.name for address in read if address.root == "loss")


def _losses(label: str, term: Term, groups: list[Anchored]) -> dict[tuple[str, str], Rows]:
    """(label, node type) -> what the anchors of a term lost, [B, 1]."""
    return {
        (label, node_type): Rows(group.losses[:, None], None, group.ids)
        for node_type, group in zip(term.each or [""], groups, strict=True)
    }


def _optimizer(block: PhaseBlock, train: Mapping[str, Any], parameters: list[Tensor]) -> torch.optim.Optimizer:
    rule = block.optimizer or train["optimizer"]
    lr = block.lr or train["lr"]
    if rule == "sgd":
        return torch.optim.SGD(parameters, lr=lr, weight_decay=train["weight_decay"])
    kind = torch.optim.AdamW if rule == "adamw" else torch.optim.Adam
    return kind(parameters, lr=lr, weight_decay=train["weight_decay"], fused=True)


def make_phases(
    recipe: Recipe, model: Model, types: tuple[str, ...], steps: int = 1, ranks: Ranks = ALONE
) -> list[Phase]:
    """The phases of a recipe, in order; one phase with everything where it names none. ``steps``: of an epoch."""
    from pydantic import TypeAdapter

    blocks = recipe["phases"] or {"main": {}}
    adapter = TypeAdapter(PhaseBlock)
    made = {name: adapter.validate_python(block) for name, block in blocks.items()}
    phases = {name: Phase(name, block, recipe, model, types, steps, ranks) for name, block in made.items()}
    for name, phase in phases.items():
        if phase.block.optimizer_of:
            phase.optimizer = _shared_optimizer(name, phase, phases)
    return list(phases.values())


def _shared_optimizer(name: str, phase: Phase, phases: Mapping[str, Phase]) -> torch.optim.Optimizer:
    other = phase.block.optimizer_of
    earlier = list(phases)[: list(phases).index(name)]
    if other not in earlier:
        raise UserError(
            f"phases.{name}.optimizer_of: {other!r} is no earlier phase; earlier: {', '.join(earlier) or 'none'}"
        )
    if phases[other].parameters.keys() != phase.parameters.keys():
        raise UserError(f"phases.{name}.optimizer_of: phase {other!r} trains other parameters; name equal 'params'")
    return phases[other].optimizer


def untaken(phases: Iterable[Phase], labels: Iterable[str]) -> list[str]:
    """The terms and regularizers among ``labels`` that no phase takes, not even in a virtual step."""
    taken = {label for phase in phases for label in phase.labels}
    taken |= {label for phase in phases if phase.block.inner for label in phase.block.inner.terms}
    return [label for label in labels if label not in taken]


def turn_of(phases: list[Phase], epoch: int) -> str:
    """The phase of period `epoch` whose turn it is, or ""."""
    alternating = [phase for phase in phases if phase.block.period == "epoch"]
    if not alternating:
        return ""
    position = epoch % sum(phase.block.epochs for phase in alternating)
    for phase in alternating:
        if position < phase.block.epochs:
            return phase.name
        position -= phase.block.epochs
    return ""


def needed_rows(recipe: Recipe, types: tuple[str, ...], labels: list[str]) -> Needs:
    """(tower, view) -> the addresses that read it, for encodings of which only named rows are read.

    Their last layer is then computed for these rows only. An encoding is left out when anything reads all
    its rows, puts a head on it, or is not listed here (states, which the checker lists under their own key).
    """
    needs: Needs = {}
    whole: set[tuple[str, str]] = {(spec["hidden_of"], "") for spec in recipe["views"].values() if spec["hidden_of"]}
    borrowed = {view for view, _ in whole}
    for path, text, _ in addresses(dict(recipe.tree)):
        group, label, _ = path.split(".", 2)
        if group == "views" or (group not in ("states", "latents") and label not in labels):
            continue  # what the source of a view reads is no encoding
        each = recipe[group][label].get("each") or [""]
        for node_type in each:
            address = parse_address(at_type(text, node_type), types)
            if address.root != "encoded":
                continue
            key = (address.tower, address.view)
            always_full = address.level == "layers" and address.layer == 0
            if (address.rows is None and not always_full) or address.level not in ("nodes", "layers"):
                whole.add(key)
            elif not always_full:
                needs.setdefault(key, []).append(address)
    return {key: found for key, found in needs.items() if key not in whole and key[1] not in borrowed}
