from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor
from torch.autograd import gradcheck
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError
from graphcl.objective.pot import Deletable, entry_bound, least, row_bound
from graphcl.objective.pot.graph import make_patch

from .enumerated import DTYPE, Case, deletable, deletions, draw_case


@st.composite
def cases(draw: st.DrawFn) -> tuple[Case, Tensor]:
    """Any simple graph of up to 6 nodes, any budget, and a column per special value: ties, zeros, signs."""
    count = draw(st.integers(1, 6))
    every = torch.combinations(torch.arange(count)).T
    pairs = every[:, torch.tensor(draw(st.lists(st.booleans(), min_size=every.shape[1], max_size=every.shape[1])),
                                  dtype=torch.bool)]  # fmt: skip
    degree = torch.bincount(pairs.reshape(-1), minlength=count)
    budget = torch.tensor([draw(st.integers(0, int(most))) for most in degree])
    entry = st.sampled_from([0.0, 1.0, -1.0, 2.0]) | st.floats(-3, 3, width=32)
    y = torch.tensor([[draw(entry) for _ in range(3)] for _ in range(count)], dtype=DTYPE)
    kept = deletions(pairs, count, budget)
    return Case(pairs, count, y, budget, kept, torch.Generator()), y


@given(cases(), st.booleans())
@settings(max_examples=150)
def test_rows_of_every_deletion_lie_within_both_bounds(drawn: tuple[Case, Tensor], loops: bool) -> None:
    case, y = drawn
    products = case.matrices(loops) @ y
    options = {"loops": loops}
    low, high = (row_bound(y, case.graph, case.budget, side=side, **options) for side in ("lower", "upper"))
    assert bool((low <= products.amin(0) + 1e-9).all())
    assert bool((high >= products.amax(0) - 1e-9).all())
    assert bool((entry_bound(y, case.graph, case.budget, **options) <= low + 1e-9).all())
    assert bool((entry_bound(y, case.graph, case.budget, side="upper", **options) >= high - 1e-9).all())


@given(cases(), st.booleans())
@settings(max_examples=60)
def test_the_row_bound_is_its_definition(drawn: tuple[Case, Tensor], loops: bool) -> None:
    """Row by row and r by r, with loops a child could check."""
    case, y = drawn
    graph, own = case.graph, int(loops)
    found = row_bound(y, graph, case.budget, loops=loops)
    for i in range(case.count):
        near = graph.neighbours[graph.start[i] : graph.start[i + 1]].tolist()
        for column in range(y.shape[1]):
            t = []
            for k in near:
                d, spare = int(graph.degree[k]) + own, min(int(case.budget[k]), int(graph.degree[k]) - 1)
                t.append(float(y[k, column]) / (d if y[k, column] >= 0 else d - spare) ** 0.5)
            best = float("inf")
            for r in range(int(case.budget[i]) + 1):
                d = len(near) + own - r
                left = sorted(t)[: len(near) - r]
                value = 0.0 if d == 0 else (own * float(y[i, column]) / d**0.5 + sum(left)) / d**0.5
                best = min(best, value)
            assert float(found[i, column]) == pytest.approx(best, abs=1e-9)


def test_hand_worked_star() -> None:
    """Centre 0 with leaves 1, 2; one edge may go at the centre. y = (0, 1, 2) without loops.

    Nothing deleted: 1/sqrt(2) + 2/sqrt(2) = 2.1213. Leaf 2 gone: 1/sqrt(1) = 1: the minimum.
    """
    graph = deletable(torch.tensor([[0, 0], [1, 2]]), 3)
    y = torch.tensor([[0.0], [1.0], [2.0]], dtype=DTYPE)
    found = row_bound(y, graph, torch.tensor([1, 0, 0]), loops=False)
    assert found[0, 0] == pytest.approx(1.0)
    assert row_bound(y, graph, torch.tensor([0, 0, 0]), loops=False)[0, 0] == pytest.approx(3 / 2**0.5)
    assert row_bound(y, graph, torch.tensor([2, 0, 0]), loops=False)[0, 0] == 0.0


@pytest.mark.parametrize("loops", [True, False])
@pytest.mark.parametrize("bound", [row_bound, entry_bound])
def test_gradients_are_those_of_finite_differences(loops: bool, bound: object) -> None:
    case = draw_case(4)
    y = torch.randn(case.count, 3, generator=case.generator, dtype=DTYPE).requires_grad_()
    assert gradcheck(lambda v: bound(v, case.graph, case.budget, loops=loops), (y,))  # type: ignore[operator]


def test_equal_terms_share_the_gradient() -> None:
    """Of three equal leaves one goes: each carries two thirds. Autograd of a sort would pick two of them."""
    graph = deletable(torch.tensor([[0, 0, 0], [1, 2, 3]]), 4)
    y = torch.tensor([[0.0], [3.0], [3.0], [3.0]], dtype=DTYPE).requires_grad_()
    row_bound(y, graph, torch.tensor([1, 0, 0, 0]))[0].sum().backward()
    leaf = 1 / (2 * 3) ** 0.5  # 1 / sqrt(d_leaf d'_0) with 2 kept edges and the loop
    torch.testing.assert_close(y.grad[1:, 0], torch.full((3,), 2 / 3 * leaf, dtype=DTYPE))


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = torch.Generator().manual_seed(0)
    pairs = torch.combinations(torch.arange(40)).T
    pairs = pairs[:, torch.rand(pairs.shape[1], generator=draw) < 0.3]
    graph, y = deletable(pairs, 40), torch.randn(40, 5, generator=draw, dtype=DTYPE)
    budget = (graph.degree * torch.rand(40, generator=draw)).long()
    found = []
    for chunk in (2**30, 1):
        monkeypatch.setattr(least, "CHUNK_BYTES", chunk)
        leaf = y.clone().requires_grad_()
        value = row_bound(leaf, graph, budget)
        value.square().sum().backward()
        found.append((value.detach(), leaf.grad))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)


def test_a_wide_row_is_sorted_as_a_narrow_one() -> None:
    """A hub of 300 leaves takes the fast sort, its answer is that of a plain one."""
    graph = deletable(torch.stack([torch.zeros(300, dtype=torch.int64), torch.arange(1, 301)]), 301)
    y = torch.randn(301, 1, generator=torch.Generator().manual_seed(1), dtype=torch.float32)
    budget = torch.zeros(301, dtype=torch.int64)
    budget[0] = 120
    t = (y[1:, 0].double() / 2**0.5).sort().values
    expected = min(float(y[0, 0]) / (m + 1) + float(t[:m].sum()) / (m + 1) ** 0.5 for m in range(180, 301))
    assert row_bound(y, graph, budget)[0, 0] == pytest.approx(expected, abs=1e-5)


class TestGraph:
    def test_loops_count_only_where_the_encoder_adds_none(self) -> None:
        graph = Data(edge_index=torch.tensor([[0, 1, 0], [1, 0, 0]]), num_nodes=2)
        assert Deletable.of(graph, loops=True).degree.tolist() == [1, 1]
        with pytest.raises(UserError, match="self loops"):
            Deletable.of(graph, loops=False)

    @pytest.mark.parametrize(
        ("edges", "weight", "message"),
        [
            ([[0], [1]], None, "directed edges"),
            ([[0, 1, 0, 1], [1, 0, 1, 0]], None, "repeated edges"),
            ([[0, 1], [1, 0]], [0.5, 0.5], "weighted"),
            ([[0, 0, 0], [0, 0, 0]], None, "repeated edges"),
        ],
    )
    def test_other_graphs_are_refused(self, edges: list[list[int]], weight: list[float] | None, message: str) -> None:
        graph = Data(edge_index=torch.tensor(edges), num_nodes=3)
        if weight is not None:
            graph.edge_weight = torch.tensor(weight)
        with pytest.raises(UserError, match=message):
            Deletable.of(graph, loops=True)

    def test_node_types_follow_each_other(self) -> None:
        graph = HeteroData()
        graph["u"].num_nodes, graph["i"].num_nodes = 2, 3
        graph["u", "r", "i"].edge_index = torch.tensor([[0, 1], [2, 2]])
        graph["i", "s", "u"].edge_index = torch.tensor([[2, 2], [0, 1]])
        assert Deletable.of(graph, loops=False).degree.tolist() == [1, 1, 0, 0, 2]

    def test_no_edges_and_no_nodes(self) -> None:
        for count in (0, 1, 3):
            graph = deletable(torch.zeros(2, 0, dtype=torch.int64), count)
            y = torch.randn(count, 2, dtype=DTYPE)
            torch.testing.assert_close(row_bound(y, graph, graph.degree), y)
            assert not row_bound(y, graph, graph.degree, loops=False).any()

    def test_a_patch_holds_full_neighbourhoods_nearest_first(self) -> None:
        path = deletable(torch.stack([torch.arange(6), torch.arange(1, 7)]), 7)
        patch = make_patch(path, 2, torch.tensor([3, 0]))
        assert patch.sizes == (2, 5, 6)
        assert patch.nodes.tolist()[:2] == [3, 0]
        assert set(patch.nodes.tolist()[2:5]) == {1, 2, 4}
        near = patch.adjacency(5)
        for row in range(5):
            local = near.column[near.start[row] : near.start[row + 1]]
            node = int(patch.nodes[row])
            assert sorted(patch.nodes[local].tolist()) == [k for k in (node - 1, node + 1) if 0 <= k <= 6]
        assert patch.degree.tolist() == [int(path.degree[node]) for node in patch.nodes]
