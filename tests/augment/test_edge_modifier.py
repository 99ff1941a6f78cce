"""The edge modifier: who decides, what it may not touch, and the published code's defects, each the other way round."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.augment.edge_modifier import EdgeModifier
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.edge_answers import EdgeAnswers
from graphcl.data.edge_candidates import candidates, held_out
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.graphs.node_graph import NodeGraphData, NodeSplitOptions
from graphcl.data.make_text_views import node_texts, offline_views
from graphcl.data.text_encoders import TextOptions
from graphcl.data.text_views import graph_digests
from graphcl.graph.link_candidates import pair_numbers, undirected_pairs

NODES = 24
TOPICS = ["kernel machines margins", "genetic search mutation", "markov chains sampling"]


def topical(edges: tuple[float, float] = (0.0, 0.0), loops: bool = False) -> NodeGraph:
    """Papers of three topics, half of whose links are within a topic."""
    draw = generator(0)
    pairs = torch.randint(0, NODES, (2, 70), generator=draw)
    within = torch.stack([pairs[0], (pairs[0] + 3 * torch.randint(1, 8, (70,), generator=draw)) % NODES])
    index = torch.cat([pairs, within], dim=1)
    index = index if loops else index[:, index[0] != index[1]]
    texts = [f"Paper {node}: on {TOPICS[node % 3]}. Word{node} of {TOPICS[node % 3]}." for node in range(NODES)]
    graph = Data(edge_index=index, text=texts, y=torch.arange(NODES) % 3, num_nodes=NODES)
    split = NodeSplitOptions(ratios=[0.4, 0.2, 0.4], stratified=True, edges=list(edges))
    text = TextOptions(dim=8, max_df=1.0, min_df=1)
    return NodeGraphData(given=graph, text=text, split=split).load(seed=0)


def made(data: NodeGraph, **options: Any) -> EdgeModifier:
    return EdgeModifier(**{"least": 2, **options}, graph=data.graph, task=SimpleNamespace(data=data))


def pairs_in(edges: Tensor) -> set[int]:
    return set(pair_numbers(undirected_pairs(edges, NODES), NODES).tolist())


def edited(data: NodeGraph, seed: int = 0, **options: Any) -> Data:
    module = made(data, **options)
    graph = module(data.graph, generator=generator(seed), prepared=module.prepare(data.graph))
    assert isinstance(graph, Data)
    return graph


def test_approved_links_come_and_others_go_to_where_texts_agree() -> None:
    data = topical()
    result, before = edited(data), pairs_in(data.graph.edge_index)
    new, gone = pairs_in(result.edge_index) - before, before - pairs_in(result.edge_index)
    same = [(number // NODES) % 3 == (number % NODES) % 3 for number in new]
    assert sum(same) == len(same) > 5, "strangers that share a topic"
    apart = [(number // NODES) % 3 != (number % NODES) % 3 for number in gone]
    assert sum(apart) > 0.6 * len(apart) > 3


def test_each_step_draws_another_graph_and_a_seed_repeats_it() -> None:
    data = topical()
    edges = [edited(data, seed).edge_index for seed in (0, 0, 1)]
    assert torch.equal(edges[0], edges[1])
    assert pairs_in(edges[0]) != pairs_in(edges[2])


def test_edits_are_symmetric_and_no_pair_comes_twice() -> None:
    for decide in ("offline", "embedding", "random"):
        edges = edited(topical(), decide=decide).edge_index
        numbers = edges[0] * NODES + edges[1]
        assert len(numbers.unique()) == len(numbers)
        assert torch.equal(numbers.sort().values, (edges[1] * NODES + edges[0]).sort().values)


def test_self_loops_are_no_neighbours_and_stay() -> None:
    plain, looped = topical(), topical(loops=True)
    looped.graph.edge_index = torch.cat([plain.graph.edge_index, torch.arange(NODES).repeat(2, 1)], dim=1)
    plans = [made(data).prepare(data.graph) for data in (plain, looped)]
    assert torch.equal(plans[0].degree, plans[1].degree)
    edges = edited(looped).edge_index
    assert int((edges[0] == edges[1]).sum()) == NODES


def test_controls_have_the_size_of_the_edit_at_every_step() -> None:
    data = topical()
    before = pairs_in(data.graph.edge_index)
    for seed in range(5):
        sizes = set()
        for decide in ("offline", "embedding", "random"):
            after = pairs_in(edited(data, seed, decide=decide).edge_index)
            sizes.add((len(before - after), len(after - before)))
        assert len(sizes) == 1


def test_held_out_links_are_no_candidates_and_never_added() -> None:
    data = topical(edges=(0.1, 0.2))
    assert data.links is not None
    forbidden = pairs_in(held_out(data))
    assert len(forbidden) == 2 * sum(data.links.sizes().values())
    for table in candidates(data, 10, 0):
        owner, place = (table >= 0).nonzero().unbind(1)
        assert not pairs_in(torch.stack([owner, table[owner, place]])) & forbidden
    for decide in ("offline", "embedding", "random"):
        module = made(data, decide=decide, p_add=1.0)
        plan = module.prepare(data.graph)
        for seed in range(10):
            result = module(data.graph, generator=generator(seed), prepared=plan)
            assert not pairs_in(result.edge_index) & forbidden


def test_a_node_with_few_neighbours_has_no_candidates_for_removal() -> None:
    data = topical()
    degree = torch.bincount(undirected_pairs(data.graph.edge_index, NODES).flatten(), minlength=NODES)
    least = int(degree.median()) + 1
    unlike, _ = candidates(data, 10, least)
    assert ((unlike >= 0).any(dim=1) == (degree >= least)).all()


def test_the_record_says_who_decided_by_what_threshold() -> None:
    data = topical()
    said = {}
    for decide in ("offline", "embedding", "random"):
        module = made(data, decide=decide)
        module.prepare(data.graph)
        said[decide] = module.describe()
    assert said["offline"]["decided_by"] == "offline-confirmed"
    assert said["embedding"]["decided_by"] == "embedding-only"
    assert said["random"]["decided_by"] == "random edit"
    assert said["offline"]["threshold"] == said["random"]["size_of"]["threshold"] > 0
    assert said["offline"]["threshold_chosen_on"].startswith("links of the graph itself")
    assert "LLM" not in str(said)


def answered(data: NodeGraph, folder: Path, rows: list[tuple[int, int, bool]]) -> Path:
    """A folder of views in which a model has answered."""
    offline_views(data).save(folder, node_texts(data)[2])
    node, other, approved = (torch.tensor(column) for column in zip(*rows, strict=True))
    about = {"backend": "double", "model": "m", "prompt": "hash", "graph": graph_digests(data.graph)}
    EdgeAnswers(node, other, approved, about).save(folder)
    return folder


def test_answers_are_of_the_candidates_they_were_given_for(tmp_path: Path) -> None:
    """The published code takes the answers 0 and 1 for the numbers of nodes."""
    data = topical()
    around = {node: [] for node in range(NODES)}  # type: dict[int, list[int]]
    for one, other in undirected_pairs(data.graph.edge_index, NODES).t().tolist():
        around[one].append(other)
        around[other].append(one)
    hub = max(around, key=lambda node: len(around[node]))
    stay, go, *_ = sorted(around[hub])
    strangers = [node for node in range(NODES) if node != hub and node not in around[hub]]
    rows = [(hub, stay, True), (hub, go, False), (hub, strangers[0], True), (hub, strangers[1], False)]
    folder = answered(data, tmp_path / "views", rows)
    result = edited(data, decide="answers", views=str(folder), p_drop=1.0, p_add=1.0)
    before, after = pairs_in(data.graph.edge_index), pairs_in(result.edge_index)
    assert before - after == pairs_in(torch.tensor([[hub], [go]]))
    assert after - before == pairs_in(torch.tensor([[hub], [strangers[0]]]))
    module = made(data, decide="answers", views=str(folder))
    module.prepare(data.graph)
    assert {"decided_by": "LLM-confirmed", "model": "m", "prompt": "hash"}.items() <= module.describe().items()
    control = edited(data, decide="random", views=str(folder), p_drop=1.0, p_add=1.0)
    assert len(before - pairs_in(control.edge_index)) == 1, "of the size of the answers"


def test_two_answers_that_differ_change_nothing(tmp_path: Path) -> None:
    data = topical()
    one, other = undirected_pairs(data.graph.edge_index, NODES)[:, 0].tolist()
    strangers = [(one, node) for node in range(NODES) if node != one]
    before = pairs_in(data.graph.edge_index)
    far = next(node for pair, node in strangers if not {pair * NODES + node, node * NODES + pair} & before)
    rows = [(one, other, True), (other, one, False), (one, far, True), (far, one, False)]
    folder = answered(data, tmp_path / "views", rows)
    result = edited(data, decide="answers", views=str(folder), p_drop=1.0, p_add=1.0, least=0)
    assert pairs_in(result.edge_index) == before


def test_what_lacks_answers_texts_or_nodes_is_refused(tmp_path: Path) -> None:
    data = topical()
    with pytest.raises(UserError, match="decide=answers needs views"):
        made(data, decide="answers")
    offline_views(data).save(tmp_path / "views", node_texts(data)[2])
    with pytest.raises(UserError, match="no language model was asked about links; graphcl augment --edges asks"):
        edited(data, decide="answers", views=str(tmp_path / "views"))
    with pytest.raises(UserError, match="no language model was asked about links; graphcl augment --edges asks"):
        made(data, decide="answers", views=str(tmp_path / "views")).made_of()
    folder = answered(data, tmp_path / "other", [(0, 1, True)])
    fewer = topical(edges=(0.1, 0.1))
    with pytest.raises(UserError, match="made of a graph with other edges"):
        edited(fewer, decide="answers", views=str(folder))
    module = made(data)
    other = Data(x=torch.ones(3, 8), edge_index=torch.tensor([[0], [1]]), num_nodes=3)
    with pytest.raises(UserError, match="candidates are of 24 nodes and the graph has 3"):
        module(other, generator=generator(0), prepared=module.prepare(data.graph))


def test_candidates_are_of_the_texts_where_the_features_are_others() -> None:
    data = topical()
    given = Data(x=torch.rand(NODES, 5, generator=generator(1)), edge_index=data.graph.edge_index,
                 text=data.graph.text, y=torch.arange(NODES) % 3, num_nodes=NODES)
    split = NodeSplitOptions(ratios=[0.4, 0.2, 0.4], stratified=True)
    _, strangers = candidates(NodeGraphData(given=given, split=split).load(seed=0), k=2)
    node, place = (strangers >= 0).nonzero().unbind(1)
    assert len(node) > NODES
    one_topic = ((strangers[node, place] - node) % 3 == 0).double().mean()
    assert one_topic > 0.6, "the most alike strangers are of one topic, as far as there are some"
