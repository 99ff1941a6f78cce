"""The steps of judging a set of graphs: folds of a cross-validation, or the parts that the data gives."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.graphs.splits import NodeSplit, stratified_folds


class Fold(NamedTuple):
    """One step of the cross-validation, as graph numbers.

    Attributes:
        rest: The folds that are neither of the others.
        following: The fold after the one that is judged.
        test: The fold that is judged.
        validates: Whether the data has ``following`` as its validation part.
    """

    rest: Tensor
    following: Tensor
    test: Tensor
    validates: bool = False

    def judged(self) -> NodeSplit:
        """Fit on all other folds. No validation part: the probe cross-validates its settings within them."""
        if self.validates:
            return NodeSplit(self.rest, self.following, self.test)
        return NodeSplit(torch.cat([self.rest, self.following]).sort().values, self.test[:0], self.test)

    def before(self) -> NodeSplit:
        """The same one fold later, without the fold itself: what settings of a baseline are chosen by."""
        return NodeSplit(self.rest.sort().values, self.test[:0], self.following)


def given_fold(labels: Tensor, split: NodeSplit, seed: int) -> Fold:
    """The labelled graphs of the parts of the data; without a validation part a fifth of train stands for it.

    Raises:
        UserError: a part has no labelled graphs.
    """
    train, valid, test = (part[labels.index_select(0, part) >= 0] for part in (split.train, split.valid, split.test))
    if not train.numel() or not test.numel():
        lacking = "training" if not train.numel() else "test"
        raise UserError(f"the {lacking} part of the data has no labels to judge by; give some, or set eval.split=folds")
    if valid.numel():
        return Fold(train, valid, test, validates=True)
    if train.numel() == 1:
        return Fold(train, train, test)
    dealt = stratified_folds(labels[train], min(5, train.numel()), generator=generator(seed, "held back"))
    return Fold(train[torch.cat(dealt[1:])].sort().values, train[dealt[0]], test)
