"""Folds that are groups of the data: which graphs are in them, and groups that cannot be left out."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.roi_sets.roi_set import RoiSetData
from graphcl.tasks.graph_folds import group_folds, without_group


@pytest.fixture(scope="module")
def scans() -> GraphSet:
    return RoiSetData().load(seed=0)


def grouped(scans: GraphSet, groups: list[str], labels: list[int]) -> GraphSet:
    """The first scans, with these groups and labels and no others."""
    more = len(scans) - len(groups)
    return dataclasses.replace(
        scans, groups=[*groups, *[""] * more], labels=torch.tensor([*labels, *[-1] * more])
    )


def test_graphs_of_unknown_groups_and_groups_without_labels_are_no_fold(scans: GraphSet) -> None:
    data = grouped(scans, ["A", "", "B", "C", "A", "D", "B", "C"], [0, 1, 0, 1, 1, -1, 1, 0])
    assert [fold.tolist() for fold in group_folds(data)] == [[0, 4], [2, 6], [3, 7]]


@pytest.mark.parametrize(
    ("groups", "labels", "told"),
    [
        (["A", "B", "C", "A"], [0, 1, -1, 1], "needs three with labels; there are A, B"),
        (["A", "", "B", ""], [0, 1, 1, 1], "needs three with labels; there are A, B"),
        (["A", "B", "C", "A"], [0, 1, 1, 1], "without A all labelled graphs are of one class"),
    ],
)
def test_too_few_groups_are_refused_before_training(
    scans: GraphSet, groups: list[str], labels: list[int], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        group_folds(grouped(scans, groups, labels))


def test_a_group_that_cannot_be_held_out_is_refused(scans: GraphSet) -> None:
    with pytest.raises(UserError, match=r"hold_out: without B all labelled graphs are of one class"):
        without_group(grouped(scans, ["A", "A", "B"], [0, 0, 1]), "B")
    with pytest.raises(UserError, match=r"hold_out: no group '';? ?.*A, B"):
        without_group(grouped(scans, ["A", "A", "B"], [0, 1, 1]), "")
