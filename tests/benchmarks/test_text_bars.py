"""The bars for graphs of texts: both judges choose on validation, and are right on data with a known answer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmarks.gaugllm import EDITS, MIXTURES, SEEDS, grid_seeds
from benchmarks.text_bars import by_gcn, by_regression


def blocks(noise: float) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """60 nodes of two classes with links within a class only; features tell the class up to the noise."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 2
    x = torch.nn.functional.one_hot(y, 4).float() + noise * torch.randn(60, 4, generator=draw)
    pairs = torch.stack([torch.arange(60), (torch.arange(60) + 2) % 60])
    ids = torch.randperm(60, generator=draw)
    return x, torch.cat([pairs, pairs.flip(0)], dim=1), y, (ids[:12], ids[12:24], ids[24:])


def test_features_that_tell_the_class_are_enough() -> None:
    x, edges, y, parts = blocks(0.1)
    assert by_regression(x, y, parts) == by_gcn(x, edges, y, parts, seed=0) == 1.0


def test_links_help_where_features_are_noisy() -> None:
    x, edges, y, parts = blocks(1.5)
    assert by_gcn(x, edges, y, parts, seed=0) > by_regression(x, y, parts) + 0.05


def test_the_labels_of_test_nodes_choose_nothing() -> None:
    """The setting is that of the best validation accuracy, whatever the labels of test nodes are."""
    x, _, y, parts = blocks(1.5)
    other = y.clone()
    other[parts[2]] = 1 - other[parts[2]]
    assert by_regression(x, y, parts) == pytest.approx(1.0 - by_regression(x, other, parts))


def test_the_grid_has_five_seeds_where_it_counts() -> None:
    five = [key for key in ((m, e) for m in MIXTURES for e in EDITS) if grid_seeds(*key) == SEEDS]
    assert len(five) == 9, "six mixtures without edits, and the selector with three"
