"""What holds of every augmenter of chains: chains in, as many chains out, none empty, in order, each by itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from graphcl.augment import Transform
from graphcl.core.errors import UserError
from graphcl.core.registry import Part
from graphcl.core.seeds import generator
from graphcl.encode.base import MASKED, RETURNS
from graphcl.encode.chains import read_chains
from graphcl.graph.chain import build_chains

from .toys import GRAPHS, chain_graph, make, parts, tensors

ITEMS = 9
PARTS = [part for part in parts("augmenter") if part.meta.get("edges") == "chains"]
of_chains = pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
#: What changes a share of each chain; the others change all chains alike.
of_shares = pytest.mark.parametrize(
    "part", [part for part in PARTS if "ratio" in (part.example or {})], ids=lambda part: part.name
)


@st.composite
def chains(draw: st.DrawFn) -> Data:
    """Any histories, with repeats and hidden items, of times or none."""
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=8))
    items = draw(st.lists(st.integers(0, ITEMS), min_size=sum(lengths), max_size=sum(lengths)))
    time = torch.arange(sum(lengths)) * 10 if draw(st.booleans()) else None
    return build_chains(torch.tensor(items), torch.tensor([0, *lengths]).cumsum(0), num_items=ITEMS, time=time)


def unmarked(graph: Data) -> dict[str, torch.Tensor]:
    """Its tensors but the marks of what was hidden, and returns."""
    return {name: value for name, value in tensors(graph).items() if name.rpartition(".")[2] not in (MASKED, RETURNS)}


def check_chains(graph: Data, result: Data) -> None:
    """Each is a chain again, of the same catalogue, and nothing of the result is of another shape than it says."""
    rebuilt = build_chains(result.item, result.ptr, num_items=ITEMS, time=result.get("time"))
    masked = result.get(MASKED)
    assert masked is None or masked.shape == result.item.shape
    assert masked is None or bool((result.item[masked] == ITEMS).all())
    assert unmarked(result).keys() == tensors(rebuilt).keys() == unmarked(graph).keys()
    assert all(torch.equal(value, tensors(rebuilt)[name]) for name, value in unmarked(result).items())
    assert (result.num_nodes, result.num_items) == (len(result.item), ITEMS)
    assert len(result.ptr) == len(graph.ptr)
    assert bool((result.ptr.diff() >= 1).all())
    if "time" in graph:
        for number in range(len(graph.ptr) - 1):
            begin, end = result.ptr[number : number + 2].tolist()
            times = result.time[begin:end]
            assert bool((times.diff() >= 0).all())
            assert set(times.tolist()) <= set(graph.time[graph.batch == number].tolist())


@of_chains
@settings(max_examples=40, deadline=None)
@given(graph=chains(), ratio=st.floats(0, 1), seed=st.integers(0, 99))
def test_they_are_chains_again(part: Part, graph: Data, ratio: float, seed: int) -> None:
    before = {name: tensor.clone() for name, tensor in tensors(graph).items()}
    module = make(part, **({"ratio": ratio} if "ratio" in (part.example or {}) else {}))
    result = module(graph, generator=generator(seed))
    check_chains(graph, result)
    assert all(torch.equal(before[name], tensor) for name, tensor in tensors(graph).items())
    again = module(result, generator=generator(seed))
    check_chains(graph, again)
    assert 0 <= result.too_short <= len(graph.ptr) - 1
    assert result.too_short <= again.too_short <= 2 * (len(graph.ptr) - 1)


@of_shares
def test_at_the_ratio_that_asks_for_nothing_nothing_changes(part: Part) -> None:
    graph = chain_graph()
    ratio = 1.0 if part.name == "crop_chain" else 0.0
    result = make(part, ratio=ratio)(graph, generator=generator(0))
    assert all(torch.equal(value, tensors(graph)[name]) for name, value in unmarked(result).items())


@of_shares
def test_a_chain_of_one_item_is_left_and_counted(part: Part) -> None:
    graph = build_chains(torch.tensor([3, 4]), torch.tensor([0, 1, 2]), num_items=ITEMS)
    result = make(part)(graph, generator=generator(0))
    assert result.item.tolist() == [3, 4]
    assert result.too_short == 2


@of_chains
@pytest.mark.parametrize("kind", GRAPHS)
def test_another_graph_is_refused_in_one_line(part: Part, kind: str) -> None:
    with pytest.raises(UserError, match="needs a graph of chains") as raised:
        make(part)(GRAPHS[kind](), generator=generator(0))
    assert "\n" not in str(raised.value)


@of_chains
def test_it_is_a_transform_of_single_histories_and_of_their_batches(part: Part) -> None:
    histories = [build_chains(torch.arange(n) % ITEMS, torch.tensor([0, n]), num_items=ITEMS) for n in (1, 4, 7)]
    batch = next(iter(DataLoader(histories, batch_size=3)))
    for graph in (*histories, batch):
        result = Transform(part.name, seed=1, **(part.example or {}))(graph)
        assert len(result.ptr) == len(graph.ptr)
        assert read_chains(result).num_items == ITEMS
        assert torch.equal(result.pos == 0, torch.isin(torch.arange(result.num_nodes), result.ptr[:-1]))
