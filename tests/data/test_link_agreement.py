"""Agreement of texts as the judge of links: its threshold comes from validation links and from nothing else."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data

from graphcl.core.seeds import generator
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.graphs.links import HeldOutLinks, Links
from graphcl.data.graphs.node_graph import NodeGraphData
from graphcl.data.link_agreement import agreement, all_key_phrases, choose_threshold, validated_threshold
from graphcl.data.text_encoders import TextOptions

PHRASES = [["red cats", "tails"], ["red dogs"], ["cats", "red"], []]


def test_agreement_is_the_jaccard_index_of_the_words_of_phrases() -> None:
    pairs = torch.tensor([[0, 0, 1, 3], [1, 2, 2, 3]])
    assert agreement(PHRASES, pairs).tolist() == pytest.approx([1 / 4, 2 / 3, 1 / 3, 0.0])
    assert agreement(PHRASES, pairs[:, :0]).tolist() == []


def test_the_threshold_puts_most_pairs_right() -> None:
    """At 0.25 three of four links and all others are put right; any other threshold does worse."""
    links, others = torch.tensor([0.1, 0.3, 0.4, 0.5]), torch.tensor([0.0, 0.05, 0.1, 0.2])
    assert choose_threshold(links, others) == pytest.approx(0.25)
    drawn = generator(0)
    links, others = torch.rand(40, generator=drawn) ** 0.5, torch.rand(30, generator=drawn)
    chosen = choose_threshold(links, others)

    def right(value: float) -> float:
        return float((links >= value).double().mean() + (others < value).double().mean())

    assert right(chosen) == pytest.approx(max(right(number / 1000) for number in range(1001)), abs=0.06)
    assert right(chosen) >= max(right(number / 1000) for number in range(1001)) - 1e-9


def ring() -> NodeGraph:
    texts = [f"Kernel machines {node // 4} with margins" for node in range(16)]
    pairs = torch.tensor([[node, (node + 1) % 16] for node in range(16)]).t()
    graph = Data(edge_index=pairs, text=texts, num_nodes=16)
    return NodeGraphData(given=graph, text=TextOptions(min_df=1, max_df=1.0)).load(seed=0)


def test_it_is_chosen_on_validation_links_and_test_links_are_not_looked_at() -> None:
    data = ring()
    near, far = torch.tensor([[0, 4], [1, 5]]), torch.tensor([[0, 4], [9, 13]])
    phrases = [[f"a{node // 4}", f"b{node // 2}"] for node in range(16)]

    def chosen(valid: Links, test: Links) -> float:
        held_out = NodeGraph(data.graph, data.labels, data.splits, links=HeldOutLinks(valid, test))
        found = validated_threshold(held_out, phrases, generator=generator(0))
        assert found.chosen_on.startswith("the validation links")
        return found.value

    first = chosen(Links(near, far), Links(near, far))
    assert first == chosen(Links(near, far), Links(far, near))
    assert first != chosen(Links(far, near), Links(near, far))


def test_without_held_out_links_it_says_that_it_takes_the_graphs_own() -> None:
    found = validated_threshold(ring(), all_key_phrases(ring().graph.text), generator=generator(0))
    assert found.chosen_on == "links of the graph itself, of which none are held out: 10, and 10 pairs without one"
    again = validated_threshold(ring(), all_key_phrases(ring().graph.text), generator=generator(0))
    assert found == again
