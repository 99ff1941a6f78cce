"""What a probe is given and returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from sklearn.metrics import f1_score, roc_auc_score
from torch import Tensor

from graphcl.core.build import build
from graphcl.core.schema import part_schema
from graphcl.core.seeds import generator
from graphcl.data.graph_sets.future import Future
from graphcl.data.graphs.links import HeldOutLinks
from graphcl.data.graphs.splits import stratified_folds
from graphcl.tasks.base import Split

Needs = Literal["classes", "links", "future"]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Embeddings with their classes.

    Attributes:
        x: [n, d].
        y: [n] int64.
    """

    x: Tensor
    y: Tensor

    @classmethod
    def take(cls, x: Tensor, y: Tensor, nodes: Tensor) -> Labelled:
        """The rows of ``x`` and ``y`` at ``nodes``."""
        return cls(x.index_select(0, nodes), y.index_select(0, nodes))


class Parts(Protocol):
    """Three disjoint sets of labelled rows."""

    @property
    def train(self) -> Tensor:
        """Rows to fit on."""
        ...

    @property
    def valid(self) -> Tensor:
        """Rows to choose by."""
        ...

    @property
    def test(self) -> Tensor:
        """Rows to judge on."""
        ...


@dataclass(frozen=True, eq=False)
class ClassCase:
    """What a probe that needs classes judges: one split of labelled rows (nodes, or graphs).

    Attributes:
        x: [n, d] all embeddings, those without a label too.
        y: [n] int64, -1 where the class is unknown.
        parts: Which rows train, choose and test.
    """

    x: Tensor
    y: Tensor
    parts: Parts

    def part(self, name: Literal["train", "valid", "test"]) -> Labelled:
        """The labelled rows of one part."""
        return Labelled.take(self.x, self.y, getattr(self.parts, name))


@dataclass(frozen=True, eq=False)
class LinkCase:
    """What a probe that needs links judges.

    Attributes:
        x: [N, d].
        edge_index: [2, E], what training saw.
        held_out: What it did not see.
    """

    x: Tensor
    edge_index: Tensor
    held_out: HeldOutLinks


@dataclass(frozen=True, eq=False)
class FutureCase:
    """What a probe that needs a future judges.

    Attributes:
        x: [n, d], embeddings of windows.
        future: What comes after each.
        parts: Which windows train, choose and test, by the row that follows each.
    """

    x: Tensor
    future: Future
    parts: Parts

    def asked(self, name: Literal["train", "valid", "test"], horizon: int) -> Tensor:
        """Numbers of the windows of a part after which so many rows are of this part."""
        rows: Tensor = getattr(self.parts, name)
        return rows[self.future.room.index_select(0, rows) >= horizon]


class Probe(Protocol):
    """Judges frozen embeddings. Constructor: the probe's options. Registered with ``monitor=`` its first metric.

    Class attributes:
        needs: Which case it judges: ``classes`` a :class:`ClassCase`, ``links`` a :class:`LinkCase`, ``future`` a
            :class:`FutureCase`.
        metrics: Names of what ``judge`` returns; the first chooses the best epoch, larger is better.

    One that cannot judge every part has ``check(y)``, which refuses the classes [n] of such a part before training;
    one that needs a future has ``check_future(case)``.
    """

    needs: ClassVar[Needs]
    metrics: ClassVar[tuple[str, ...]]

    def judge(self, case: Any, split: Split, *, seed: int) -> dict[str, float]:
        """Metrics on ``split``, whose labels (or links) decide nothing; ``NAME/ci95`` is half of an interval."""
        ...


def build_probe(name: str, options: Mapping[str, Any] | None) -> tuple[Probe, dict[str, Any]]:
    """The probe of that name, and all its options with those that are not given, for the record."""
    defaults = {option: known.get("default") for option, known in part_schema("probe", name)["options"].items()}
    given = dict(options or {})
    return build("probe", name, given), {**defaults, **given}


class Classifier(Protocol):
    """A fitted probe."""

    def predict(self, x: Tensor) -> Tensor:
        """[n, d] -> [n] int64 classes."""
        ...


class ClassProbe(ABC):
    """A probe that is fitted on training rows and predicts classes.

    ``fit`` never receives the examples that are judged on test, so no setting can be chosen on them.
    """

    needs: ClassVar[Needs] = "classes"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "macro_f1")

    @abstractmethod
    def fit(self, *, train: Labelled, valid: Labelled, seed: int) -> Classifier:
        """Fit on ``train`` with the settings that do best on ``valid``; where that is empty, see :func:`holdouts`."""

    def judge(self, case: ClassCase, split: Split, *, seed: int) -> dict[str, float]:
        """:func:`class_metrics` of what the fitted classifier predicts for ``split``.

        Of two classes also ``auc`` (:func:`area_under_curve`), where the classifier has ``margins``.
        """
        classifier = self.fit(train=case.part("train"), valid=case.part("valid"), seed=seed)
        judged = case.part(split)
        metrics = class_metrics(classifier.predict(judged.x), judged.y)
        margins = getattr(classifier, "margins", None)
        if margins is not None and case.part("train").y.unique().numel() == judged.y.unique().numel() == 2:
            metrics["auc"] = area_under_curve(margins(judged.x), judged.y)
        return metrics


def class_metrics(predicted: Tensor, truth: Tensor) -> dict[str, float]:
    """``accuracy`` (micro-F1), and ``macro_f1`` over the classes that are true or predicted somewhere."""
    y, y_hat = truth.cpu().numpy(), predicted.cpu().numpy()
    return {
        "accuracy": float(np.mean(y == y_hat)),
        "macro_f1": float(f1_score(y, y_hat, average="macro", zero_division=0.0)),
    }


def area_under_curve(scores: Tensor, truth: Tensor) -> float:
    """ROC-AUC: how likely a row of the second of two classes has the higher score; ties count half.

    Args:
        scores: [n].
        truth: [n] of two different classes.
    """
    y = truth.cpu()
    return float(roc_auc_score((y == y.max()).numpy(), scores.detach().cpu().double().numpy()))


def average(results: list[dict[str, float]]) -> dict[str, float]:
    """Mean over splits; with several also ``.../std``, their standard deviation (n - 1), in place of other spreads."""
    if len(results) < 2:
        return results[0] if results else {}
    shared = [name for name in results[0] if "/" not in name and all(name in result for result in results)]
    values = {name: np.array([result[name] for result in results]) for name in shared}
    metrics = {name: float(v.mean()) for name, v in values.items()}
    return metrics | {f"{name}/std": float(v.std(ddof=1)) for name, v in values.items()}


def accuracy(classifier: Classifier, on: Labelled) -> float:
    """Share of ``on`` that is predicted right."""
    return float((classifier.predict(on.x).cpu() == on.y.cpu()).double().mean())


def holdouts(train: Labelled, valid: Labelled, *, seed: int, folds: int = 5) -> list[tuple[Labelled, Labelled]]:
    """(what to fit on, what to judge by) for the choice of a probe's settings.

    ``train`` and ``valid``; where ``valid`` is empty, the stratified folds of a cross-validation within ``train``.
    """
    if len(valid.y):
        return [(train, valid)]
    dealt = stratified_folds(train.y.cpu(), min(folds, len(train.y)), generator=generator(seed, "probe folds"))
    pairs = []
    for number, held in enumerate(dealt):
        rest = torch.cat([fold for other, fold in enumerate(dealt) if other != number]).sort().values
        pairs.append((Labelled.take(train.x, train.y, rest), Labelled.take(train.x, train.y, held)))
    return pairs


def rows_of(x: Tensor, *, normalize: bool) -> np.ndarray:
    """[n, d] float64 for scikit-learn, rows of unit length if ``normalize``; a zero row stays zero."""
    rows = x.detach().cpu().double().numpy()
    if not normalize:
        return rows
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
