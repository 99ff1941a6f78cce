"""Contrast of devices: by loops, its sign, its weights, and who is chosen."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows
from graphcl.objective.terms.device_contrast import (
    DeviceContrast,
    choose_devices,
    device_contrast,
    device_distances,
)

from ..fake_flow import FakeFlow, random, unit


def devices(count: int = 4, times: int = 5, dim: int = 3) -> Tensor:
    return random(count * times, dim, 0).detach().view(count, times, dim)


@pytest.mark.parametrize(("positives", "negatives"), [(1, 0), (2, 0), (1, 1), (3, 2)])
def test_it_is_the_formula(positives: int, negatives: int) -> None:
    rows, tau = devices(), 0.4
    chosen = choose_devices(device_distances(rows), 1, positives, negatives)
    z, values = unit(rows), device_contrast(rows, chosen, 1, tau)
    for t in range(5):
        held = sum(w * math.exp(float(z[1, t] @ z[d, t]) / tau) for d, w in enumerate(chosen.positives.tolist()))
        pushed = sum(
            w * math.exp(float(z[1, t] @ z[d, u]) / tau)
            for d, w in enumerate(chosen.negatives.tolist()) for u in range(5) if u != t
        )  # fmt: skip
        assert float(values[t]) == pytest.approx(math.log((held + pushed) / held))


def test_likeness_at_one_time_is_what_it_rewards() -> None:
    """The authors' code has the cosine's sign turned round: there, equal devices would be the worst."""
    same = torch.eye(4).expand(2, 4, 4)
    turned = torch.stack([torch.eye(4), torch.eye(4).roll(1, 0)])
    chosen = choose_devices(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), 0)
    alike, unlike = (float(device_contrast(rows, chosen, 0, 0.5).mean()) for rows in (same, turned))
    assert alike == pytest.approx(math.log(1 + 3 * math.exp(-2)), abs=1e-5)
    assert unlike == pytest.approx(math.log(1 + 2 + math.exp(2)), abs=1e-5)


def test_the_nearest_are_chosen_and_weigh_by_one_over_their_distance() -> None:
    distances = torch.tensor([[0.0, 4.0, 1.0, 2.0]] * 4)
    chosen = choose_devices(distances, 0, positives=2, negatives=0)
    assert chosen.positives.tolist() == pytest.approx([0, 0, 2 / 3, 1 / 3])
    assert chosen.negatives.tolist() == pytest.approx([0, 1 / 7, 4 / 7, 2 / 7])
    assert choose_devices(distances, 0, negatives=1).negatives.tolist() == [0, 0, 1, 0]
    assert choose_devices(torch.zeros(3, 3), 2).negatives.tolist() == [0.5, 0.5, 0]


def test_a_useless_device_is_far_from_all_others() -> None:
    draw = torch.Generator().manual_seed(0)
    shared = torch.randn(64, 6, generator=draw) * torch.tensor([3.0, 2.0, 1.0, 0.1, 0.1, 0.1])
    worn = [shared + 0.3 * torch.randn(64, 6, generator=draw) for _ in range(3)]
    rows = torch.stack([*worn, torch.randn(64, 6, generator=draw)])
    distances = device_distances(rows)
    assert torch.equal(distances, distances.T)
    assert float(distances[:3, 3].min()) > 2 * float(distances[:3, :3].max())
    for anchor in range(3):
        chosen = choose_devices(distances, anchor, positives=2, negatives=2)
        assert chosen.positives[3] == chosen.negatives[3] == 0


class Flow(FakeFlow):
    """One view whose graph has so many devices."""

    def __init__(self, rows: Tensor, count: int) -> None:
        super().__init__({"all.proj": Rows(rows, None, torch.arange(len(rows)))})
        self.graph = Data(joints=torch.tensor([count]))

    def view(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(graph=self.graph)


def test_one_address_has_all_devices_beside_each_other() -> None:
    rows = devices()
    flow = Flow(rows.transpose(0, 1).flatten(1), 4)
    group = DeviceContrast("all.proj", anchor=2, temperature=0.4).group(flow, "")
    expected = device_contrast(rows, choose_devices(device_distances(rows), 1), 1, 0.4)
    torch.testing.assert_close(group.values, expected)
    each = [device_contrast(rows, choose_devices(device_distances(rows), a), a, 0.4) for a in range(4)]
    every = DeviceContrast("all.proj", temperature=0.4).group(flow, "")
    torch.testing.assert_close(every.values, torch.stack(each).mean(0))
    weights = DeviceContrast("all.proj").measure(flow)
    assert list(weights) == [f"weight/{n}" for n in range(1, 5)]
    assert sum(weights.values()) == pytest.approx(1)


def test_what_cannot_be_contrasted_is_refused() -> None:
    rows = torch.randn(5, 6)
    with pytest.raises(UserError, match="there is one device"):
        DeviceContrast("all.proj").group(Flow(rows, 1), "")
    with pytest.raises(UserError, match="anchor 3 of 2 devices"):
        DeviceContrast("all.proj", anchor=3).group(Flow(rows, 2), "")
    with pytest.raises(UserError, match="is 6 wide, which is not 4 devices"):
        DeviceContrast("all.proj").group(Flow(rows, 4), "")
