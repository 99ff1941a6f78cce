"""What holds of every source: partners of the anchors' own type, from the seed, and nothing written to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphcl.augment.sources import Partners
from graphcl.core.build import build
from graphcl.core.registry import Part
from graphcl.core.seeds import generator

from .toys import NODES, TYPES, ToyTask, bipartite_graph, parts, plain_graph, tensors

all_sources = pytest.mark.parametrize("part", parts("source"), ids=lambda part: part.name)


def make(part: Part) -> nn.Module:
    return build("source", part.name, part.example or {}, task=ToyTask())


def inputs(source: nn.Module, node_type: str) -> dict[str, Tensor]:
    """What it reads: a table of three nodes each, none of them for the first node."""
    count = TYPES.get(node_type, NODES)
    table = torch.randint(-1, count, (count, 3), generator=generator(0, "table"))
    table[0] = -1
    return {name: table for name in getattr(source, "reads", {})}


def ask(part: Part, ids: Tensor, node_type: str, seed: int = 0) -> Partners:
    source = make(part)
    graph = bipartite_graph() if node_type else plain_graph()
    return source(ids, graph, node_type=node_type, **inputs(source, node_type), generator=generator(seed))


#: Sources that pair whole examples know no types of nodes.
TYPED = [part for part in parts("source") if not getattr(part.cls, "of_records", False)]


@pytest.mark.parametrize(
    ("part", "node_type"),
    [*((part, "") for part in parts("source")), *((part, kind) for part in TYPED for kind in TYPES)],
    ids=lambda value: value.name if isinstance(value, Part) else value,
)
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
    if part.name != "self":
        assert bool((found[~alone] != ids[~alone]).all())
        assert not alone.all()
    assert torch.equal(ids, before)
    torch.manual_seed(2)
    assert torch.equal(ask(part, ids, node_type).ids, found)
    assert ask(part, ids[:0], node_type).ids.shape == (0,)


@all_sources
def test_another_seed_finds_others(part: Part) -> None:
    ids = torch.arange(NODES).repeat(5)
    found = [ask(part, ids, "", seed).ids for seed in range(2)]
    assert torch.equal(*found) is (part.name in ("self", "mispaired"))  # which has a seed of its own


@all_sources
def test_the_graph_and_what_is_read_are_not_written_to(part: Part) -> None:
    graph, source = plain_graph(), make(part)
    read = inputs(source, "")
    before = {name: tensor.clone() for name, tensor in [*tensors(graph).items(), *read.items()]}
    source(torch.arange(NODES), graph, **read, generator=generator(0))
    assert all(torch.equal(before[name], tensor) for name, tensor in [*tensors(graph).items(), *read.items()])
