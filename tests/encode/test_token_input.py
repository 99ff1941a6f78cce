"""The sum of vectors against a loop, and what reads it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphcl.augment import drop_subtrees, hide_words
from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.token_input import TokenInput
from tests.contract.toys import plain_graph, program_graph


def tower(**options: object) -> TokenInput:
    given = {"dim": 4, "tower": {"gin": {"dim": 3, "num_layers": 1, "pooling": "mean"}}, **options}
    made: TokenInput = build("tower", "token_input", given, graph=program_graph(), generator=generator(0))
    return made.eval()


def test_a_node_is_the_sum_of_its_kind_and_its_words() -> None:
    graph, made = program_graph(), tower()
    x = made(View(graph)).layers[0]
    assert made.vectors.shape == (6 + 32, 4)
    for node in range(graph.num_nodes):
        expected: Tensor = made.vectors[int(graph.kind[node])].clone()
        for word in graph.words[node].tolist():
            expected = expected + (made.vectors[6 + word] if word else 0)
        torch.testing.assert_close(x[node], expected)


def test_distinct_words_count_once_in_the_graphs_latent() -> None:
    graph, plain, both = program_graph(), tower(), tower(distinct=True)
    added = both(View(graph)).graphs - plain(View(graph)).graphs
    columns = [{1, 2, 3, 4, 5, *(6 + word for word in (7, 8, 9, 10, 11))}, {1, 2, 3, 6 + 7}]
    assert both.distinct is not None
    for number, expected in enumerate(columns):
        rows = both.distinct[sorted(expected)]
        torch.testing.assert_close(added[number], rows.sum(0) / len(rows) ** 0.5)
    left = drop_subtrees(graph, 1.0, generator=generator(0))  # of the second program nothing but the block
    torch.testing.assert_close((both(View(left)).graphs - plain(View(left)).graphs)[1], both.distinct[1])


def test_the_set_of_words_stands_beside_the_tree_each_of_the_length_it_is_given() -> None:
    graph, plain, both = program_graph(), tower(), tower(sets=16, tree=0.5)
    assert (both.out_dim, both.graphs_dim, plain.graphs_dim) == (3, 19, 3)
    found, alone = both(View(graph)).graphs, plain(View(graph)).graphs
    torch.testing.assert_close(found[:, :16].norm(dim=1), torch.ones(2))
    torch.testing.assert_close(found[:, 16:], 0.5 * torch.nn.functional.normalize(alone, dim=1))
    assert both.log_tree is not None
    found.sum().backward()
    assert float(both.log_tree.grad) != 0


def test_words_alone_tell_programs_apart_until_they_are_hidden() -> None:
    graph, made = program_graph(), tower()
    hidden = hide_words(graph, 1.0, generator=generator(0))
    assert not torch.allclose(made(View(graph)).graphs, made(View(hidden)).graphs)


def test_gradients_reach_the_vectors_of_what_occurs_alone() -> None:
    made = tower(distinct=True)
    made(View(program_graph())).graphs.square().sum().backward()
    assert made.distinct is not None
    for weight in (made.vectors, made.distinct):
        touched = weight.grad.abs().sum(1) > 0
        assert touched.nonzero().view(-1).tolist() == [1, 2, 3, 4, 5, 13, 14, 15, 16, 17]


def test_graphs_without_words_and_unknown_towers_are_refused() -> None:
    with pytest.raises(UserError, match="this needs graphs of programs"):
        build("tower", "token_input", {}, graph=plain_graph(), generator=generator(0))
    with pytest.raises(UserError, match="gni"):
        tower(tower={"gni": {}})
