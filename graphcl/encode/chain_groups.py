"""Chains of near-equal length side by side, so that attention is computed with little padding."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from graphcl.encode.layer import Dropout

#: A group's longest chain is at most this much longer than its shortest: so large is the share of padding, at most.
SPREAD = 0.5


@dataclass(frozen=True)
class Group:
    """Chains that are computed as one tensor.

    Attributes:
        count: B, number of chains.
        length: L, nodes of the longest.
        real: [B, L] which places are nodes; None where all are.
    """

    count: int
    length: int
    real: Tensor | None


class ChainGroups:
    """Where each node lies in groups of padded chains.

    Padding is on the right, made of repetitions of the chain's last node.

    Args:
        lengths: [G] nodes of each chain, which lie end to end.

    Attributes:
        groups: shortest first.
        spread: [P] the node that stands at each place of all groups, one after the other.
        place: [n] the place of each node.
    """

    def __init__(self, lengths: Tensor) -> None:
        host = lengths.cpu().numpy()
        order = np.argsort(host, kind="stable")
        ordered = host[order]
        bounds = _bounds(ordered)
        widths = np.repeat(ordered[np.array(bounds[1:], dtype=np.int64) - 1], np.diff(bounds))  # [G] of its group
        places = np.cumsum(widths) - widths
        column = np.arange(widths.sum()) - np.repeat(places, widths)
        start = (np.cumsum(host) - host)[order]
        spread = np.repeat(start, widths) + np.minimum(column, np.repeat(ordered - 1, widths))
        real = column < np.repeat(ordered, widths)
        place = np.empty(int(host.sum()), dtype=np.int64)
        place[spread[real]] = real.nonzero()[0]
        self.spread, self.place = (torch.from_numpy(index).to(lengths.device) for index in (spread, place))
        self.groups = []
        for first, end in pairwise(bounds):
            begin, width = int(places[first]), int(widths[first])
            inside = real[begin : begin + (end - first) * width].reshape(end - first, width)
            mask = None if inside.all() else torch.from_numpy(inside).to(lengths.device)
            self.groups.append(Group(end - first, width, mask))

    def attend(self, qkv: Tensor, heads: int, *, causal: bool, dropout: Dropout) -> Tensor:
        """Attention of each node to the nodes of its chain (of its past and itself, where causal).

        Args:
            qkv: [n, 3 d], queries, keys and values, in each the heads side by side.
            heads: number of heads.
            causal: whether a node sees no later ones.
            dropout: of the weights.

        Returns:
            [n, d].
        """
        found = []
        parts = qkv.index_select(0, self.spread).split([group.count * group.length for group in self.groups])
        for group, part in zip(self.groups, parts, strict=True):
            # [B L, 3 d] -> three of [B, heads, L, d / heads]
            q, k, v = part.view(group.count, group.length, 3, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
            found.append(_attend(q, k, v, group, causal, dropout).transpose(1, 2).reshape(len(part), -1))
        return torch.cat(found).index_select(0, self.place)


def _bounds(ordered: np.ndarray) -> list[int]:
    """Where groups of chains of ascending lengths begin, and the end of the last."""
    bounds = [0]
    while bounds[-1] < len(ordered):
        longest = int(ordered[bounds[-1]] * (1 + SPREAD))
        bounds.append(int(np.searchsorted(ordered, longest, side="right")))
    return bounds


def _attend(q: Tensor, k: Tensor, v: Tensor, group: Group, causal: bool, dropout: Dropout) -> Tensor:
    """[B, heads, L, d / heads]. What padding gets is of no meaning."""
    # Right padding is seen by none but padding where later nodes are not seen, so it needs no mask there.
    seen = None if causal or group.real is None else group.real[:, None, None, :]
    if not dropout.active:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=causal)
    # Written out: torch's own draws its dropout from the global generator.
    scores = q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5
    if causal:
        seen = torch.ones(group.length, group.length, dtype=torch.bool, device=q.device).tril()
    if seen is not None:
        scores = scores.masked_fill(~seen, -torch.inf)
    return dropout(scores.softmax(-1)) @ v
