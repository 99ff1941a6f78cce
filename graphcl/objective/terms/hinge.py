"""The margin form of pairwise ranking."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from graphcl.core.registry import register
from graphcl.objective.terms.bpr import BPR


def hinge(user: Tensor, pos: Tensor, neg: Tensor) -> Tensor:
    """``max(0, 1 - u . i + u . j)`` (Cai et al., ICLR 2023, eq. 7).

    Args:
        user: [B, d].
        pos: [B, d], an item of each user.
        neg: [B, d], an item that is not.

    Returns:
        [B].

    Example:
        >>> import torch
        >>> hinge(torch.ones(1, 2), torch.ones(1, 2), torch.zeros(1, 2))
        tensor([0.])
    """
    return F.relu(1 - (user * (pos - neg)).sum(-1))


@register(
    "term",
    "hinge",
    example={
        "user": "main.nodes[user][users]",
        "pos": "main.nodes[item][items_pos]",
        "neg": "main.nodes[item][items_neg]",
    },
)
class Hinge(BPR):
    """Pairwise ranking with a margin of 1, the recommendation loss of LightGCL's paper; options are those of bpr."""

    pair_loss = staticmethod(hinge)
