"""Pairs that are no positives: told by how their loss runs over the epochs, and weighed down by it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, Index, NonNegative
from graphcl.core.registry import register
from graphcl.objective.base import Rows, State
from graphcl.objective.states.table import HasGraphs, number_of


class Verdict(NamedTuple):
    """What is thought of pairs.

    Attributes:
        noisy: [N] bool, pairs whose loss is far below the mean.
        faulty: [N] bool, pairs whose loss is far above it.
        centre: Mean of the pairs' mean losses.
        width: Their (population) standard deviation.
    """

    noisy: Tensor
    faulty: Tensor
    centre: float
    width: float


def judge_pairs(mean_losses: Tensor, seen: Tensor, *, noisy: float, faulty: float) -> Verdict:
    """Pairs whose mean loss lies ``noisy`` deviations or more below the mean, or ``faulty`` above it.

    Args:
        mean_losses: [N], of the epochs so far.
        seen: [N] bool, which pairs were seen at all; of others nothing is thought.
        noisy: beta_np.
        faulty: beta_fp.

    >>> verdict = judge_pairs(torch.tensor([0.0, 4, 4, 4, 4, 4, 4, 4, 4, 8]), torch.ones(10).bool(), noisy=2, faulty=2)
    >>> verdict.noisy.nonzero().tolist(), verdict.faulty.nonzero().tolist(), verdict.centre
    ([[0]], [[9]], 4.0)
    """
    known = mean_losses.double()[seen]
    nothing = torch.zeros_like(seen)
    if not known.numel():
        return Verdict(nothing, nothing, 0.0, 0.0)
    centre, width = float(known.mean()), float(known.std(correction=0))
    if width <= 1e-9 * max(abs(centre), 1.0):  # all alike: none stands out
        return Verdict(nothing, nothing, centre, 0.0)
    away = (mean_losses.double() - centre) / width
    return Verdict(seen & (away <= -noisy), seen & (away >= faulty), centre, width)


@register("state", "bad_pairs", example={"losses": "main.score[batch]", "warmup": 0, "size": 8})
class BadPairs(State):
    """Dynamic bad pair mining (DBPM; Lan, Yan, Hong, Feng, ICLR 2024).

    Of each pair the loss is kept over the epochs. From epoch ``warmup`` on, a pair whose mean loss of the epochs
    before is far below the mean of all pairs counts as noisy (nothing but noise in both views, which are easily told
    from all others), one far above as faulty (its views do not belong together). Such a pair is weighed by the density
    of the normal distribution of all mean losses at its current loss; every other by 1.

    Any term with a value for each anchor takes part: ``losses: loss.LABEL`` here, ``bells: state.NAME.bells`` there.
    A density is above 1 where the deviation is below 0.4: ``form: ratio`` never is. The authors' code has mean losses
    in which epoch e counts e + 1 (``recent``; theirs are not divided by the sum of these, which changes no verdict).

    Fields: ``bells`` [N, 3], see :func:`graphcl.objective.base.under_bells`; ``noisy`` and ``faulty`` [N] bool.
    """

    bells: Tensor
    noisy: Tensor
    faulty: Tensor
    total: Tensor
    counts: Tensor
    epoch: Tensor
    when: Literal["before_step", "after_step", "epoch_start"] = "after_step"

    def __init__(
        self,
        losses: Address,
        warmup: Index = 10,
        noisy_beyond: NonNegative = 2.0,
        faulty_beyond: NonNegative = 3.0,
        form: Literal["density", "ratio"] = "density",
        recent: bool = False,
        size: Index = 0,
        *,
        task: HasGraphs | None = None,
    ) -> None:
        """
        Args:
            losses: Address of the pairs' losses, ``loss.LABEL`` of the term that is to be weighed.
            warmup: Epochs that are only recorded.
            noisy_beyond: Deviations below the mean from which a pair is noisy.
            faulty_beyond: Deviations above the mean from which a pair is faulty.
            form: What a bad pair weighs: the density at its loss, as the paper has it, which is above 1 where losses
                lie close together; or its ratio to the greatest density, which lies in (0, 1].
            recent: Whether later epochs count more in the mean, epoch e as e + 1.
            size: Number of pairs; 0 takes the nodes of the graph, or the task's examples.
            task: Whose graphs give the size (supplied).
        """
        super().__init__()
        self.reads = {"losses": losses}
        self.warmup, self.beyond, self.form, self.recent = warmup, (noisy_beyond, faulty_beyond), form, recent
        count = size or number_of(task, "")
        self.register_buffer("bells", torch.zeros(count, 3))
        for name in ("noisy", "faulty"):
            self.register_buffer(name, torch.zeros(count, dtype=torch.bool))
        for name in ("total", "counts"):
            self.register_buffer(name, torch.zeros(count, dtype=torch.float64))
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))

    def begin_epoch(self, epoch: int) -> None:
        """Judge by the epochs before this one."""
        self.epoch = torch.full_like(self.epoch, epoch)
        if epoch < self.warmup:
            return
        seen = self.counts > 0
        means = self.total / self.counts.clamp_min(1e-12)
        verdict = judge_pairs(means, seen, noisy=self.beyond[0], faulty=self.beyond[1])
        self.noisy, self.faulty = verdict.noisy, verdict.faulty
        # Zeros weigh 1; where all pairs are alike there is no other row.
        width = verdict.width or 1.0
        log_height = 0.0 if self.form == "ratio" else -math.log(width * math.sqrt(2 * math.pi))
        bell = self.bells.new_tensor([log_height, verdict.centre, 1 / width])
        self.bells = (self.noisy | self.faulty)[:, None] * bell

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Add the losses of the pairs seen.

        Raises:
            UserError: losses without ids, or beyond the size.
        """
        rows = inputs["losses"]
        if rows.ids is None:
            raise UserError("bad_pairs: the losses have no ids; name a term whose anchors are examples or nodes")
        if not len(rows):
            return
        if int(rows.ids.max()) >= len(self.total):
            raise UserError(f"bad_pairs: pair {int(rows.ids.max())} is beyond the size {len(self.total)}; set size")
        share = float(self.epoch) + 1 if self.recent else 1.0
        losses = rows.values.detach()[:, 0].to(self.total)
        # Out of place: a graph may still hold the values of before.
        self.total = self.total.index_add(0, rows.ids, share * losses)
        self.counts = self.counts.index_add(0, rows.ids, torch.full_like(losses, share))
