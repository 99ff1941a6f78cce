"""Other speeds, bands and volumes."""

from __future__ import annotations

import torch

from graphcl.augment import shift_bands, shift_values, stretch_time
from graphcl.core.seeds import generator
from graphcl.graph.window import build_windows

from .test_crop_time import windows


def test_a_chain_is_read_at_one_speed_around_its_middle() -> None:
    graph = windows([21] * 500)
    made = stretch_time(graph, 0.5, generator=generator(0)).x[:, 0].view(500, 21) - 21 * torch.arange(500)[:, None]
    assert torch.allclose(made[:, 10], torch.tensor(10.0), atol=1e-3)
    factors = (made[:, 12] - made[:, 10]) / 2
    steps = (torch.arange(21) - 10) * factors[:, None] + 10
    assert torch.allclose(made, steps.clamp(0, 20), atol=2e-2)
    assert 1 / 1.5 - 1e-3 <= float(factors.min()) < 0.7
    assert 1.45 < float(factors.max()) <= 1.5 + 1e-3
    assert abs(float(factors.log().mean())) < 0.05
    assert torch.equal(stretch_time(graph, 0.0, generator=generator(0)).x, graph.x)


def test_bands_move_together_and_their_ends_stay() -> None:
    table = torch.arange(8.0).repeat(400, 1)
    graph = build_windows(table, torch.arange(0, 400, 2), torch.arange(2, 402, 2))
    made = shift_bands(graph, 2.0, generator=generator(0)).x.view(200, 2, 8)
    assert torch.equal(made[:, 0], made[:, 1])
    shift = made[:, 0, 4] - 4
    expected = (torch.arange(8.0) + shift[:, None]).clamp(0, 7)
    assert torch.allclose(made[:, 0], expected, atol=1e-5)
    assert float(shift.min()) < -1.8
    assert 1.8 < float(shift.max()) <= 2.0


def test_a_chain_gets_one_number() -> None:
    graph = windows([30] * 400)
    moved = (shift_values(graph, 0.5, generator=generator(0)).x - graph.x).view(400, 60)
    assert torch.allclose(moved, moved[:, :1].expand(-1, 60), atol=2e-3)
    assert abs(float(moved[:, 0].std()) - 0.5) < 0.05
