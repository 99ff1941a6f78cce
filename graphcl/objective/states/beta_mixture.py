"""Which negatives are false: a mixture of two Beta distributions over the similarities of two views."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from graphcl.core.options import Address, Count, Index
from graphcl.core.registry import register
from graphcl.objective.base import Rows, State
from graphcl.objective.kernels import unit_rows

Share = Annotated[float, Field(gt=0.0, lt=1.0)]
#: Similarities lie in [EPS, 1 - EPS]: the densities of some Beta distributions are infinite at 0 and 1.
EPS = 1e-4
#: Points of the curve that is handed on; between them it is linear.
POINTS = 1025
#: Pairs whose similarities are computed at once.
CHUNK = 1 << 14


class BetaMixture(NamedTuple):
    """Two Beta distributions; the first is the one of the smaller mean."""

    alpha: Tensor  # [2]
    beta: Tensor  # [2]
    weight: Tensor  # [2]

    def log_densities(self, x: Tensor) -> Tensor:
        """[n] in [0, 1] -> [n, 2], log of weight times density."""
        x = x.clamp(EPS, 1.0 - EPS)[:, None]
        constant = torch.lgamma(self.alpha + self.beta) - torch.lgamma(self.alpha) - torch.lgamma(self.beta)
        return self.weight.log() + constant + (self.alpha - 1) * x.log() + (self.beta - 1) * torch.log1p(-x)

    def posterior(self, x: Tensor) -> Tensor:
        """[n, 2], the probability of each component given x."""
        return self.log_densities(x).softmax(1)


def fit_beta_mixture(x: Tensor, *, first_weight: float = 0.95, n_iter: int = 10) -> BetaMixture:
    """Expectation maximisation with moments in the M-step (Ma and Leijon, 2011; Arazo et al., ICML 2019, section 3).

    Starts from Beta(1, 2) with ``first_weight`` and Beta(2, 1) with the rest (ProGCL, Xia et al., ICML 2022).

    Args:
        x: [n] in [0, 1].
        first_weight: weight of the first component at the start.
        n_iter: iterations.
    """
    x = x.double().clamp(EPS, 1.0 - EPS)
    weight = x.new_tensor([first_weight, 1.0 - first_weight])
    mixture = BetaMixture(x.new_tensor([1.0, 2.0]), x.new_tensor([2.0, 1.0]), weight)
    for _ in range(n_iter if x.numel() else 0):
        share = mixture.posterior(x)
        total = share.sum(0).clamp_min(1e-12)
        mean = (share * x[:, None]).sum(0) / total
        variance = (share * (x[:, None] - mean).square()).sum(0) / total
        # A component of (almost) equal values would become infinitely sharp.
        concentration = (mean * (1 - mean) / variance.clamp_min(1e-6) - 1).clamp_min(1e-3)
        weight = (total / x.numel()).clamp_min(1e-12)
        mixture = BetaMixture(mean * concentration, (1 - mean) * concentration, weight / weight.sum())
    mean = mixture.alpha / (mixture.alpha + mixture.beta)
    order = mean.argsort(stable=True)
    return BetaMixture(*(part.index_select(0, order) for part in mixture))


def hardness_curve(mixture: BetaMixture, points: int = POINTS) -> Tensor:
    """``p(true negative | s) s`` over cosines from -1 to 1, with s = (cosine + 1) / 2 (ProGCL, eq. 6).

    A negative counts as true with the probability that its similarity is of the first component.

    Returns:
        [points, 2] float32: cosine, and how hard a negative of this cosine is.
    """
    s = torch.linspace(0.0, 1.0, points, dtype=torch.float64, device=mixture.alpha.device)
    return torch.stack([2 * s - 1, mixture.posterior(s)[:, 0] * s], dim=1).float()


def sampled_cosines(x: Rows, y: Rows, pairs: int, *, generator: torch.Generator) -> Tensor:
    """Cosines of pairs of rows drawn at random, one of each side, that are not partners.

    Args:
        x: [B, d].
        y: [C, d].
        pairs: number of draws; pairs of equal ids (of equal position without ids) are left out.
        generator: source of the draws.

    Returns:
        [at most ``pairs``], none where a side has no rows.
    """
    if not len(x) or not len(y):
        return x.base.new_zeros(0)
    device = x.base.device
    first, second = (torch.randint(len(side), (pairs,), generator=generator).to(device) for side in (x, y))
    ids = [torch.arange(len(side), device=device) if side.ids is None else side.ids for side in (x, y)]
    other = (ids[0].index_select(0, first) != ids[1].index_select(0, second)).nonzero().view(-1)
    left, right = unit_rows(x.values.detach()), unit_rows(y.values.detach())
    found = [
        (left.index_select(0, first.index_select(0, part)) * right.index_select(0, second.index_select(0, part))).sum(1)
        for part in other.split(CHUNK)
    ]
    return torch.cat(found) if found else left.new_zeros(0)


@register("state", "beta_mixture", example={"x": "main.nodes", "y": "other.nodes", "pairs": 64})
class BetaMixtureState(State):
    """A mixture of two Beta distributions fitted to similarities between two views (ProGCL, Xia et al., ICML 2022).

    Fields: ``curve`` [1025, 2], how hard a negative is over its cosine, for ``negative_weights`` of ``info_nce``; and
    ``alpha``, ``beta``, ``weight`` [2] of the components. Before the first fit all are empty, and negatives all count
    alike. Similarities are those of a random sample of pairs: no N x N tensor.
    """

    alpha: Tensor
    beta: Tensor
    weight: Tensor
    curve: Tensor

    def __init__(
        self,
        x: Address,
        y: Address,
        pairs: Count = 100_000,
        false_share: Share = 0.05,
        n_iter: Count = 10,
        when: Literal["epoch_start"] = "epoch_start",
        every: Index = 0,
        start: Index = 0,
    ) -> None:
        """
        Args:
            x: Rows of one view.
            y: Rows of the other, with which they are compared.
            pairs: Pairs of rows that the mixture is fitted to.
            false_share: Share of false negatives that the fit starts from (w0).
            n_iter: Iterations of the fit.
            when: The mixture is fitted at the start of an epoch.
            every: Epochs between two fits; 0 fits once, as the authors' code does.
            start: Epoch (from 0) of the first fit; before it all negatives count alike.
        """
        super().__init__()
        self.reads = {"x": x, "y": y}
        self.pairs, self.false_share, self.n_iter = pairs, false_share, n_iter
        self.when, self.every, self.start = when, every or sys.maxsize, start
        for name in BetaMixture._fields:
            self.register_buffer(name, torch.zeros(0))
        self.register_buffer("curve", torch.zeros(0, 2))

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Fit anew; without any pair nothing changes."""
        cosines = sampled_cosines(inputs["x"], inputs["y"], self.pairs, generator=generator)
        if not cosines.numel():
            return
        mixture = fit_beta_mixture((cosines + 1) / 2, first_weight=1.0 - self.false_share, n_iter=self.n_iter)
        for name, value in mixture._asdict().items():
            setattr(self, name, value.float())
        self.curve = hardness_curve(mixture)
