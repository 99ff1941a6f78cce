"""A temperature for each example, moved by a rule: large for what is like others, small for what is rare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, Addresses, Count, Index, NonNegative, Positive, Share
from graphcl.core.registry import register
from graphcl.objective.base import Rows, State
from graphcl.objective.kernels import Csr, log_partition, positive_logit
from graphcl.objective.pairs import check_widths, match_rows
from graphcl.objective.states.table import HasGraphs, number_of

#: Bound of a temperature's gradient (Qiu et al.'s code).
CLIP = 5.0
Rate = Annotated[float, Field(ge=0.0, le=1.0)]


class Hardness(NamedTuple):
    """How hard the negatives of each anchor are; h is a negative's cosine minus the positive's.

    Attributes:
        log_mean: [B], ``log mean exp(h / t)``.
        expected: [B], the mean of h under the softmax of ``h / t``.
    """

    log_mean: Tensor
    expected: Tensor


def hardness(anchors: Tensor, candidates: Tensor, partner: Tensor, same: Csr, temperature: Tensor) -> Hardness:
    """Statistics of the negatives without a [B, N] matrix: the second is a derivative of the first's sum.

    Args:
        anchors: [B, d].
        candidates: [N, d].
        partner: [B], the position of each anchor's positive.
        same: The candidates that are no negatives of each anchor, its positive among them.
        temperature: [B].
    """
    with torch.enable_grad():
        t = temperature.detach().clone().requires_grad_()
        partition = log_partition(anchors, candidates, temperature=t, mask=same)
        (slope,) = torch.autograd.grad(partition.sum(), t)  # - (mean cosine under the softmax) / t^2
    positive = positive_logit(anchors, candidates, partner)
    negatives = (len(candidates) - same.counts).to(partition.dtype)
    log_mean = partition.detach() - negatives.log() - positive / temperature
    return Hardness(log_mean, -slope * temperature.square() - positive)


def same_ids(wanted: Tensor, ids: Tensor) -> Csr:
    """For each of ``wanted`` the positions in ``ids`` that equal it.

    >>> same_ids(torch.tensor([5, 1]), torch.tensor([5, 7, 5])).indices.tolist()
    [0, 2]
    """
    ordered, order = ids.sort(stable=True)
    low = torch.searchsorted(ordered, wanted)
    counts = torch.searchsorted(ordered, wanted, right=True) - low
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    within = torch.arange(int(indptr[-1]), device=ids.device) - indptr[:-1].repeat_interleave(counts)
    return Csr(indptr, order[low.repeat_interleave(counts) + within])


@register("state", "temperatures", example={"anchors": "main.nodes[batch]", "candidates": "b.nodes[batch]", "size": 10})
class Temperatures(State):
    """Individual temperatures t_i (iSogCLR, Qiu et al., ICML 2023, algorithm 1).

    Each minimises ``t log E exp(h / t) + rho t``, the dual of a worst case over distributions of negatives that are no
    further than rho (a Kullback-Leibler divergence) from all alike: at its optimum that of the softmax of ``h / t`` is
    rho. So an example with some negatives much like it (a frequent kind) gets a large t, one that nothing resembles (a
    rare kind) a small one, and where nearly all negatives are alike t is small again. A large rho makes all small. The
    mean over all negatives is tracked over the steps in which an example is seen, so that batches may be small.

    Fields, [N] each: ``temperature``, for ``info_nce`` with ``temperatures``, and ``weight``, a batch's mean over the
    tracked one, for its ``weights``; leave its positive out of the denominator. A temperature moves when its example is
    next seen, so that a step's loss and its gradients are at one and the same temperature.
    """

    temperature: Tensor
    weight: Tensor
    log_mean: Tensor
    slope: Tensor
    seen: Tensor
    when: Literal["before_step", "after_step", "epoch_start"] = "before_step"

    def __init__(
        self,
        anchors: Address,
        candidates: Addresses,
        init: Positive = 0.1,
        lowest: Positive = 0.005,
        highest: Positive = 1.0,
        rho: NonNegative = 6.0,
        rate: NonNegative = 1e-3,
        slope_rate: Share = 0.9,
        mean_rate: Share = 0.8,
        size: Index = 0,
        every: Count = 1,
        start: Index = 0,
        *,
        task: HasGraphs | None = None,
    ) -> None:
        """
        Args:
            anchors: Rows whose temperatures these are.
            candidates: Rows among which they look; the first of an anchor's id is its positive, and none of that id
                is a negative.
            init: Temperature before an example is seen.
            lowest: Bound.
            highest: Bound.
            rho: Price of a temperature.
            rate: Step of a temperature (eta; the authors take 0.03 for pairs of image and text).
            slope_rate: Share of a new gradient in the running one.
            mean_rate: Share of a batch's mean in the tracked one; 1 where a batch is all there is.
            size: Number of examples; 0 takes the nodes of the graph, or the task's examples.
            every: Steps between two updates.
            start: First epoch with an update.
            task: Whose graphs give the size (supplied).

        Raises:
            UserError: bounds that do not hold the first temperature.
        """
        super().__init__()
        if not lowest <= init <= highest:
            raise UserError(f"temperatures: init {init:g} must lie from lowest {lowest:g} to highest {highest:g}")
        self.reads, self.every, self.start = {"anchors": anchors, "candidates": candidates}, every, start
        self.bounds, self.rho, self.rate = (lowest, highest), rho, rate
        self.slope_rate, self.mean_rate = slope_rate, mean_rate
        count = size or number_of(task, "")
        self.register_buffer("temperature", torch.full((count,), float(init)))
        self.register_buffer("weight", torch.ones(count))
        self.register_buffer("log_mean", torch.zeros(count))
        self.register_buffer("slope", torch.zeros(count))
        self.register_buffer("seen", torch.zeros(count, dtype=torch.int64))

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Move the temperatures of the anchors by what was found when they were last seen; then look again.

        Raises:
            UserError: rows without ids, or beyond the size.
        """
        anchors, candidates = inputs["anchors"].unique()[0], inputs["candidates"]
        check_widths(anchors, candidates)
        if anchors.ids is None or candidates.ids is None:
            raise UserError("temperatures: anchors and candidates need ids; give addresses of nodes or examples")
        partner, same = match_rows(anchors, candidates), same_ids(anchors.ids, candidates.ids)
        kept = ((partner >= 0) & (same.counts < len(candidates))).nonzero().squeeze(1)
        if not len(kept):
            return
        ids, partner = anchors.ids[kept], partner[kept]
        if int(ids.max()) >= len(self.temperature):
            raise UserError(f"temperatures: example {int(ids.max())} is beyond their size {len(self.temperature)}; "
                            "set size")  # fmt: skip
        t = (self.temperature[ids] - self.rate * self.slope[ids]).clamp(*self.bounds)
        rows = anchors.values.detach().index_select(0, kept)
        found = hardness(rows, candidates.values.detach(), partner, same_ids(ids, candidates.ids), t)
        log_mean = self._tracked(ids, found.log_mean.float())
        weight = (found.log_mean.float() - log_mean).exp()
        slope = log_mean + self.rho - weight * found.expected.float() / t
        slope = self.slope[ids].lerp(slope.clamp(-CLIP, CLIP), self.slope_rate)
        # Out of place: a graph may still hold the values of before.
        self.temperature = self.temperature.index_copy(0, ids, t)
        self.log_mean = self.log_mean.index_copy(0, ids, log_mean)
        self.weight = self.weight.index_copy(0, ids, weight)
        self.slope = self.slope.index_copy(0, ids, slope)
        self.seen = self.seen.index_add(0, ids, torch.ones_like(ids))

    def _tracked(self, ids: Tensor, new: Tensor) -> Tensor:
        """Log of the running mean; the first batch's counts whole, as there is none before."""
        share = self.log_mean.new_tensor(self.mean_rate)
        mixed = torch.logaddexp(self.log_mean[ids] + torch.log1p(-share), new + share.log())
        return torch.where(self.seen[ids] > 0, mixed, new)
