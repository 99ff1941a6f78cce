"""Centralities against networkx, and the shares of edges and columns that follow from them."""

from __future__ import annotations

import math

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphcl.augment import DropEdges, MaskFeatures, drop_edges, mask_features
from graphcl.augment.centrality import EIGENVECTOR_FLOOR, centralities, drop_probabilities, mask_probabilities, spread
from graphcl.augment.rebuild import edge_units
from graphcl.core.errors import UserError
from graphcl.data.graphs.node_graph import NodeGraphData
from graphcl.graph.bipartite import build_bipartite

KINDS = ("degree", "pagerank", "eigenvector")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def of_networkx(graph: nx.Graph | nx.DiGraph) -> Data:
    edges = torch.tensor(list(graph.edges), dtype=torch.int64).reshape(-1, 2).T
    edges = edges if graph.is_directed() else torch.cat([edges, edges.flip(0)], dim=1)
    return Data(edge_index=edges, x=torch.eye(len(graph)), num_nodes=len(graph))


def karate() -> Data:
    return NodeGraphData().load(seed=0).graph


def chances(graph: Data, p: float, kind: str, *, symmetric: bool = True, max_p: float = 1.0) -> Tensor:
    """The probability of each edge."""
    (unit,), total = edge_units(graph, symmetric)
    return drop_probabilities(graph, [unit], total, p, centralities(graph, kind), max_p).index_select(0, unit)


class TestAgainstNetworkx:
    @pytest.mark.parametrize(
        "graph", [nx.karate_club_graph(), nx.star_graph(6), nx.complete_bipartite_graph(2, 5), nx.path_graph(5)]
    )
    def test_undirected(self, graph: nx.Graph) -> None:
        graph = nx.Graph(graph.edges)  # without weights
        data, nodes = of_networkx(graph), range(len(graph))
        degree, rank, vector = (centralities(data, kind)[""] for kind in KINDS)
        assert degree.tolist() == [graph.degree[i] for i in nodes]
        expected = nx.pagerank(graph, alpha=0.85, tol=1e-12, max_iter=1000)
        torch.testing.assert_close(rank, torch.tensor([expected[i] for i in nodes]).double(), rtol=1e-6, atol=0)
        expected = nx.eigenvector_centrality_numpy(graph)
        torch.testing.assert_close(
            vector - EIGENVECTOR_FLOOR, torch.tensor([expected[i] for i in nodes]).double(), rtol=1e-5, atol=1e-7
        )

    def test_directed_with_nodes_that_lead_nowhere(self) -> None:
        graph = nx.DiGraph([(0, 1), (1, 2), (2, 0), (0, 3), (4, 3), (1, 4)])
        graph.add_node(5)
        data = of_networkx(graph)
        assert centralities(data, "degree")[""].tolist() == [1, 1, 1, 2, 1, 0]
        expected = nx.pagerank(graph, alpha=0.85, tol=1e-12, max_iter=1000)
        rank = centralities(data, "pagerank")[""]
        torch.testing.assert_close(rank, torch.tensor([expected[i] for i in range(6)]).double(), rtol=1e-6, atol=0)

    def test_a_second_component_has_no_eigenvector(self) -> None:
        data = of_networkx(nx.disjoint_union(nx.complete_graph(5), nx.path_graph(3)))
        vector = centralities(data, "eigenvector")[""]
        torch.testing.assert_close(vector[:5], torch.full((5,), 5**-0.5).double() + EIGENVECTOR_FLOOR)
        assert vector[5:].max() < 1e-6
        assert vector.min() > 0

    def test_users_and_items_together(self) -> None:
        pairs = torch.tensor([[0, 0, 0, 1, 2], [0, 1, 2, 0, 0]])
        found = centralities(build_bipartite(*pairs, 3, 4), "degree")
        assert found["user"].tolist() == [3, 1, 1]
        assert found["item"].tolist() == [3, 1, 1, 0]


class TestDegenerate:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("nodes", [0, 1, 3])
    def test_without_edges(self, kind: str, nodes: int) -> None:
        data = Data(x=torch.ones(nodes, 4), edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=nodes)
        values = centralities(data, kind)[""]
        assert values.shape == (nodes,)
        assert bool(values.isfinite().all())
        assert DropEdges(0.5, centrality=kind)(data, generator=seeded()).num_edges == 0
        assert MaskFeatures(0.5, centrality=kind)(data, generator=seeded()).x.shape == (nodes, 4)

    @pytest.mark.parametrize("kind", KINDS)
    def test_where_all_are_alike_every_edge_has_p(self, kind: str) -> None:
        ring = of_networkx(nx.cycle_graph(60))
        torch.testing.assert_close(chances(ring, 0.3, kind), torch.full((120,), 0.3).double())
        torch.testing.assert_close(chances(ring, 0.3, kind, max_p=0.2), torch.full((120,), 0.2).double())

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_isolated_node_changes_nothing_for_the_others(self, kind: str) -> None:
        graph = nx.barbell_graph(4, 2)
        alone = graph.copy()
        alone.add_node(10)
        with_it, without = chances(of_networkx(alone), 0.3, kind), chances(of_networkx(graph), 0.3, kind)
        torch.testing.assert_close(with_it, without, rtol=1e-3, atol=1e-3)  # pagerank jumps to it too

    def test_an_added_edge_to_an_isolated_node_is_the_least_central(self) -> None:
        before = of_networkx(nx.star_graph(3))
        before.num_nodes = 5
        after = Data(edge_index=torch.cat([before.edge_index, torch.tensor([[0, 4], [4, 0]])], 1), num_nodes=5)
        (unit,), total = edge_units(after, True)
        chance = drop_probabilities(after, [unit], total, 0.4, centralities(before, "degree"), 1.0)
        torch.testing.assert_close(chance, torch.full((4,), 0.4).double())

    def test_an_unknown_centrality_names_the_nearest(self) -> None:
        with pytest.raises(UserError, match="unknown centrality 'pagerang'; nearest: 'pagerank'"):
            centralities(karate(), "pagerang")


class TestSpread:
    def test_hand_worked(self) -> None:
        score = torch.tensor([0.0, 2.0, 4.0])  # max 4, mean 2: relative 2, 1, 0
        torch.testing.assert_close(spread(score, 0.3, 1.0), torch.tensor([0.6, 0.3, 0.0]))
        torch.testing.assert_close(spread(score, 0.3, 0.5), torch.tensor([0.5, 0.3, 0.0]))
        counts = torch.tensor([3, 1, 0])  # mean .5: relative 4 / 3.5, 2 / 3.5, 0
        torch.testing.assert_close(spread(score, 0.35, 1.0, counts), torch.tensor([0.4, 0.2, 0.0]))

    @given(st.lists(st.floats(-20, 20), min_size=1, max_size=30), st.floats(0, 1), st.floats(0, 1))
    def test_mean_order_and_bounds(self, scores: list[float], p: float, max_p: float) -> None:
        score = torch.tensor(scores, dtype=torch.float64)
        chance = spread(score, p, max_p)
        assert bool(((chance >= 0) & (chance <= max_p)).all())
        order = score.argsort(descending=True)
        assert bool((chance[order].diff() >= -1e-12).all())
        mean = float(chance.mean())
        assert mean <= p + 1e-9
        if float(spread(score, p, math.inf).max()) <= max_p:
            assert mean == pytest.approx(p, abs=1e-6)


class TestEdges:
    def test_values_of_a_star_with_a_tail(self) -> None:
        """Degrees 3, 1, 1, 2, 1: an edge's score is the mean of its ends' logs, the mean over four edges."""
        graph = of_networkx(nx.Graph([(0, 1), (0, 2), (0, 3), (3, 4)]))
        log = [math.log(d) for d in (3, 1, 1, 2, 1)]
        scores = [(log[a] + log[b]) / 2 for a, b in ((0, 1), (0, 2), (0, 3), (3, 4))]
        top, mean = max(scores), sum(scores) / 4
        expected = torch.tensor([0.1 * (top - s) / (top - mean) for s in scores]).double()
        torch.testing.assert_close(chances(graph, 0.1, "degree"), torch.cat([expected, expected]))
        targets = [log[b] for a, b in graph.edge_index.T.tolist()]
        top, mean = max(targets), sum(targets) / 8
        expected = torch.tensor([0.1 * (top - s) / (top - mean) for s in targets]).double()
        torch.testing.assert_close(chances(graph, 0.1, "degree", symmetric=False), expected)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("symmetric", [True, False])
    def test_the_mean_is_p_and_so_is_the_dropped_share(self, kind: str, symmetric: bool) -> None:
        graph = karate()
        chance = chances(graph, 0.2, kind, symmetric=symmetric)
        assert float(chance.mean()) == pytest.approx(0.2)
        assert float(chance.std()) > 0.04
        left = torch.zeros(graph.num_edges)
        central = centralities(graph, kind)
        for seed in range(300):
            options = {"symmetric": symmetric, "central": central, "max_p": 1.0}
            kept = drop_edges(graph, 0.2, **options, generator=seeded(seed)).edge_orig_id
            left[kept] += 1 / 300
        assert float(1 - left.mean()) == pytest.approx(0.2, abs=0.01)
        torch.testing.assert_close(1 - left.double(), chance, rtol=0, atol=0.11)  # 4.5 standard deviations

    def test_where_the_cap_binds_fewer_are_dropped(self) -> None:
        chance = chances(karate(), 0.5, "degree", max_p=0.7)
        assert float(chance.max()) == 0.7
        assert 0.4 < float(chance.mean()) < 0.49

    def test_central_edges_are_kept_and_without_centrality_all_are_alike(self) -> None:
        graph = karate()
        hub = ((graph.edge_index == 33) | (graph.edge_index == 0)).any(0)  # the two leaders of the club

        def share(kind: str) -> float:
            """Dropped edges of the leaders, among all dropped ones."""
            dropped = torch.ones(graph.num_edges)
            for seed in range(40):
                kept = DropEdges(0.3, centrality=kind)(graph, generator=seeded(seed)).edge_orig_id
                dropped[kept] -= 1 / 40
            return float(dropped[hub].mean() / dropped.mean())

        assert share("none") == pytest.approx(1.0, abs=0.1)
        assert all(share(kind) < 0.75 for kind in KINDS)

    @pytest.mark.parametrize("kind", KINDS)
    def test_both_directions_go_together(self, kind: str) -> None:
        assert DropEdges(0.4, centrality=kind)(karate(), generator=seeded()).is_undirected()
        bipartite = build_bipartite(torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0, 1, 1, 0, 2]), 3, 3)
        left = DropEdges(0.4, centrality=kind)(bipartite, generator=seeded())
        there, back = (left[edge_type].edge_index for edge_type in left.edge_types)
        assert torch.equal(there, back.flip(0))

    def test_prepared_centralities_are_used(self) -> None:
        graph, module = karate(), DropEdges(0.4, centrality="degree")
        upside_down = {"": 1.0 / centralities(graph, "degree")[""]}
        a = module(graph, generator=seeded(), prepared=upside_down)
        assert not torch.equal(a.edge_index, module(graph, generator=seeded()).edge_index)
        assert torch.equal(
            module(graph, generator=seeded()).edge_index,
            module(graph, generator=seeded(), prepared=module.prepare(graph)).edge_index,
        )


class TestColumns:
    def test_values_by_hand(self) -> None:
        """Column uses, weighted by degrees 2, 1, 1: 2, 2, 3 and a column that none uses."""
        graph = Data(
            x=torch.tensor([[1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]]),
            edge_index=to_undirected(torch.tensor([[0, 0], [1, 2]])), num_nodes=3,
        )
        (store,) = graph.node_stores
        central = centralities(graph, "degree")
        found = mask_probabilities(graph, store, graph.x, 0.2, central, 1.0)
        score = [math.log(2), math.log(2), math.log(3)]
        mean = sum(score) / 3
        expected = [0.2 * (score[2] - s) / (score[2] - mean) for s in score]
        torch.testing.assert_close(found, torch.tensor([*expected, 0.2]).double())

    def test_the_masked_share_is_p_and_columns_of_central_nodes_stay(self) -> None:
        graph = karate()  # identity features: column i is node i
        central, gone = centralities(graph, "degree"), torch.zeros(34)
        for seed in range(400):
            masked = mask_features(graph, 0.2, central=central, max_p=1.0, generator=seeded(seed)).x
            gone += (masked.sum(0) == 0) / 400
        assert float(gone.mean()) == pytest.approx(0.2, abs=0.015)
        assert float(gone[33]) < 0.01
        assert float(gone[11]) > 0.3  # the only member with one friend

    def test_columns_of_a_hidden_not_a_number_are_masked_with_p(self) -> None:
        graph = karate()
        graph.x = graph.x.clone()
        graph.x[0, 5] = float("nan")
        (store,) = graph.node_stores
        chance = mask_probabilities(graph, store, graph.x, 0.25, centralities(graph, "degree"), 0.7)
        assert float(chance[5]) == 0.25
        assert bool(chance.isfinite().all())
