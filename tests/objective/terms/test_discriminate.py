from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.objective.base import Rows, reduce_groups
from graphcl.objective.terms.discriminate import Discriminate, discriminate

from ..fake_flow import FakeFlow, picked, random

BCE = F.binary_cross_entropy_with_logits


def term(local: Any, summary: Any, widths: dict[str, int] | None = None, **options: Any) -> Discriminate:
    def width_of(address: str) -> int:
        return (widths or {}).get(address, 3)

    return Discriminate(local, summary, width_of=width_of, generator=torch.Generator().manual_seed(0), **options)


def bce(true: Tensor, false: Tensor) -> Tensor:
    """The mean over true pairs plus that over false ones."""
    return BCE(true, torch.ones_like(true)) + BCE(false, torch.zeros_like(false))


def test_dgi_nodes_and_corrupted_nodes_beside_one_summary() -> None:
    """Velickovic et al. 2019, eq. 1, with s = sigmoid(mean)."""
    nodes, false = random(6, 3, 0), random(6, 3, 1)
    mean = nodes.mean(0, keepdim=True)
    flow = FakeFlow({"a": picked(nodes, [0, 1, 4]), "s": Rows(mean), "c": picked(false, [0, 1, 4])})
    part = term("a", "s", negatives="c").double()
    weight = part.bilinear
    logits = [torch.stack([x[i] @ weight @ mean[0].sigmoid() for i in (0, 1, 4)]) for x in (nodes, false)]
    (group,) = part(flow)
    torch.testing.assert_close(reduce_groups([group], "mean"), bce(*logits))
    assert group.ids.tolist() == [0, 1, 4]
    assert part.combine == "mean"


def test_mvgrl_the_nodes_of_each_view_beside_the_summary_of_the_other() -> None:
    """One discriminator for both directions."""
    x, y, x_false, y_false = (random(4, 3, seed) for seed in range(4))
    table = {"x": picked(x, [0, 1, 2, 3]), "y": picked(y, [0, 1, 2, 3])}
    table |= {"xs": Rows(x.mean(0, keepdim=True)), "ys": Rows(y.mean(0, keepdim=True))}
    table |= {"xf": picked(x_false, [0, 1, 2, 3]), "yf": picked(y_false, [0, 1, 2, 3])}
    part = term(["x", "y"], ["ys", "xs"], negatives=["xf", "yf"]).double()
    assert sum(p.numel() for p in part.parameters()) == 9
    key_y, key_x = (part.bilinear @ z.mean(0).sigmoid() for z in (y, x))
    expected = (bce(x @ key_y, x_false @ key_y) + bce(y @ key_x, y_false @ key_x)) / 2
    torch.testing.assert_close(reduce_groups(part(FakeFlow(table)), "mean"), expected)


def test_infograph_nodes_beside_their_graph_and_the_others() -> None:
    """Sun et al. 2020: softplus(-u) of true pairs and softplus(u) of false ones, each averaged."""
    nodes, graphs, member = random(5, 3, 0), random(3, 3, 1), torch.tensor([0, 0, 1, 2, 2])
    flow = FakeFlow({"n": Rows(nodes, None, torch.arange(5), member), "g": Rows(graphs)})
    part = term("n", "g", discriminator="dot", readout="none")
    pairs = [(i, g) for i in range(5) for g in range(3)]
    true = torch.stack([nodes[i] @ graphs[g] for i, g in pairs if member[i] == g])
    false = torch.stack([nodes[i] @ graphs[g] for i, g in pairs if member[i] != g])
    torch.testing.assert_close(reduce_groups(part(flow), "mean"), bce(true, false))
    assert part.combine == "gather"
    assert list(part.parameters()) == []


def test_corrupted_nodes_of_several_graphs_stand_beside_their_own() -> None:
    nodes, false, graphs, member = random(4, 3, 0), random(4, 3, 2), random(2, 3, 1), torch.tensor([1, 0, 1, 1])
    found = discriminate(nodes, graphs, member, false)
    expected = [BCE(nodes[i] @ graphs[g], torch.tensor(1.0).double())
                + BCE(false[i] @ graphs[g], torch.tensor(0.0).double()) for i, g in enumerate(member.tolist())]
    torch.testing.assert_close(found, torch.stack(expected))


def test_a_batch_of_one_graph_has_no_false_pairs() -> None:
    nodes, graph = random(3, 2, 0), random(1, 2, 1)
    torch.testing.assert_close(discriminate(nodes, graph), F.softplus(-(nodes @ graph[0])))


def test_scores_of_many_graphs_never_need_more_than_nodes_times_graphs() -> None:
    """20,000 nodes and 200 graphs: [N, N] would be 1.6 GB, [N, G, d] 1 GB."""
    nodes, graphs = torch.randn(20_000, 64, generator=torch.Generator().manual_seed(0)), torch.zeros(200, 64)
    values = discriminate(nodes, graphs, torch.arange(20_000) % 200)
    torch.testing.assert_close(values, torch.full((20_000,), 2 * torch.tensor(2.0).log().item()))


def test_huge_scores_stay_finite() -> None:
    x = torch.full((2, 2), 1e4, requires_grad=True)
    value = discriminate(x, torch.full((1, 2), -1e4), negatives=x).sum()
    value.backward()
    assert bool(torch.isfinite(value))
    assert bool(torch.isfinite(x.grad).all())


def test_it_tells_true_from_false_after_training() -> None:
    nodes, false = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)) + 1, torch.randn(
        50, 4, generator=torch.Generator().manual_seed(1))
    part = term("a", "s", {"a": 4, "s": 4}, negatives="c")
    flow = FakeFlow({"a": Rows(nodes), "s": Rows(nodes.mean(0, keepdim=True)), "c": Rows(false)})
    before = reduce_groups(part(flow), "mean").item()
    optimizer = torch.optim.Adam(part.parameters(), lr=0.1)
    for _ in range(50):
        optimizer.zero_grad()
        reduce_groups(part(flow), "mean").backward()
        optimizer.step()
    assert reduce_groups(part(flow), "mean").item() < 0.8 * before


def test_anchors_can_be_weighted() -> None:
    nodes, score = random(4, 3, 0), torch.tensor([0.0, 2.0, 0.0, 1.0])
    table = {"a": picked(nodes, [1, 3]), "s": Rows(nodes[:1]), "c": picked(nodes, [0, 2]), "w": score}
    plain, weighted = (term("a", "s", negatives="c", **o).double()(FakeFlow(table))[0] for o in ({}, {"weights": "w"}))
    torch.testing.assert_close(weighted.values, plain.values * torch.tensor([2.0, 1.0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: term(["a", "b"], "s"), "2 of local, 1 of summary"),
        (lambda: term("a", "s", negatives=["c", "d"]), "1 of local, 1 of summary, 2 of negatives"),
        (lambda: term(["a", "b"], ["s", "s"], {"b": 5}), "3 x 3 and 5 x 3 wide"),
        (lambda: term("a", "s", {"s": 4}, discriminator="dot"), "3 x 4 wide.*and dot the same"),
    ],
)
def test_what_does_not_fit_is_refused(make, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()


def test_rows_that_do_not_fit_are_refused() -> None:
    two = FakeFlow({"a": Rows(torch.ones(3, 3)), "s": Rows(torch.ones(2, 3)), "c": Rows(torch.ones(2, 3))})
    with pytest.raises(UserError, match=r"2 summaries 's'.*do not say of which graph"):
        term("a", "s")(two)
    one = FakeFlow({**two.table, "s": Rows(torch.ones(1, 3))})
    with pytest.raises(UserError, match="3 rows of 'a' and 2 of 'c'"):
        term("a", "s", negatives="c")(one)
