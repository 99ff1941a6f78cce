"""Sets of words against sets, their cosines against sums over common words, and what contrast makes of the weights."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.augment import drop_subtrees, rename_names
from graphcl.core.seeds import generator
from graphcl.encode.word_sets import WordSets, first_weights, programs_of, programs_with, sets_of_words
from tests.contract.toys import program_graph


def programs(*words: list[int]) -> GraphBatch:
    """Programs whose nodes have a word each, none of them a declared name."""
    made = [Data(words=torch.tensor(one).view(-1, 1), own=torch.zeros(len(one), dtype=torch.bool), num_nodes=len(one))
            for one in words]  # fmt: skip
    return GraphBatch.from_data_list(made)


def as_sets(graph: Data, names: bool = True) -> list[set[int]]:
    found = sets_of_words(graph, 32, names)
    assert set(found.data.tolist()) <= {1.0}
    return [set(found[row].indices.tolist()) for row in range(found.shape[0])]


def test_a_word_is_in_a_set_once_and_declared_names_may_be_left_out() -> None:
    assert as_sets(programs([3, 3, 0, 5], [], [0, 3])) == [{3, 5}, set(), {3}]
    assert as_sets(program_graph()) == [{7, 8, 9, 10, 11}, {7}]
    assert as_sets(program_graph(), names=False) == [{8, 10, 11}, set()]
    left = drop_subtrees(program_graph(), 1.0, generator=generator(0))  # nothing but the two blocks
    assert as_sets(left) == [set(), set()]


def test_what_is_repeated_counts_more_but_never_by_more_than_the_limit() -> None:
    found = sets_of_words(programs([3] * 4 + [5], [5] * 1000), 32, repeats=1.2)
    assert found[0, 3] == pytest.approx(4 * 2.2 / 5.2)
    assert found[0, 5] == pytest.approx(1.0)
    assert found[1, 5] == pytest.approx(2.2, abs=0.01)


def test_first_weights_by_hand() -> None:
    having, count = programs_with([programs([1, 2, 2], [1]), programs([1, 3], [1])], 4)
    assert (having.tolist(), count) == ([0, 4, 1, 1], 4)
    expected = [math.log(5), 0.05, math.log(5 / 2), math.log(5 / 2)]
    torch.testing.assert_close(first_weights(having, count), torch.tensor(expected))
    torch.testing.assert_close(first_weights(having, count, least=2), torch.tensor([1e-9, 0.05, 1e-9, 1e-9]))
    assert first_weights(torch.zeros(4), 0, least=2).tolist() == [1.0] * 4


def test_a_word_that_too_few_programs_have_changes_no_cosine() -> None:
    seen = [programs([1, 2, 3], [1, 2, 4], [5, 6])]
    sets = WordSets(16, 8, least=2, programs=seen, generator=generator(0))
    plain, own = sets(programs([1, 2])), sets(programs([1, 2, 3, 4, 5, 9]))
    torch.testing.assert_close(plain, own, atol=1e-3, rtol=0)
    every = WordSets(16, 8, programs=seen, generator=generator(0))
    assert not torch.allclose(every(programs([1, 2])), every(programs([1, 2, 3, 4, 5, 9])), atol=0.1)


def test_weights_start_at_the_root_of_rarity_on_both_sides_of_a_task() -> None:
    batch = SimpleNamespace(graphs={"code": programs([1, 2]), "text": programs([1])})
    found = list(programs_of(SimpleNamespace(training_examples=lambda: [batch, batch])))
    assert len(found) == 4
    assert not list(programs_of(None))
    sets = WordSets(4, 8, True, programs=found, generator=generator(0))
    torch.testing.assert_close(sets.log_weight[2].exp(), torch.tensor(math.log(5 / 3)).sqrt())
    assert bool(torch.isfinite(sets.log_weight).all())  # word 1 is in all


def test_cosines_are_those_of_weighted_sets() -> None:
    draw, dim, count = generator(1), 4096, 40
    many = [torch.randint(1, 64, (30,), generator=draw).tolist() for _ in range(count)]
    sets = WordSets(64, dim, True, generator=draw)
    with torch.no_grad():
        sets.log_weight.copy_(torch.randn(64, generator=draw) * 0.5)
    found, weight = sets(programs(*many)).detach(), (2 * sets.log_weight).exp().detach()

    def mass(words: set[int]) -> float:
        return float(weight[sorted(words)].sum())

    for first in range(count):
        for second in range(count):
            a, b = set(many[first]), set(many[second])
            expected = mass(a & b) / (mass(a) * mass(b)) ** 0.5
            assert float(found[first] @ found[second]) == pytest.approx(expected, abs=5 * dim**-0.5)


def test_a_program_without_words_is_zero_and_has_a_gradient() -> None:
    sets = WordSets(32, 8, False, generator=generator(0))
    found = sets(program_graph())
    torch.testing.assert_close(found.norm(dim=1), torch.tensor([1.0, 0.0]))
    found.sum().backward()
    assert bool(torch.isfinite(sets.log_weight.grad).all())


def test_other_names_change_nothing_where_declared_names_are_left_out() -> None:
    graph = program_graph()
    other = rename_names(graph, 1.0, generator=generator(3))
    assert not torch.equal(other.words, graph.words)
    for names in (False, True):
        sets = WordSets(32, 64, names, generator=generator(0))
        assert torch.equal(sets(graph), sets(other)) is not names


def precision(sets: WordSets, graph: Data, topics: Tensor) -> float:
    near = (sets(graph) @ sets(graph).T).detach().fill_diagonal_(-1).topk(4, dim=1).indices
    return float((topics[near] == topics[:, None]).float().mean())


def test_contrast_finds_the_words_that_tell_topics_apart() -> None:
    """Of 40 programs each has 3 of its topic's 6 words, and 15 of 30 words that any may have."""
    draw, topics = generator(0), torch.arange(40) % 8

    def drawn() -> GraphBatch:
        own = [(1 + 6 * topic + torch.randperm(6, generator=draw)[:3]).tolist() for topic in topics.tolist()]
        noise = [(50 + torch.randperm(30, generator=draw)[:15]).tolist() for _ in own]
        return programs(*(a + b for a, b in zip(own, noise, strict=True)))

    sets, judged = WordSets(80, 256, True, generator=draw), drawn()
    before = precision(sets, judged, topics)
    optimizer = torch.optim.Adam(sets.parameters(), lr=0.05)
    for _ in range(40):
        loss = cross_entropy(sets(drawn()) @ sets(drawn()).T / 0.1, torch.arange(40))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert precision(sets, judged, topics) > before + 0.2
    weight = sets.log_weight.detach()
    assert float(weight[1:49].min()) > float(weight[50:80].max())
