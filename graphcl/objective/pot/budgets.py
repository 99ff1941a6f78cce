"""How many edges each node may lose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Index, NonNegative, Probability


@dataclass(frozen=True)
class Budget:
    """The deletions that a bound covers: at most q_i edges at node i, and at most ``total`` edges in all.

    Args:
        by: `quantile`: the drawn view keeps within q_i at all nodes at once with probability 1 - delta; `mean`: the
            mean number of edges that a node loses, rounded, which about half of the drawn views exceed; `fraction`
            of the degree or `count`, see amount; `any`: all of them; `auto`: quantile (mean in mode reference).
        amount: The fraction (0 to 1, rounded up to whole edges) or the count, which need it.
        rate: Probability that an edge is dropped, for quantile and mean; null takes that of the view's augmenters.
        delta: Probability that some node of a drawn view loses more than its q_i (quantile).
        total: Edges that may go in the whole graph; 0 is no limit.
    """

    by: Literal["auto", "quantile", "mean", "fraction", "count", "any"] = "auto"
    amount: NonNegative | None = None
    rate: Probability | None = None
    delta: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.05
    total: Index = 0

    def __post_init__(self) -> None:
        takes = self.by in ("fraction", "count")
        if takes and self.amount is None:
            raise UserError(f"pot: budget.by={self.by} needs to know how much: set budget.amount")
        if self.amount is not None and not takes:
            raise UserError(f"pot: budget.amount says nothing with budget.by={self.by}; take fraction or count")
        if self.by == "fraction" and self.share > 1:
            raise UserError(f"pot: budget.amount={self.amount:g} is no fraction of the degree; give 0 to 1")
        if self.by == "count" and self.share != int(self.share):
            raise UserError(f"pot: budget.amount={self.amount:g} is no count of edges; give a whole number")

    @property
    def share(self) -> float:
        """``amount`` as a number."""
        return self.amount or 0.0

    @classmethod
    def parse(cls, text: str) -> Budget:
        """``any``, ``quantile``, ``mean``, a share of the degree (``0.3``, ``30%``) or a number of edges (``3``).

        Raises:
            UserError: none of these.
        """
        if text in ("auto", "any", "quantile", "mean"):
            return cls(by=text)  # type: ignore[arg-type]
        try:
            if text.endswith("%"):
                return cls("fraction", float(text[:-1]) / 100)
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number < np.inf:
            raise UserError(f"budget {text!r}: give any, quantile, mean, a share of the degree (0.3, 30%) or edges (3)")
        return cls("fraction" if "." in text else "count", number)

    def kind(self, mode: str) -> str:
        """``by`` with ``auto`` decided for mode ``sound`` or ``reference``."""
        return ("quantile" if mode == "sound" else "mean") if self.by == "auto" else self.by

    def needs_rate(self, mode: str) -> bool:
        """Whether it depends on how often a view drops an edge, and does not say so itself."""
        return self.rate is None and self.kind(mode) in ("quantile", "mean")

    def of(self, degree: Tensor, mode: str = "sound", rate: float | None = None) -> Tensor:
        """q [N] int64 for nodes of these degrees; ``rate`` is the view's, where the budget has none of its own.

        Raises:
            UserError: a rate is needed and there is none.
        """
        if self.needs_rate(mode) and rate is None:
            kind = self.kind(mode)
            raise UserError(f"pot: budget.by={kind} needs the probability that an edge is dropped; set budget.rate")
        rate = rate if self.rate is None else self.rate
        return edge_budgets(degree, self.kind(mode), self.share, rate or 0.0, self.delta, self.total)

    def describe(self, mode: str = "sound", rate: float | None = None) -> str:
        """What a score with this budget is about, in words."""
        rate = rate if self.rate is None else self.rate
        text = {
            "quantile": f"deletions within the {1 - self.delta:.4g} quantile of dropping edges at rate {rate or 0:.4g} "
            f"(all nodes at once; symmetric deletions)",
            "mean": f"at most the mean number of deletions at rate {rate or 0:.4g}; about half of the views exceed it",
            "fraction": f"at most {self.share:.4g} of each node's edges deleted",
            "count": f"at most {self.share:.0f} edges of each node deleted",
        }.get(self.kind(mode), "any deletions of edges")
        return f"{text}, {self.total} in all" if self.total else text


def edge_budgets(degree: Tensor, by: str, amount: float, rate: float, delta: float, total: int) -> Tensor:
    """See :class:`Budget`: [N] int64, between 0 and the degree."""
    if by == "quantile":
        q = binomial_quantile(degree, rate, delta)
    elif by == "mean":
        q = (rate * degree.double()).round().long()
    elif by == "fraction":
        q = (amount * degree.double() - 1e-9).ceil().long()
    else:
        q = torch.full_like(degree, int(amount)) if by == "count" else degree
    return torch.minimum(q, degree).clamp_max(total if total else torch.iinfo(torch.int64).max)


def binomial_quantile(degree: Tensor, rate: float, delta: float) -> Tensor:
    """The smallest q_i with ``P(Binomial(deg_i, rate) <= q_i) >= 1 - delta / N``: all N nodes at once (union bound)."""
    from scipy.stats import binom

    values, inverse = torch.unique(degree, return_inverse=True)
    quantile = binom.isf(delta / max(1, degree.numel()), values.cpu().numpy(), rate)
    return torch.from_numpy(np.clip(quantile, 0, None).astype(np.int64)).to(degree.device)[inverse]
