"""The most frequent training class, whatever the embedding: what every other probe has to beat."""

from __future__ import annotations

import torch
from torch import Tensor

from graphcl.core.registry import register
from graphcl.tasks.probes.base import ClassProbe, Labelled


@register("probe", "majority", example={}, monitor="accuracy")
class Majority(ClassProbe):
    """Always the most frequent class of the training rows, of equals the smallest."""

    def fit(self, *, train: Labelled, valid: Labelled, seed: int) -> MajorityClassifier:
        """Count the training classes. Nothing is chosen or drawn: ``valid`` and ``seed`` are the contract's."""
        return MajorityClassifier(int(torch.bincount(train.y).argmax()))


class MajorityClassifier:
    """A fitted :class:`Majority`."""

    def __init__(self, label: int) -> None:
        self.label = label

    def predict(self, x: Tensor) -> Tensor:
        """[n, d] -> [n], the same class for all."""
        return torch.full((x.shape[0],), self.label)
