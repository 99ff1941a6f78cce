"""Bayesian personalised ranking: a positive scores above a negative."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Addresses
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import widen


def bpr(user: Tensor, pos: Tensor, neg: Tensor) -> Tensor:
    """``-log sigmoid(u . (i - j))`` as a softplus, which does not underflow (Rendle et al. 2009).

    Args:
        user: [B, d].
        pos: [B, d], an item of each user.
        neg: [B, d], an item that is not.

    Returns:
        [B], at least float32.

    Example:
        >>> import torch
        >>> bpr(torch.ones(1, 2), torch.ones(1, 2), torch.ones(1, 2))
        tensor([0.6931])
    """
    user, pos, neg = widen(user), widen(pos), widen(neg)
    return F.softplus(-(user * (pos - neg)).sum(-1))


@register(
    "term",
    "bpr",
    example={
        "user": "main.nodes[user][users]",
        "pos": "main.nodes[item][items_pos]",
        "neg": "main.nodes[item][items_neg]",
    },
)
class BPR(Term):
    """Pairwise ranking of a positive and a sampled negative by inner product (Rendle et al., UAI 2009, BPR-Opt).

    Equals the cross-entropy over the two. LightGCL's code takes sigmoid and then log, which is -inf for a
    difference below -104; SELFRec adds 1e-5 inside the log. Neither is needed here.
    """

    combine = "mean"

    def __init__(self, user: Addresses, pos: Addresses, neg: Addresses, **common: Any) -> None:  # noqa: D417
        """
        Args:
            user: Rows of the users, one for each pair.
            pos: Rows of the items they have.
            neg: Rows of the items they do not have.
        """
        super().__init__(**common)
        self.user, self.pos, self.neg = user, pos, neg

    #: The loss of rows [B, d] of users, positives and negatives, [B].
    pair_loss = staticmethod(bpr)

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per pair, with the user's id."""
        user, pos, neg = (flow.rows(at_type(address, node_type)) for address in (self.user, self.pos, self.neg))
        if not len(user) == len(pos) == len(neg):
            counts = f"{len(user)} users, {len(pos)} positives and {len(neg)} negatives"
            raise UserError(f"{type(self).__name__}: {counts}; give one of each per pair")
        values = self.pair_loss(user.values, pos.values, neg.values)
        if self.weights is None:
            return Anchored(values, None, user.ids)
        weight = self.anchor_weight(flow, node_type, user.ids, values.new_ones(len(user)))
        return Anchored(values * weight, weight, user.ids)
