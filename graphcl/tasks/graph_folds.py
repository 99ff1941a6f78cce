"""The steps of judging a set of graphs: folds of a cross-validation, or the parts that the data gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from graphcl.core.errors import UserError, suggestion
from graphcl.core.seeds import generator
from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graphs.splits import NodeSplit, stratified_folds
from graphcl.tasks.probes.base import ClassCase, FutureCase, Probe


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


def fold_in_time(data: GraphSet, split: str, shots: int) -> Fold:
    """The parts of windows of one series.

    Raises:
        UserError: folds or a few labels are asked for, which windows do not have.
    """
    if split in ("folds", "groups") or shots:
        told = f"eval.split: {split}" if not shots else f"eval.shots: {shots}"
        raise UserError(f"{told} is of graphs with classes; forecasts are judged on the parts in time, data.parts")
    assert data.split is not None
    return Fold(data.split.train, data.split.valid, data.split.test, validates=True)


def check_needs(name: str, needs: str, has: str) -> None:
    """Refuse a probe that judges what the graphs do not have.

    Raises:
        UserError: it judges something else.
    """
    if needs == has:
        return
    if has == "future":
        raise UserError(f"eval.probe: {name} judges {needs}, and windows have none; take eval.probe=forecast")
    what = "links of nodes" if needs == "links" else "what comes after windows (data.kind=window_set)"
    raise UserError(f"eval.probe: {name} judges {what}; take one that judges classes")


def case_of(x: Tensor, data: GraphSet, parts: NodeSplit) -> ClassCase | FutureCase:
    """What a probe judges: embeddings [G, d] with the classes of the graphs, or with what comes after them."""
    return ClassCase(x, data.labels, parts) if data.future is None else FutureCase(x, data.future, parts)


def check_folds(probe: Probe, data: GraphSet, folds: Iterable[Fold]) -> None:
    """Ask a probe that may refuse a part (``check``) about each that is judged, before anything is trained.

    Raises:
        UserError: it refuses one.
    """
    for fold in folds:
        if data.future is not None and (check := getattr(probe, "check_future", None)) is not None:
            check(case_of(data.labels[:, None], data, fold.judged()))
        elif data.future is None and (check := getattr(probe, "check", None)) is not None:
            check(data.labels.index_select(0, fold.test))


def group_folds(data: GraphSet) -> list[Tensor]:
    """The labelled graphs of each group, in the order of the groups' names; not those of an unknown group (""), which
    may be the one that is left out.

    Raises:
        UserError: fewer than three groups with labels, or one without which a single class is left.
    """
    names = sorted({*_groups_of(data)} - {""})
    members = [_members(data, name) for name in names]
    found = {name: own[data.labels[own] >= 0] for name, own in zip(names, members, strict=True)}
    found = {name: own for name, own in found.items() if own.numel()}
    if len(found) < 3:
        told = ", ".join(found) or "none"
        raise UserError(f"eval.split: groups leaves one out at a time and needs three with labels; there are {told}")
    for name in found:
        _check_rest(data, torch.cat([own for other, own in found.items() if other != name]), name, "eval.split")
    return list(found.values())


def without_group(data: GraphSet, name: str) -> NodeSplit:
    """All other graphs to train on, the group to test on.

    Raises:
        UserError: no such group, or no other.
    """
    known = sorted({*_groups_of(data)} - {""})
    if name not in known or len(known) == 1:
        raise UserError(f"eval.hold_out: no group {name!r}{suggestion(name, known)}")
    test = _members(data, name)
    rest = torch.ones(len(data), dtype=torch.bool).index_fill(0, test, False).nonzero().view(-1)
    _check_rest(data, rest, name, "eval.hold_out")
    return NodeSplit(rest, test[:0], test)


def _check_rest(data: GraphSet, rest: Tensor, name: str, option: str) -> None:
    """Refuse to leave a group out where the others are of one class: a probe has nothing to learn from them."""
    classes = data.labels[rest]
    if classes[classes >= 0].unique().numel() == 1:
        raise UserError(f"{option}: without {name} all labelled graphs are of one class, and nothing can be told apart")


def first_of_each(train: Tensor, data: GraphSet, shots: int) -> Tensor:
    """The first ``shots`` of the graphs ``train`` of each class, and of each group of it where there are groups."""
    groups = data.groups or [""] * len(data)
    taken: Counter[tuple[int, str]] = Counter()
    kept = []
    for number in train.sort().values.tolist():
        key = int(data.labels[number]), groups[number]
        taken[key] += 1
        if taken[key] <= shots:
            kept.append(number)
    return torch.tensor(kept, dtype=torch.int64)


def _groups_of(data: GraphSet) -> list[str]:
    if data.groups is None:
        raise UserError(f"eval: {data.report.source} says no groups; for files whose names do, set data.pattern")
    return data.groups


def _members(data: GraphSet, name: str) -> Tensor:
    return torch.tensor([n for n, group in enumerate(_groups_of(data)) if group == name], dtype=torch.int64)


def given_protocol(probe: str, fold: Fold, held_out: str = "") -> str:
    """How parts that the data gives are judged, in one line."""
    train, valid, test = fold.judged().sizes().values()
    chosen = f"{valid} that choose its settings" if valid else "its settings chosen within them"
    parts = f"without {held_out}" if held_out else "on the parts that the data gives"
    return (
        f"{probe} {parts}: {train} train, {chosen}, {test} test; "
        "the test part is not seen in training, the number of epochs is chosen beforehand"
    )


def folds_protocol(probe: str, folds: list[list[Tensor]], groups: bool) -> str:
    """How folds are judged, in one line."""
    times = f", {len(folds)} times" if len(folds) > 1 else ""
    how = f"each of {len(folds[0])} groups left out" if groups else f"{len(folds[0])}-fold stratified cross-validation"
    return (
        f"{probe}, {how}{times}; the probe's settings are chosen within the training folds, the number of epochs "
        "beforehand"
    )
