"""The terms of D-SLA, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.objective.terms.edit_distance import EditDistance, beyond_margin, proportion
from graphcl.objective.terms.pick_original import pick_original


def test_picking_by_hand() -> None:
    found = pick_original(torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    expected = [math.log(math.exp(2) + math.e + 1) - 2, math.log(3)]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_proportion_by_hand() -> None:
    """Ratios 1, 3, 2: differences 2, 1, 1, of which the mean square is 2; a view without edits is in no pair."""
    distance = torch.tensor([[1.0, 6.0, 8.0], [1.0, 6.0, 8.0], [1.0, 6.0, 8.0], [2.0, 4.0, 8.0]])
    edits = torch.tensor([[1.0, 2.0, 4.0], [1.0, 2.0, 0.0], [1.0, 0.0, 0.0], [1.0, 2.0, 4.0]])
    torch.testing.assert_close(proportion(distance, edits), torch.tensor([2.0, 4.0, 0.0, 0.0]))


def test_margin_by_hand() -> None:
    """Other originals at 3 and 7, views at 1 and 4, margin 2: 0, 0, 3 and 0 of four."""
    originals = torch.tensor([[0.0, 3.0, 7.0], [3.0, 0.0, 9.0], [7.0, 9.0, 0.0]])
    distance = torch.tensor([[1.0, 4.0], [0.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(beyond_margin(distance, originals, 2.0), torch.tensor([0.75, 0.0, 0.0]))
    assert beyond_margin(torch.ones(1, 2), torch.zeros(1, 1), 2.0).tolist() == [0.0]


def test_each_latent_has_its_view() -> None:
    with pytest.raises(UserError, match="2 latents and 1 views"):
        EditDistance("x.graphs", ["a.graphs", "b.graphs"], ["a"])


def test_distances_learn_to_grow_with_edits() -> None:
    """Views at random places move until their distances are in proportion to their edits."""
    draw = torch.Generator().manual_seed(0)
    edits = torch.tensor([[1.0, 2.0, 4.0]]).repeat(16, 1)
    views = torch.randn(16, 3, 4, generator=draw).requires_grad_()
    optimizer = torch.optim.Adam([views], lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        proportion(views.norm(dim=2), edits).mean().backward()
        optimizer.step()
    ratio = views.detach().norm(dim=2) / edits
    assert float((ratio / ratio.mean(1, keepdim=True) - 1).abs().max()) < 0.1
    assert float(ratio.min()) > 0.05
