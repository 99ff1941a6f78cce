"""Order among equal scores: pseudo-random per (user, item), from the seed alone.

The position of an item in the catalogue, the block size and the device play no part, so a scorer that
gives every item the same value gets, on average over users, the metrics of a random ranking. Facts of
the data, such as popular items coming first in a file, cannot help it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.core.seeds import derive

_MASK = 0xFFFFFFFF


def _mix(x: Tensor) -> Tensor:
    """A bijection of the 32-bit integers that looks random (multiply and xor-shift).

    The factor has 27 bits, so that products stay below 2^63 and never overflow.
    """
    for _ in range(2):
        x = ((x ^ (x >> 16)) * 0x45D9F3B) & _MASK
    return x ^ (x >> 16)


def tie_keys(users: Tensor, items: Tensor, seed: int) -> Tensor:
    """Keys in [0, 2^32) that order equal scores, larger first; distinct for the items of one user.

    Args:
        users: [b] positions of users.
        items: [k] or [b, k] positions of items.
        seed: Of the evaluation.

    Returns:
        [b, k] int64.
    """
    salt = derive(seed, "ties")
    row = _mix(_mix((users ^ salt) & _MASK) ^ (salt >> 31)) & _MASK
    return _mix(items ^ row.unsqueeze(1))


def rank_keys(scores: Tensor, users: Tensor, items: Tensor, seed: int) -> Tensor:
    """int64 keys whose descending order is: by score, then by :func:`tie_keys`. Shapes [b, k]."""
    bits = scores.contiguous().view(torch.int32).long()
    # Negative floats order backwards in their bit pattern; both zeros become 0.
    ordered = torch.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))
    return (ordered << 32) + tie_keys(users, items, seed)
