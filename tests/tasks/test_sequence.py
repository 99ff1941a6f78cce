"""The sequence task: what is read, what is ranked, what is said."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.histories import Histories
from graphcl.data.splits import Split
from graphcl.tasks.sequence import Sequence

from .small_histories import histories, random_rows


def read(task: Sequence, split: Any) -> dict[int, list[str]]:
    """User -> ids of the items that are read for a split."""
    items, found = task.data.items.values, {}
    for batch in task.examples(split):
        chains: Any = batch.graphs["chain"]
        for number, user in enumerate(batch.ids.tolist()):
            nodes = slice(int(chains.ptr[number]), int(chains.ptr[number + 1]))
            found[user] = [items[item] for item in chains.item[nodes].tolist()]
        assert torch.equal(batch.rows["last"], chains.ptr[1:] - 1)
    return found


@given(st.integers(0, 5), st.integers(1, 5), st.booleans())
def test_valid_reads_train_and_test_reads_validation_too(seed: int, max_len: int, valid_in_input: bool) -> None:
    rows = random_rows(seed)
    task = Sequence(data=histories(rows, max_len=max_len), valid_in_input=valid_in_input, baselines=())
    ids = [[f"i{item}" for item in row] for row in rows]
    assert read(task, "valid") == {u: row[:-2][-max_len:] for u, row in enumerate(ids) if len(row) >= 3}
    until = [len(row) - (1 if valid_in_input or len(row) < 3 else 2) for row in ids]
    assert read(task, "test") == {u: row[: until[u]][-max_len:] for u, row in enumerate(ids) if len(row) >= 2}


@pytest.mark.parametrize("mask_history", [True, False])
@pytest.mark.parametrize("split", ["valid", "test"])
def test_metrics_are_those_of_each_user_ranked_by_hand(mask_history: bool, split: Any) -> None:
    rows = random_rows(7, longest=6)
    data = histories(rows, max_len=3)
    task = Sequence(k=(1, 3), data=data, mask_history=mask_history, baselines=())
    place = {item: n for n, item in enumerate(data.items.values)}
    users = [u for u, row in enumerate(rows) if len(row) >= (3 if split == "valid" else 2)]
    embeddings = {"chain": torch.randn(len(users), 5, generator=generator(1)),
                  "item": torch.randn(len(data.items), 5, generator=generator(2))}  # fmt: skip
    hits: dict[int, list[float]] = {1: [], 3: []}
    for user, latent in zip(users, embeddings["chain"], strict=True):
        row = rows[user]
        before, target = (row[:-2], row[-2]) if split == "valid" else (row[:-1], row[-1])
        scores = embeddings["item"] @ latent
        if mask_history:
            scores[[place[f"i{item}"] for item in before]] = -torch.inf
        order = scores.argsort(descending=True)[: int((scores > -torch.inf).sum())].tolist()
        for k, found in hits.items():
            found.append(float(place[f"i{target}"] in order[:k]))
    metrics = task.evaluate(embeddings, split, seed=0)
    for k, found in hits.items():
        assert metrics[f"recall@{k}"] == pytest.approx(sum(found) / len(found))
    lost = sum(rows[u][-2 if split == "valid" else -1] in rows[u][: -2 if split == "valid" else -1] for u in users)
    assert lost > 0
    assert task.describe()["unreachable"][split] == (lost if mask_history else 0)


def test_a_temporal_split_asks_once_a_user_for_the_first_item_or_all() -> None:
    rows = [[5, 6], [0, 1, 2, 3, 4], [1, 2, 0, 4], [3, 4, 0]]  # hours 0-1, 2-6, 7-10, 11-13
    data = histories(rows, split=Split("temporal", cuts=[3600 * 5, 3600 * 9]))
    first, both = (Sequence(data=data, targets=targets, baselines=()) for targets in ("first", "all"))  # type: ignore[arg-type]
    assert read(first, "valid") == {1: ["i0", "i1", "i2"]}
    assert read(first, "test") == {2: ["i1", "i2"]}
    items = data.items.values
    assert [items[n] for n in first.questions.positives("test").items] == ["i0"]
    assert sorted(items[n] for n in both.questions.positives("test").items) == ["i0", "i4"]
    assert ", all held-out items to be found; packed" in both.describe()["protocol"]
    assert ", of each user the first held-out item to be found (eval.targets=first);" in first.describe()["protocol"]
    assert "to be found" not in Sequence(data=histories(rows), baselines=()).describe()["protocol"]
    assert first.describe()["evaluated_users"] == {"valid": 1, "test": 1}


def test_the_best_embeddings_find_what_is_masked_never() -> None:
    """One-hot latents of the target: perfect, but for targets that the history holds."""
    data = histories([[0, 1, 2, 3], [1, 2, 1, 2], [2, 0, 1, 0]], items=4)
    place = {item: n for n, item in enumerate(data.items.values)}
    wanted = torch.eye(4)[[place["i3"], place["i2"], place["i0"]]]
    for masked, share in ((True, 1 / 3), (False, 1.0)):
        task = Sequence(data=data, mask_history=masked, baselines=())
        assert task.evaluate({"chain": wanted, "item": torch.eye(4)}, "test", seed=0)["ndcg@10"] == pytest.approx(share)
    assert any("2 items to be found are in the history and masked" in note
               for note in Sequence(data=data, baselines=()).describe()["notes"])  # fmt: skip


@pytest.mark.parametrize("by", ["uniform", "popularity"])
@pytest.mark.parametrize("split", ["valid", "test"])
def test_sampled_metrics_are_among_items_that_the_user_never_had_and_are_marked(split: Any, by: Any) -> None:
    rows = random_rows(7, items=40)
    options: dict[str, Any] = {"data": histories(rows), "k": (1, 5), "mask_history": False}
    task = Sequence(sampled=6, sampled_by=by, **options)
    place = {item: n for n, item in enumerate(task.data.items.values)}
    users = task.questions.users(split).tolist()
    embeddings = {"chain": torch.randn(len(users), 5, generator=generator(1)),
                  "item": torch.randn(len(place), 5, generator=generator(2))}  # fmt: skip
    ranking = task.rank_embeddings(embeddings, split, seed=3)
    counts = task.train_counts()[1]
    for user, latent, items in zip(users, embeddings["chain"], ranking.items.tolist(), strict=True):
        row = rows[user][: -1 if split == "valid" else None]
        before, target = {place[f"i{item}"] for item in row[:-1]}, place[f"i{row[-1]}"]
        assert not (before - {target}) & set(items)
        assert by == "uniform" or all(counts[item] > 0 for item in items if item not in (-1, target))
        scores = (embeddings["item"] @ latent)[[item for item in items if item >= 0]]
        assert bool((scores.diff() <= 1e-6).all())
    full = Sequence(**options).rank_embeddings(embeddings, split, seed=3)
    assert ranking.metrics()["recall@1"] > full.metrics()["recall@1"]
    again = Sequence(sampled=6, sampled_by=by, **options).rank_embeddings(embeddings, split, seed=3)
    assert torch.equal(again.items, ranking.items)
    said = f"6 {by} negatives a user; sampled metrics: not comparable with full ranking (Krichene & Rendle, KDD 2020)"
    record = task.describe()
    assert said in record["protocol"]
    assert "full ranking of" not in record["protocol"]
    assert said in record["ranking"]
    assert any(said in note for note in record["notes"])


def test_the_protocol_is_one_line() -> None:
    data = histories(random_rows(1), max_len=4, row_layout="prefix")
    assert Sequence(data=data, mask_history=False, valid_in_input=False, baselines=()).describe()["protocol"] == (
        "protocol: leave_one_out split, full ranking of 12 items, history not masked, test reads train; "
        "prefix rows, max_len 4"
    )


def test_the_graph_of_training_is_every_train_history() -> None:
    task = Sequence(data=histories([[0, 1, 2, 3, 4], [5], [1, 0, 2, 3]], max_len=1), baselines=())
    (graph,) = task.graphs.values()
    items = task.data.items.values
    assert [items[item] for item in graph.item] == ["i0", "i1", "i2", "i5", "i1", "i0"]
    assert graph.ptr.tolist() == [0, 3, 4, 6]


def test_records_are_what_examples_read() -> None:
    task = Sequence(data=histories(random_rows(3)), baselines=())
    (batch,) = task.batches(0, generator=generator(1))
    for name in ("item", "ptr", "pos"):
        assert torch.equal(task.records(batch.ids)["chain"][name], batch.graphs["chain"][name])
    assert task.target_of.shape == (batch.ids.numel(),)


def test_whole_rows_are_read_to_their_end_and_say_so() -> None:
    data = histories([[0, 1, 2, 3, 4, 5], [5, 0, 1], [1, 0, 2, 3]], max_len=3, row_layout="whole")
    task = Sequence(data=data, baselines=())
    (batch,) = task.batches(0, generator=generator(1))
    chains: Any = task.records(torch.arange(2))["chain"]
    items = data.items.values
    assert [items[item] for item in chains.item] == ["i1", "i2", "i3", "i1", "i0"]
    assert [items[item] for item in task.target_of] == ["i3", "i0"]
    assert set(batch.rows) == {"negatives", "last", "batch"} == set(task.rows) - set(task.lacking)
    assert task.ahead == {}
    assert any("1 user with more than max_len=3 items in train" in note for note in data.report.notes)
    assert "whole rows, max_len 3" in task.describe()["protocol"]


def test_slices_by_length_and_popularity() -> None:
    task = Sequence(data=histories(random_rows(3)), activity_slices=2, baselines=())
    embeddings = {"chain": torch.randn(len(task.questions.users("test")), 4), "item": torch.randn(12, 4)}
    rows = task.evaluate_slices(embeddings, "test", seed=0)
    assert {row.kind for row in rows} == {"user activity", "item popularity"}
    assert sum(row.users for row in rows if row.kind == "user activity") == len(embeddings["chain"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": ()}, "eval.k: give at least one cut-off"),
        ({"sampled": 12}, "eval.sampled=12, and there are 12 items; 0 ranks all of them"),
        ({"baselines": ("ease",)}, "'ease' is a baseline of the task 'recommend', not of 'sequence'"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Sequence(data=histories(random_rows(1)), **options)


def test_nothing_to_learn_from() -> None:
    with pytest.raises(UserError, match=r"nothing to learn from: no history of two items in train$"):
        Sequence(data=histories([[0, 1, 2], [1, 2]]))


def test_a_user_with_every_item_is_trained_on_and_told() -> None:
    task = Sequence(data=histories([[0, 1, 2, 1], [1, 2]]), baselines=())
    assert task.describe()["notes"].count("1 user with every item of train: sampled negatives are items they had") == 1
    assert next(iter(task.batches(0, generator=generator(0)))).targets == 1


@pytest.mark.parametrize(("name", "wrong"), [("chain", "3 chain embeddings for 26 evaluated users"),
                                             ("item", "3 item embeddings for 12 items")])  # fmt: skip
def test_embeddings_of_other_data(name: str, wrong: str) -> None:
    task = Sequence(data=histories(random_rows(1)), baselines=())
    right = {"chain": torch.ones(task.questions.users("test").numel(), 2), "item": torch.ones(12, 2)}
    with pytest.raises(UserError, match=wrong):
        task.evaluate({**right, name: torch.ones(3, 2)}, "test", seed=0)


# --- what is held out stays out --------------------------------------------------------------------


def seen_by_training(data: Histories) -> list[Tensor]:
    """Graphs, the batches of some epochs, the examples of pairing sources, and what baselines fit."""
    task = Sequence(data=data, num_negatives=3, shared_negatives=5, negatives="popularity")
    chain: Any = task.graphs["chain"]
    found = [chain[name] for name in ("item", "ptr", "edge_index", "time")] + [task.target_of]
    for epoch in range(4):
        for batch in task.batches(7, generator=generator(epoch)):
            own: Any = batch.graphs["chain"]
            found += [batch.ids, *batch.rows.values(), *batch.shares.values(), own.item, own.time, own.ptr]
    everyone = torch.arange(len(data.users))
    for name, baseline in task.references.items():
        for _, fitted in baseline.fits(data.train, len(data.users), len(data.items)):
            scores = fitted.given(task.train) if hasattr(fitted, "given") else fitted
            assert name
            found.append(scores(everyone))
    return found


@pytest.mark.parametrize("layout", ["packed", "prefix", "whole"])
def test_noise_in_place_of_what_is_held_out_changes_nothing_in_training(layout: Any) -> None:
    """The last two items of every user are dealt out anew; even items that occur nowhere else keep to the end."""
    rows = [[*row, 20 + n % 9, (n * 5) % 12] for n, row in enumerate(random_rows(2))]
    dealt = torch.randperm(2 * len(rows), generator=generator(5)).tolist()
    ends = [item for row in rows for item in row[-2:]]
    noise = [[*row[:-2], ends[dealt[2 * n]], ends[dealt[2 * n + 1]]] for n, row in enumerate(rows)]
    one, other = (histories(both, row_layout=layout) for both in (rows, noise))
    assert one.report.split_hash != other.report.split_hash
    first, second = seen_by_training(one), seen_by_training(other)
    assert len(first) == len(second) > 50
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    swapped = seen_by_training(histories([[row[1], row[0], *row[2:]] for row in rows], row_layout=layout))
    assert not all(torch.equal(a, b) for a, b in zip(first, swapped, strict=False))


@pytest.mark.parametrize("layout", ["packed", "prefix", "whole"])
def test_an_item_that_is_only_held_out_is_in_no_batch(layout: Any) -> None:
    rows = [[*row, *row[-1:], 50, 50] if n % 2 else [*row, 3, 50] for n, row in enumerate(random_rows(4))]
    data = histories(rows, row_layout=layout)
    planted = int(data.items.index_of(["i50"])[0])
    task = Sequence(data=data, num_negatives=20, shared_negatives=50, baselines=())
    assert planted not in task.graphs["chain"].item
    for epoch in range(5):
        for batch in task.batches(5, generator=generator(epoch)):
            assert planted not in batch.graphs["chain"].item
            assert all(planted not in batch.rows[name] for name in {"next", "negatives", "shared"} & set(batch.rows))
    assert planted in task.questions.positives("test").items
