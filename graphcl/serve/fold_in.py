"""An embedding for a user whom training has not seen."""

from __future__ import annotations

import torch
from torch import Tensor


def fold_in(items: Tensor, history: Tensor, popularity: Tensor) -> Tensor:
    """One propagation step from a new user's items, with no training.

    ``e_u = sum_{i in H} e_i / sqrt(|H| (d_i + 1))``: what the symmetrically normalised graph of LightGCN (He et al.,
    SIGIR 2020, eq. 3) would give the user if they were added to it, with the items' final embeddings in the place
    of the layer below and ``d_i + 1`` their degree with the new edge. It equals no trained embedding: the user has no
    layer-0 parameters, and the items do not learn of the user. For a model without a graph it is a
    weighted mean of what the user had.

    Args:
        items: [I, d] item embeddings.
        history: [n] positions of the user's items, each once, n >= 1.
        popularity: [I] training users of each item.

    Returns:
        [d].
    """
    degree = popularity.index_select(0, history).to(items.dtype) + 1
    weight = (degree * history.numel()).rsqrt()
    return weight @ items.index_select(0, history)


def unique_in_order(positions: Tensor) -> Tensor:
    """Each position once, in the order of its first occurrence."""
    return torch.tensor(list(dict.fromkeys(positions.tolist())), dtype=torch.int64)
