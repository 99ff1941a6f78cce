"""The contracts of terms, regularizers and states, and the rows they read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from graphcl.core.errors import UserError
from graphcl.core.options import Address
from graphcl.encode.base import View

Reduce = Literal["mean", "sum", "mean_per_group"]
Combine = Literal["mean", "gather"]


@dataclass
class Rows:
    """Rows of a latent: ``base[index]``, gathered only when asked for.

    Attributes:
        base: [N, d].
        index: [B] positions in ``base``; None means all rows in order.
        ids: [B] the global id of each row (node id within its type, or example id), which pairs
            rows of different views. None when rows have no identity (queue entries, centroids).
        member: [B] for nodes of a batch of graphs: the row of level ``graphs`` that each belongs to. None where all
            nodes are of one graph.
        place: [B, 4] for patches of images: where in the original image each is (:data:`graphcl.graph.places.PLACE`).
        share: where the rows were sampled, how likely one draw was to give each: [B] where they were drawn for all
            anchors, or [A, K] where K of them were drawn for each of A, in order.
    """

    base: Tensor
    index: Tensor | None = None
    ids: Tensor | None = None
    member: Tensor | None = None
    share: Tensor | None = None
    place: Tensor | None = None

    @property
    def values(self) -> Tensor:
        """[B, d]. ``index_select``: the backward of ``E[idx]`` is not repeatable on CPU threads."""
        return self.base if self.index is None else self.base.index_select(0, self.index)

    def __len__(self) -> int:
        return int(self.base.shape[0] if self.index is None else self.index.shape[0])

    def unique(self) -> tuple[Rows, Tensor]:
        """Each row once, and how often it occurred [B'] (float). Rows without an index are unique already."""
        if self.index is None:
            return self, torch.ones(len(self), dtype=self.base.dtype, device=self.base.device)
        index, first, counts = _unique(self.index)
        ids = None if self.ids is None else self.ids.index_select(0, first)
        member, place = (None if of is None else of.index_select(0, first) for of in (self.member, self.place))
        # At least float32: bfloat16 cannot count beyond 256.
        once = Rows(self.base, index, ids, member, place=place)
        return once, counts.to(torch.promote_types(self.base.dtype, torch.float32))


def concatenate(parts: list[Rows]) -> Rows:
    """Rows after each other; one gather where all are rows of one latent."""
    if len(parts) == 1:
        return parts[0]
    # Not the places: images of several views have the same numbers.
    ids, member = _joined([p.ids for p in parts]), _joined([p.member for p in parts])
    first = parts[0]
    same = all(p.index is not None and same_storage(p.base, first.base) for p in parts)
    if same:
        return Rows(first.base, torch.cat([p.index for p in parts if p.index is not None]), ids, member)
    return Rows(torch.cat([p.values for p in parts]), None, ids, member)


def _joined(parts: list[Tensor | None]) -> Tensor | None:
    """After each other; None where one is missing."""
    known = [part for part in parts if part is not None]
    return torch.cat(known) if len(known) == len(parts) else None


def same_storage(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are the same rows in memory."""
    return a is b or (a.data_ptr() == b.data_ptr() and a.shape == b.shape and a.stride() == b.stride())


def _unique(index: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Unique values, the position of one occurrence of each, and counts."""
    values, inverse, counts = torch.unique(index, return_inverse=True, return_counts=True)
    first = torch.empty_like(values)
    # Any occurrence does (equal index, equal row); a flipped copy makes it the first one, always.
    order = torch.arange(index.numel() - 1, -1, -1, device=index.device)
    first[inverse.flip(0)] = order
    return values, first, counts


class Flow(Protocol):
    """What a term sees of a step: addresses resolved lazily, each encoding computed once."""

    #: index of the optimiser step, and of the epoch
    step: int
    epoch: int

    def rows(self, address: str | list[str]) -> Rows:
        """The rows at an address; several addresses are concatenated."""
        ...

    def tensor(self, address: str) -> Tensor:
        """The tensor at an address that is not made of rows (``state.clusters.assignment[user]``)."""
        ...

    def parameters(self, *names: str) -> Mapping[str, Tensor]:
        """Trainable parameters of the named towers, heads, latents or terms; without names, of all."""
        ...

    def view(self, name: str) -> View:
        """A view as it is drawn in this step: its graph and operators."""
        ...

    def generator(self, purpose: str) -> torch.Generator:
        """A generator that depends on the run's seed, the purpose and the step."""
        ...


@dataclass
class Anchored:
    """One group of per-anchor values.

    Attributes:
        values: [B], the loss of each anchor times its weight, with a graph attached (also when empty).
        weight: [B] or None for ones; ``mean`` divides by its sum.
        ids: [B] or None, the global ids of the anchors.
        left_out: How many anchors have no partner on the other side and are therefore not among the values.
        raw: [B], the loss of each anchor where ``values`` is more than that times ``weight``.
    """

    values: Tensor
    weight: Tensor | None = None
    ids: Tensor | None = None
    left_out: int = 0
    raw: Tensor | None = None

    @property
    def losses(self) -> Tensor:
        """[B], the loss of each anchor itself, without gradient; 0 where its weight is 0."""
        if self.raw is not None:
            return self.raw
        values = self.values.detach()
        return values if self.weight is None else values / self.weight.masked_fill(self.weight == 0, torch.inf)


def under_bells(losses: Tensor, bells: Tensor) -> Tensor:
    """``exp(b_0 - ((l - b_1) b_2)^2 / 2)`` of each loss l and its bell b: a row of zeros weighs 1, whatever l is.

    Args:
        losses: [B].
        bells: [B, 3]: logarithm of the height, centre, and one over the width.

    Returns:
        [B].
    """
    log_height, centre, precision = bells.unbind(1)
    return (log_height - ((losses - centre) * precision).square() / 2).exp()


def total_weight(group: Anchored) -> Tensor:
    """What ``mean`` divides the sum of a group by."""
    return group.values.new_tensor(group.values.numel()) if group.weight is None else group.weight.sum()


def reduce_groups(groups: list[Anchored], how: Reduce) -> Tensor:
    """Reduce the groups of a term to a scalar.

    ``sum``: of all values. ``mean``: weighted mean over all anchors. ``mean_per_group``: the sum over
    groups (node types, say) of each group's weighted mean. An empty group contributes 0.
    """

    sums = [group.values.sum() for group in groups]
    if how == "sum":
        return torch.stack(sums).sum()
    # 1e-12 only guards the empty group, whose sum is 0.
    weights = [total_weight(group).clamp_min(1e-12) for group in groups]
    if how == "mean":
        return torch.stack(sums).sum() / torch.stack(weights).sum()
    return torch.stack([s / w for s, w in zip(sums, weights, strict=True)]).sum()


class Term(nn.Module):
    """A loss. Subclasses take addresses and numbers as options and return per-anchor values.

    Attributes:
        combine: How processes divide the work. ``gather``, right for every term: each process sees all rows, and the
            kernels divide the anchors among them. ``mean``, less work: a value depends on nothing but the rows at
            its own position, so that each process takes its share of every row set.
        detached: Options whose addresses are read without gradient.
    """

    combine: Combine = "gather"
    detached: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        weight: float = 1.0,
        reduce: Reduce = "mean",
        each: list[str] | None = None,
        weights: Address | None = None,
        bells: Address | None = None,
    ) -> None:
        """
        Args:
            weight: Factor of the term in the loss.
            reduce: ``mean`` over anchors, ``sum``, or ``mean_per_group`` (sum over groups of their means).
            each: Node types; the term is taken once for each, with ``*`` in its addresses replaced by it.
            weights: Address of a per-example table (a state) that weights the anchors.
            bells: Address of a per-example table (``state.NAME.bells`` of a ``bad_pairs``) that weights an anchor by
                its own loss; the mean stays one over all anchors.
        """
        super().__init__()
        self.weight, self.reduce, self.each, self.weights, self.bells = weight, reduce, each, weights, bells

    def forward(self, flow: Flow) -> list[Anchored]:
        """One :class:`Anchored` for each node type of ``each`` (or a single one)."""
        types = self.each or [""]
        groups = [self.group(flow, node_type) for node_type in types]
        if self.bells is None:
            return groups
        return [self._under_bells(flow, node_type, group) for node_type, group in zip(types, groups, strict=True)]

    def _under_bells(self, flow: Flow, node_type: str, group: Anchored) -> Anchored:
        """The group, each value weighed by where its loss lies under the bell of its anchor."""
        if group.ids is None:
            raise UserError(f"bells '{self.bells}': the anchors of this term have no ids to look up in the table")
        table = flow.tensor(at_type(self.bells, node_type)).detach().index_select(0, group.ids)
        weights = under_bells(group.losses, table).to(group.values.dtype)
        return replace(group, values=group.values * weights, raw=group.losses)

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """The values of one group. ``node_type`` is "" when the term has no ``each``."""
        raise NotImplementedError

    def measure(self, flow: Flow) -> dict[str, float]:
        """What the term reports of itself at an evaluation; it is logged as ``LABEL/NAME``. Called without gradient."""
        return {}

    def describe(self) -> dict[str, Any]:
        """What must be said of the term's values in the record of a run (what a bound holds for, say)."""
        return {}

    def anchor_weight(self, flow: Flow, node_type: str, ids: Tensor | None, counts: Tensor) -> Tensor:
        """``counts`` times the entry of the ``weights`` table of each anchor (detached).

        Raises:
            UserError: there is a table, but the anchors have no ids to look up.
        """
        if self.weights is None:
            return counts
        if ids is None:
            raise UserError(f"weights '{self.weights}': the anchors of this term have no ids to look up in the table")
        table = flow.tensor(at_type(self.weights, node_type))
        return counts * table.detach().index_select(0, ids).to(counts.dtype)


def at_type(address: Any, node_type: str) -> Any:
    """Put a node type in the place of ``*`` in an address or a list of addresses."""
    if isinstance(address, list):
        return [at_type(a, node_type) for a in address]
    return address.replace("*", node_type) if isinstance(address, str) else address


class State(nn.Module):
    """A named thing changed by a rule, not by gradient. Everything it keeps is a buffer, so it is in the checkpoint.

    With several processes, each applies the same rule to the same rows: those of all of them.

    Options common to all states (set by the subclass's constructor):
        reads: name -> address of what ``update`` receives.
        when: ``after_step``, ``epoch_start`` or ``before_step``.

    Per node type, a field ``x`` is the buffer ``x_user``, addressed ``state.NAME.x[user]``.
    """

    #: name -> address
    reads: Mapping[str, str | list[str]]
    when: Literal["before_step", "after_step", "epoch_start"] = "after_step"
    #: update only every so many steps (or epochs, for ``epoch_start``), from epoch ``start`` on
    every: int = 1
    start: int = 0

    def due(self, epoch: int, step: int) -> bool:
        """Whether the rule applies at this epoch and step."""
        count = epoch - self.start if self.when == "epoch_start" else step
        return epoch >= self.start and count % self.every == 0

    def begin_epoch(self, epoch: int) -> None:
        """Told before the rules of an epoch, from 0; for a rule that differs between epochs."""

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Apply the rule. Called without gradient."""
        raise NotImplementedError

    def field(self, name: str, node_type: str = "") -> Tensor:
        """The tensor behind ``state.NAME.field[type]``; defined also when empty or half full.

        Raises:
            UserError: the state has no such field.
        """
        value = getattr(self, f"{name}_{node_type}" if node_type else name, None)
        if not isinstance(value, Tensor):
            raise UserError(f"state '{type(self).__name__}' has no field {name!r}")
        return value
