"""What holds of every source: partners of the anchors' own type, from the seed, and nothing written to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphcl.core.build import build
from graphcl.core.registry import Part
from graphcl.core.seeds import generator

from .toys import NODES, TYPES, bipartite_graph, parts, plain_graph, tensors

all_sources = pytest.mark.parametrize("part", parts("source"), ids=lambda part: part.name)


def ask(part: Part, ids: Tensor, node_type: str, seed: int = 0) -> tuple[Tensor, Tensor]:
    source = build("source", part.name, part.example or {})
    graph = bipartite_graph() if node_type else plain_graph()
    found = source(ids, graph, node_type=node_type, generator=generator(seed))
    return found.ids, found.alone


@all_sources
@pytest.mark.parametrize("node_type", ["", "user", "item"])
def test_every_anchor_has_a_partner_of_its_type(part: Part, node_type: str) -> None:
    count = TYPES.get(node_type, NODES)
    ids = torch.cat([torch.arange(count), torch.tensor([0, 0, 3])])
    before = ids.clone()
    torch.manual_seed(1)
    found, alone = ask(part, ids, node_type)
    assert found.shape == alone.shape == ids.shape
    assert (found.dtype, alone.dtype) == (torch.int64, torch.bool)
    assert bool(((found >= 0) & (found < count)).all())
    assert torch.equal(found[alone], ids[alone])  # who has none stands for himself
    assert torch.equal(ids, before)
    torch.manual_seed(2)
    assert torch.equal(ask(part, ids, node_type)[0], found)
    assert ask(part, ids[:0], node_type)[0].shape == (0,)


@all_sources
def test_the_graph_is_not_written_to(part: Part) -> None:
    graph = plain_graph()
    before = {name: tensor.clone() for name, tensor in tensors(graph).items()}
    build("source", part.name, part.example or {})(torch.arange(NODES), graph, generator=generator(0))
    assert all(torch.equal(before[name], tensor) for name, tensor in tensors(graph).items())
