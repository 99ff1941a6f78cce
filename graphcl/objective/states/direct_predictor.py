"""A linear predictor that a rule sets: by the eigen-decomposition of what it is to predict from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.options import Addresses, Count, NonNegative, Probability
from graphcl.core.registry import register
from graphcl.objective.base import Rows, State

Form = Literal["paper", "relative", "copy"]
#: Smallest eigenvalue of a ``relative`` predictor.
FLOOR = 1e-4


def predictor_of(correlation: Tensor, eps: float, form: Form = "paper") -> Tensor:
    """The predictor W [d, d] of a correlation ``F = U diag(s) U^T`` of latents (Tian, Chen & Ganguli, ICML 2021).

    ``paper``: ``U diag(sqrt(s_j) + eps max s) U^T`` (section 4). ``relative``: ``sqrt(s_j / max s) + eps``, at least
    1e-4, which is the released code's and does not depend on the latents' scale. ``copy``: ``F / |F| + eps I``, without
    a decomposition (DirectCopy, Wang et al., 2021).

    Args:
        correlation: [d, d], symmetric; eigenvalues that rounding left below 0 count as 0.
        eps: Share that directions without variance get.
        form: Which.

    Example:
        >>> predictor_of(torch.diag(torch.tensor([4.0, 1.0])), eps=0.25)
        tensor([[3., 0.],
                [0., 2.]])
    """
    correlation = correlation.float()
    symmetric = (correlation + correlation.T) / 2
    if form == "copy":
        norm = torch.linalg.matrix_norm(symmetric).clamp_min(1e-12)
        return symmetric / norm + eps * torch.eye(len(symmetric), device=symmetric.device)
    values, vectors = torch.linalg.eigh(symmetric)
    values = values.clamp_min(0.0)
    top = values.amax()
    if form == "paper":
        gains = values.sqrt() + eps * top
    else:
        gains = ((values / top.clamp_min(1e-12)).sqrt() + eps).clamp_min(FLOOR)
    return (vectors * gains) @ vectors.T


@register("state", "direct_predictor", example={"rows": "main.nodes[batch]", "dim": 4})
class DirectPredictor(State):
    """The predictor of a teacher's latents, set and not learnt (DirectPred); see :func:`predictor_of`.

    Field ``weight`` [dim, dim], the identity before the first update; ``correlation`` is the running mean of
    ``E[f f^T]``. A latent ``multiply`` applies it: ``a.pred[batch]`` in the place of a head.
    """

    correlation: Tensor
    weight: Tensor
    updates: Tensor

    def __init__(
        self,
        rows: Addresses,
        dim: Count,
        momentum: Probability = 0.3,
        eps: NonNegative = 0.1,
        form: Form = "paper",
        every: Count = 1,
        when: Literal["before_step", "after_step"] = "after_step",
    ) -> None:
        """
        Args:
            rows: Address of the latents that are predicted from (several: of all views).
            dim: Width of the latents.
            momentum: Share of the correlation of before that stays at an update.
            eps: Share that directions without variance get.
            form: How large each direction is: of the `paper`, `relative` to the largest (the released code), or
                `copy`, without an eigen-decomposition (DirectCopy).
            every: Steps between two updates.
            when: Whether a step's latents enter before or after its terms are taken.
        """
        super().__init__()
        self.reads, self.every, self.when = {"rows": rows}, every, when
        self.momentum, self.eps, self.form = momentum, eps, form
        self.register_buffer("correlation", torch.zeros(dim, dim))
        self.register_buffer("weight", torch.eye(dim))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Enter the latents and set the predictor. The first ones set the correlation whole, as there is none before.

        Raises:
            UserError: latents of another width.
            NonFiniteError: latents that are NaN or infinite.
        """
        latents = inputs["rows"].values.detach().float()
        if latents.shape[1] != len(self.correlation):
            raise UserError(f"direct_predictor: the latents have width {latents.shape[1]}; set dim={latents.shape[1]}")
        if not len(latents):
            return
        if not bool(torch.isfinite(latents).all()):
            raise NonFiniteError("direct_predictor: latents are not finite")
        new = latents.T @ latents / len(latents)
        kept = self.momentum if int(self.updates) else 0.0
        # Out of place: a graph may still hold the predictor of before.
        self.correlation = new.lerp(self.correlation, kept)
        self.weight = predictor_of(self.correlation, self.eps, self.form)
        self.updates = self.updates + 1
