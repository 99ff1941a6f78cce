from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import NonFiniteError
from graphcl.core.seeds import generator
from graphcl.data.records import Records, RecordsData
from graphcl.tasks.retrieval import Retrieval


@pytest.fixture(scope="module")
def records() -> Records:
    return RecordsData(count=50).load(seed=0)


def test_batches_are_a_partition_of_train_with_their_own_graphs(records: Records) -> None:
    task = Retrieval(data=records)
    batches = list(task.batches(8, generator=generator(0)))
    assert len(batches) == task.num_batches(8) == 4
    assert sorted(torch.cat([b.ids for b in batches]).tolist()) == records.parts["train"].tolist()
    for batch in batches:
        assert set(batch.graphs) == {"text", "graph"}
        first = int(batch.ids[0])
        for name, graph in batch.graphs.items():
            assert graph.num_graphs == batch.ids.numel() == batch.targets
            assert torch.equal(graph.get_example(0).x, records.fields[name][first].x)
    again = list(task.batches(8, generator=generator(0), start=2))
    assert [b.ids.tolist() for b in again] == [b.ids.tolist() for b in batches[2:]]
    assert task.num_batches(0) == len(list(task.batches(0, generator=generator(0)))) == 1


def test_towers_are_sized_by_training_records_only(records: Records) -> None:
    graphs = Retrieval(data=records).graphs
    assert graphs["text"].num_graphs == records.parts["train"].numel()
    assert graphs["text"].num_features == 32
    assert graphs["graph"].num_features == 16


def test_examples_come_once_and_in_order(records: Records) -> None:
    task = Retrieval(data=records)
    for split in ("valid", "test"):
        ids = torch.cat([batch.ids for batch in task.examples(split, batch_size=3)])
        assert ids.tolist() == records.parts[split].tolist()


def test_perfect_constant_and_by_hand(records: Records) -> None:
    task = Retrieval(k=[1, 2], data=records)
    same = torch.randn(10, 4, generator=generator(0))
    assert task.evaluate({"text": same, "graph": same}, "test", seed=0) == {
        "recall@1": 1.0,
        "recall@2": 1.0,
        "mrr@1": 1.0,
        "mrr@2": 1.0,
    }
    # text i points at graph i, but for records 0 and 1, whose texts are exchanged
    exchanged = torch.eye(10)
    exchanged[:2] = torch.eye(10)[[1, 0]]
    exchanged += 0.5 * torch.eye(10)
    got = task.evaluate({"text": exchanged, "graph": torch.eye(10)}, "test", seed=0)
    assert got["recall@1"] == pytest.approx(0.8)
    assert got["recall@2"] == pytest.approx(1.0)
    assert got["mrr@2"] == pytest.approx(0.8 + 0.2 / 2)


def test_a_constant_scorer_gets_what_chance_gets(records: Records) -> None:
    task = Retrieval(k=[1, 5], data=records)
    constant = {"text": torch.ones(10, 3), "graph": torch.ones(10, 3)}
    runs = [task.evaluate(constant, "test", seed=seed)["recall@5"] for seed in range(50)]
    assert sum(runs) / len(runs) == pytest.approx(task.baselines(seed=0)["chance"]["recall@5"], abs=0.05)


def test_both_directions_count(records: Records) -> None:
    place = torch.arange(10.0)
    # score of text i and graph j: text i likes its own graph best, and every graph likes text 9 best
    scores = 100 * place.unsqueeze(1) - (place.unsqueeze(1) - place).abs()
    task = Retrieval(k=[1], similarity="dot", data=records)
    got = task.evaluate({"text": torch.eye(10), "graph": scores.t()}, "test", seed=0)
    assert got["recall@1"] == pytest.approx((1.0 + 0.1) / 2)


def test_similarity(records: Records) -> None:
    grown = torch.eye(10) + 0.1
    grown[0] *= 100  # a long vector wins every inner product, and no cosine
    embeddings = {"text": torch.eye(10) + 0.1, "graph": grown}
    assert Retrieval(k=[1], data=records).evaluate(embeddings, "test", seed=0)["recall@1"] == 1.0
    assert Retrieval(k=[1], similarity="dot", data=records).evaluate(embeddings, "test", seed=0)["recall@1"] < 0.6


def test_embeddings_that_cannot_be_judged(records: Records) -> None:
    task = Retrieval(data=records)
    with pytest.raises(ValueError, match="3 embeddings of 'text' for 10 records"):
        task.evaluate({"text": torch.ones(3, 2), "graph": torch.ones(10, 2)}, "test", seed=0)
    with pytest.raises(NonFiniteError):
        task.evaluate({"text": torch.full((10, 2), torch.nan), "graph": torch.ones(10, 2)}, "test", seed=0)
