"""MCLRec's three steps for each batch, written out over RecBole's SASRec.

A literal form, for timing beside ours: after Qin et al., SIGIR 2023, equations 3 to 13, in the order that the paper's
released code has (encoder, learned augmenters, encoder again; three encodings with new dropout in each step; prefix
rows; masks of the pairs made in a loop).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Share of the history that is kept (crop), hidden (mask) and shuffled (reorder).
RATIOS = {"crop": 0.5, "mask": 0.5, "reorder": 0.8}
BETA, GAMMA = 0.05, 0.1


def augmented(items: Tensor, lengths: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Two views of padded histories, by different operations: (items [B, L], lengths [B]) each."""
    views = [(items.clone(), lengths.clone()) for _ in range(2)]
    for row, length in enumerate(lengths.tolist()):
        if length < 2:
            continue
        chosen = torch.randperm(len(RATIOS))[:2].tolist()
        for (changed, kept), operation in zip(views, chosen, strict=True):
            name = list(RATIOS)[operation]
            count = max(int(RATIOS[name] * length), 1)
            start = int(torch.randint(0, length - count + 1, ()))
            part = changed[row, start : start + count].clone()
            if name == "crop":
                changed[row] = 0
                changed[row, :count] = part
                kept[row] = count
            elif name == "mask":
                changed[row, torch.randperm(length)[:count]] = 0
            else:
                changed[row, start : start + count] = part[torch.randperm(count)]
    return views[0], views[1]


def _others(pairs: int) -> Tensor:
    """[2B, 2B], which entries are negatives: neither the row itself nor its partner."""
    mask = torch.ones(2 * pairs, 2 * pairs, dtype=torch.bool).fill_diagonal_(0)
    for row in range(pairs):
        mask[row, pairs + row] = mask[pairs + row, row] = False
    return mask


def contrast(x: Tensor, y: Tensor) -> Tensor:
    """Equation 8, averaged over the 2B anchors."""
    positives, negatives = _scores(x, y)
    logits = torch.cat([positives[:, None], negatives], dim=1)
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))


def margin(x: Tensor, y: Tensor) -> Tensor:
    """Equations 11 to 13, the bounds of each anchor its own."""
    positives, negatives = _scores(x, y)
    hardest = negatives.max(dim=1).values
    low, high = torch.minimum(positives, hardest), torch.maximum(positives, hardest)
    return (positives - low).relu().mean() + (high[:, None] - negatives).relu().mean()


def _scores(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    pairs, both = len(x), torch.cat([x, y])
    scores = both @ both.T
    positives = torch.cat([scores.diagonal(pairs), scores.diagonal(-pairs)])
    return positives, scores[_others(pairs)].view(2 * pairs, -1)


class Steps:
    """The three steps of a batch of RecBole's loader.

    Args:
        model: RecBole's SASRec.
        lr: Learning rate of both optimisers.
    """

    def __init__(self, model: Any, lr: float) -> None:
        self.model = model
        self.augmenters = nn.ModuleList(_augmenter(model.hidden_size) for _ in range(2))
        self.encoder_optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.augmenter_optimizer = torch.optim.Adam(self.augmenters.parameters(), lr=lr)

    def __call__(self, batch: Any) -> None:
        model = self.model
        items, lengths = batch[model.ITEM_SEQ], batch[model.ITEM_SEQ_LEN]
        views = augmented(items, lengths)
        for optimizer, main in (
            (self.encoder_optimizer, True), (self.augmenter_optimizer, False), (self.encoder_optimizer, True),
        ):  # fmt: skip
            self.encoder_optimizer.zero_grad()
            self.augmenter_optimizer.zero_grad()
            recommended = model.calculate_loss(batch)
            x, y = (model(*view) for view in views)
            learned_x, learned_y = (
                functional.normalize(augmenter(latent), dim=1)
                for augmenter, latent in zip(self.augmenters, (x, y), strict=True)
            )
            pairs = (learned_x, learned_y), (x, learned_y), (y, learned_x)
            learned = sum(contrast(*pair) + GAMMA * margin(*pair) for pair in pairs)
            (recommended + BETA * learned if main else learned).backward()
            optimizer.step()


def _augmenter(dim: int) -> nn.Module:
    """64-32-16-64 with GELU, as published."""
    widths = dim, dim // 2, dim // 4, dim
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.GELU()]
    return nn.Sequential(*layers[:-1])
