from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.flat import FlatDecoder, FlatValues
from tests.contract.toys import batch_graph, patch_graph, plain_graph


def test_a_graph_is_its_node_features_end_to_end() -> None:
    graph = patch_graph()
    tower = FlatValues(graph=graph)
    encoding = tower(View(graph))
    assert encoding.graphs is not None
    assert encoding.graphs.shape == (3, tower.graphs_dim) == (3, 6 * graph.x.shape[1])
    for number, one in enumerate(graph.to_data_list()):
        assert torch.equal(encoding.graphs[number], one.x.flatten())
    head = FlatDecoder(hidden=5, in_dim=2, graph=graph, generator=generator(0))
    assert head(torch.zeros(3, 2)).shape == encoding.graphs.shape


def test_graphs_of_other_sizes_are_refused() -> None:
    with pytest.raises(UserError, match="graphs of different sizes cannot be laid out alike"):
        FlatValues(graph=batch_graph())
    with pytest.raises(UserError, match="graphs of 60 values, and it is built for"):
        FlatValues(graph=patch_graph())(View(plain_graph()))
