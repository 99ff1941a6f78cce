"""Histograms of oriented gradients against values worked by hand."""

from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.images.image_set import ImagesData
from graphcl.data.series_sets.series_set import SeriesSetData
from graphcl.tasks.baselines.oriented_gradients import hog
from graphcl.tasks.graph import GraphTask


def ramp(down: float, right: float, side: int = 16) -> torch.Tensor:
    """[1, 1, side, side], brighter by so much with each pixel."""
    steps = torch.arange(float(side))
    return (0.2 + down * steps[:, None] + right * steps)[None, None]


@pytest.mark.parametrize(
    ("down", "right", "shares"),
    [
        (0.0, 0.02, {0: 1.0}),
        (0.0, -0.02, {0: 1.0}),  # no sign
        (0.02, 0.0, {4: 0.5, 5: 0.5}),  # 90 degrees are 4.5 ninths of 180
        (0.02, 0.02, {2: 0.75, 3: 0.25}),  # 45 degrees are 2.25
    ],
)
def test_a_ramp_has_the_directions_it_goes_in(down: float, right: float, shares: dict[int, float]) -> None:
    """Four cells a side make 3 x 3 blocks; in the middle one all four cells are alike."""
    found = hog(ramp(down, right), 4)
    assert found.shape == (1, 9 * 36 + 16)
    middle = found[0, 4 * 36 : 5 * 36].view(9, 4)
    strength = 2 * (down**2 + right**2) ** 0.5  # over two pixels
    expected = torch.zeros(9, 4)
    for direction, share in shares.items():
        expected[direction] = share * strength
    torch.testing.assert_close(middle, expected / (expected.norm() + 1e-2))


def test_the_strongest_channel_counts_and_colours_are_means() -> None:
    grey, steep = ramp(0.0, 0.01), ramp(0.03, 0.0)
    both = torch.cat([grey, steep], dim=1)
    assert torch.equal(hog(both, 4)[:, : 9 * 36], hog(steep, 4)[:, : 9 * 36])
    torch.testing.assert_close(hog(both, 4)[0, 9 * 36], grey[0, 0, :4, :4].mean())
    assert hog(torch.rand(2, 3, 3, 3, generator=generator(0)), 2).shape == (2, 3), "no block: colours alone"
    assert torch.isfinite(hog(torch.zeros(1, 1, 8, 8), 2)).all()
    assert hog(torch.zeros(0, 1, 8, 8), 2).shape == (0, 9 * 36 + 16)


def test_it_is_of_images() -> None:
    digits = ImagesData(limit=120).load(seed=0)
    task = GraphTask("linear", {"grid": [10.0]}, folds=3, baselines=["hog", "flat_features"], data=digits)
    found = task.baselines(seed=0)
    assert found["hog"]["accuracy"] > 0.8
    with pytest.raises(UserError, match=r"hog is of other data: these graphs know no pixels"):
        GraphTask("linear", folds=3, baselines=["hog"], data=SeriesSetData().load(seed=0))
