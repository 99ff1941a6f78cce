"""Which nodes train, choose and test a probe."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator

PARTS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class NodeSplit:
    """Three disjoint sets of labelled nodes, each an ascending int64 tensor of node positions."""

    train: Tensor
    valid: Tensor
    test: Tensor

    def sizes(self) -> dict[str, int]:
        """Part -> number of nodes."""
        return {part: getattr(self, part).numel() for part in PARTS}

    def digest(self) -> str:
        """SHA-256 over the three sets; equal splits have equal hashes."""
        text = "|".join(f"{part}:" + ",".join(map(str, getattr(self, part).tolist())) for part in PARTS)
        return hashlib.sha256(text.encode()).hexdigest()


def random_split(labels: Tensor, ratios: Sequence[float], *, stratified: bool, generator: torch.Generator) -> NodeSplit:
    """Split the labelled nodes at random.

    Args:
        labels: [N] int64; nodes with a negative label are in no part.
        ratios: Shares of train, valid, test; they sum to 1.
        stratified: Each class has, up to rounding, the same share of every part.
        generator: Draws the order.

    Raises:
        UserError: the ratios are no shares, or a part would be empty.
    """
    if len(ratios) != 3 or min(ratios) <= 0 or abs(sum(ratios) - 1) > 1e-6:
        raise UserError(f"data.split.ratios: {list(ratios)} must be three positive shares that sum to 1")
    nodes = torch.nonzero(labels >= 0).flatten()
    order = nodes[torch.randperm(nodes.numel(), generator=generator)]
    if stratified:
        order = _spread_classes(order, labels)
    num_train, num_valid = (round(nodes.numel() * share) for share in ratios[:2])
    parts = order.split([num_train, num_valid, nodes.numel() - num_train - num_valid])
    if min(part.numel() for part in parts) == 0:
        raise UserError(
            f"data.split.ratios: {list(ratios)} of {nodes.numel()} labelled nodes leave a part empty; use larger shares"
        )
    return NodeSplit(*(part.sort().values for part in parts))


def _spread_classes(order: Tensor, labels: Tensor) -> Tensor:
    """Reorder so that every prefix holds each class in its proportion: sort by (rank in class + 1/2) / class size."""
    classes = labels[order]
    place = torch.empty(order.numel(), dtype=torch.float64)
    for label in classes.unique():
        members = torch.nonzero(classes == label).flatten()
        place[members] = (torch.arange(members.numel(), dtype=torch.float64) + 0.5) / members.numel()
    return order[place.argsort(stable=True)]


def stratified_folds(labels: Tensor, count: int, *, generator: torch.Generator) -> list[Tensor]:
    """Deal rows at random into folds: sizes differ by at most one, and so do the rows of each class.

    Args:
        labels: [n] int64.
        count: Number of folds.
        generator: Draws the order within each class.

    Returns:
        ``count`` ascending int64 tensors of positions, disjoint, together all.
    """
    order = torch.randperm(labels.numel(), generator=generator)
    order = order[labels[order].argsort(stable=True)]
    return [order[start::count].sort().values for start in range(count)]


def fixed_split(masks: Mapping[str, Tensor], labels: Tensor, index: int) -> NodeSplit:
    """Split number ``index`` of those that came with the data.

    Args:
        masks: ``train``, ``valid``, ``test`` -> [N, R] bool.
        labels: [N] int64; nodes with a negative label are left out.
        index: 0 <= index < R.

    Raises:
        UserError: no such split, or its parts overlap or are empty.
    """
    available = masks["train"].shape[1]
    if index >= available:
        raise UserError(f"data.split.index: {index}, but the data comes with {available} split(s), counted from 0")
    chosen = torch.stack([masks[part][:, index] for part in PARTS]) & (labels >= 0)  # [3, N]
    if bool((chosen.sum(dim=0) > 1).any()):
        node = int((chosen.sum(dim=0) > 1).nonzero()[0])
        raise UserError(f"split {index} of the data: node {node} is in more than one of train, valid, test")
    split = NodeSplit(*(torch.nonzero(mask).flatten() for mask in chosen))
    empty = [part for part, size in split.sizes().items() if size == 0]
    if empty:
        raise UserError(f"split {index} of the data has no labelled node in {', '.join(empty)}")
    return split


@dataclass(frozen=True, eq=False)
class NodeSplits:
    """A family of splits, drawn or given; ``at(0)`` is the one the options name.

    Attributes:
        by: ``random``, ``public`` or ``given``.
        labels: [N] int64, -1 where unknown.
        masks: What came with the data; read unless ``by`` is ``random``.
        ratios: Shares of train, valid, test (``random``).
        stratified: Keep class proportions (``random``).
        index: Number of the first split.
        seed: Of the run (``random``).
    """

    by: str
    labels: Tensor
    masks: Mapping[str, Tensor]
    ratios: Sequence[float]
    stratified: bool
    index: int
    seed: int

    @property
    def count(self) -> int:
        """How many came with the data from ``index`` on; 1 where they are drawn."""
        return 1 if self.by == "random" else next(iter(self.masks.values())).shape[1] - self.index

    def require_masks(self, source: str) -> None:
        """Refuse a published or given split that the data from ``source`` does not have.

        Raises:
            UserError: there is none.
        """
        if self.by != "random" and not self.masks:
            raise UserError(
                f"data.split.by={self.by}: {source} comes without a split; use data.split.by=random, "
                "or add train_mask, valid_mask, test_mask (npz) or a column 'split' (nodes.csv)"
            )

    def at(self, offset: int, *, to_judge: bool = True) -> NodeSplit:
        """Split number ``index + offset``; one with a single class to fit on is refused where it is ``to_judge`` by.

        Raises:
            UserError: the training nodes are all of one class, or see :func:`random_split`, :func:`fixed_split`.
        """
        number = self.index + offset
        if self.by == "random":
            draw = generator(self.seed, "node_split", number)
            split = random_split(self.labels, self.ratios, stratified=self.stratified, generator=draw)
        else:
            split = fixed_split(self.masks, self.labels, number)
        if to_judge and self.labels[split.train].unique().numel() < 2:
            raise UserError(
                f"split {number}: its {split.train.numel()} training nodes are all of one class; "
                "set data.split.stratified=true, or larger data.split.ratios"
            )
        return split
