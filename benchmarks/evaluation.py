"""Full-ranking evaluation beside RecBole 1.2.1's and beside sorting every row.

``python -m benchmarks.evaluation [--rounds N --threads N]``

The same embeddings, the same split, the same cut-offs and metrics; a round runs the sides one after the other, each in
a process of its own, and their NDCG@20 must agree. Ours is the task's ``evaluate``, from pairs to metrics; RecBole's is
``Trainer.evaluate`` alone, its loader prepared beforehand, with its default block of one user and with a thousand;
sorting is the usual loop (blocks of 256 users, scores, mask, ``argsort``) with our metrics.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command, data_root, in_turn

if TYPE_CHECKING:
    from graphcl.data.interactions import Interactions

#: Side -> function, its own arguments, label. RecBole's block is its ``eval_batch_size``, in users x items.
SIDES: dict[str, tuple[str, dict[str, int], str]] = {
    "ours": ("ours", {}, "ours"),
    "argsort": ("argsort", {}, "full argsort"),
    "recbole": ("recbole", {"block_scores": 40_000_000}, "RecBole 1.2.1, about 1,000 users a block"),
    "recbole_default": ("recbole", {"block_scores": 4096}, "RecBole 1.2.1 as it comes: one user a block"),
}
AIM, DIM, KS = 5.0, 64, (10, 20, 40)
NEXT_IDEA = (
    "No exact evaluation in float32 is faster than its products (`scores alone`), which bounds the gain over another "
    "that makes the same ones. Next idea: products in bfloat16, where the processor has them, and float32 scores for "
    "the columns within the rounding error of the k-th best only, which keeps the ranking exact."
)
TRAIN, TEST = 27, 7  # pairs of a user: gowalla's means


def round_of(data: str, users: int, items: int, number: int, threads: int) -> dict[str, Any]:
    """One round: every side."""
    world = {"data": data, "users": users, "items": items, "threads": threads}
    sides = {side: (f"benchmarks.evaluation:{name}", {**world, **own}) for side, (name, own, _) in SIDES.items()}
    return in_turn(sides, order=number) | {"threads": threads}


def ours(**world: Any) -> dict[str, Any]:
    from graphcl.tasks.recommend import Recommend

    data, embeddings = _world(**world)
    task = Recommend(k=KS, baselines=(), data=data)

    def evaluate() -> float:
        return task.evaluate(embeddings, "test", seed=0)["ndcg@20"]

    return {**_timed(evaluate), "product": _timed(lambda: _products(embeddings)), "costs": _costs(evaluate)}


def argsort(**world: Any) -> dict[str, Any]:
    import torch

    from graphcl.tasks.ranking import ranking_metrics
    from graphcl.tasks.recommend import Recommend

    data, embeddings = _world(**world)
    task = Recommend(k=KS, baselines=(), data=data)

    def evaluate() -> float:
        positives, seen = task.positives("test"), task.seen("test")
        users = positives.counts.nonzero().squeeze(1)
        hits = []
        for block in users.split(256):
            scores = embeddings["user"][block] @ embeddings["item"].T
            scores[seen.gather(block)] = -1e8
            hits.append(positives.contains(block, scores.argsort(dim=1, descending=True)[:, : max(KS)]))
        per_user = ranking_metrics(torch.cat(hits), positives.counts[users], KS)
        return {name: values.mean().item() for name, values in per_user.items()}["ndcg@20"]

    return _timed(evaluate)


def recbole(block_scores: int, **world: Any) -> dict[str, Any]:
    from tests import recbole_peer

    data, embeddings = _world(**world)
    parts = {"train": data.train, "valid": data.held_out.test, "test": data.held_out.test}
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # RecBole writes logs where it stands
        settings = recbole_peer.write_atomic(Path(scratch), "exported", parts)
        config = recbole_peer.make_config(
            dataset="exported", **settings, topk=list(KS), eval_batch_size=block_scores, checkpoint_dir=scratch
        )
        dataset, _, _, test = recbole_peer.load(config)
        model = _recbole_model(dataset, embeddings)
        return _timed(lambda: float(recbole_peer.evaluate(config, model, test)["ndcg@20"]))


def _recbole_model(dataset: Any, embeddings: dict[str, Any]) -> Any:
    """What RecBole's own LightGCN does in ``full_sort_predict``."""
    import torch
    from torch import nn

    def table(field: str, rows: torch.Tensor) -> torch.Tensor:
        """Rows in the order of RecBole's positions, the first of which is padding."""
        positions = [int(token) for token in dataset.field2id_token[field][1:]]
        return torch.cat([rows.new_zeros(1, DIM), rows[positions]])

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(1))
            self.users = table(dataset.uid_field, embeddings["user"])
            self.items = table(dataset.iid_field, embeddings["item"])

        def full_sort_predict(self, interaction: Any) -> torch.Tensor:
            return (self.users[interaction[dataset.uid_field]] @ self.items.transpose(0, 1)).view(-1)

    return Model()


def _world(data: str, users: int, items: int, threads: int) -> tuple[Interactions, dict[str, Any]]:
    """A split, and random embeddings of its users and items."""
    import torch

    torch.set_num_threads(threads)
    loaded = _generated(users, items) if data == "generated" else _card(data)
    random = torch.Generator().manual_seed(0)
    sizes = {"user": len(loaded.users), "item": len(loaded.items)}
    return loaded, {side: torch.randn(count, DIM, generator=random) for side, count in sizes.items()}


def _generated(users: int, items: int) -> Interactions:
    """Random pairs; every item occurs."""
    import numpy as np

    from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs

    random = np.random.default_rng(0)
    pairs = np.unique(random.integers(users * items, size=users * (TRAIN + TEST) * 11 // 10))
    pairs = random.permutation(pairs)[: users * (TRAIN + TEST)]
    train, test = np.split(pairs, [users * TRAIN])
    every = np.arange(items, dtype=np.int64)
    train = np.unique(np.concatenate([train, np.setdiff1d(every % users * items + every, test)]))
    split = (Pairs(keys // items, keys % items) for keys in (train, train[:0], np.sort(test)))
    ids = (Ids.of([str(number) for number in range(count)]) for count in (users, items))
    train_pairs, none, test_pairs = split
    return Interactions(*ids, train_pairs, HeldOut(none, test_pairs))


def _card(name: str) -> Interactions:
    """A data card's whole training file and its test file."""
    from graphcl.data.source import InteractionsData

    data = InteractionsData.from_card(name, data_root=data_root()).load(seed=0)
    return data.refit() if len(data.held_out.valid) else data


def _products(embeddings: dict[str, Any]) -> float:
    """The scores alone, in blocks that stay in the cache: no evaluation can take less."""
    for block in embeddings["user"].split(64):
        block @ embeddings["item"].T
    return 0.0


def _costs(evaluate: Callable[[], float]) -> dict[str, float]:
    """Shares of the three most expensive operations in an evaluation's time."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        evaluate()
    times = {event.key: event.self_cpu_time_total for event in profiled.key_averages()}
    largest = sorted(times, key=times.__getitem__, reverse=True)[:3]
    return {name: round(times[name] / sum(times.values()), 3) for name in largest}


def _timed(evaluate: Callable[[], float]) -> dict[str, Any]:
    from benchmarks.clock import now

    began = now()
    ndcg = evaluate()
    wall, cpu = (after - before for before, after in zip(began, now(), strict=True))
    return {"seconds": round(wall, 3), "cpu_seconds": round(cpu, 3), "ndcg@20": ndcg}


def suite(rounds: int, users: int, items: int, threads: int) -> Suite:
    """A cell for each data set and round."""
    cells = []
    for data, sizes in (("generated", f"generated-{users}x{items}"), ("gowalla", "gowalla")):
        for number in range(rounds):
            arguments = {"data": data, "users": users, "items": items, "number": number, "threads": threads}
            cells.append(Cell(f"{sizes}-threads-{threads}-round-{number}", "benchmarks.evaluation:round_of", arguments))
    return Suite("evaluation", tuple(cells))


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"Inner products of width {DIM}, cut-offs {', '.join(map(str, KS))}, six metrics, training items left out. "
        "Medians over rounds; speed-up is the median of the rounds' ratios, beside it that of CPU "
        "seconds, which a busy machine disturbs less. `scores alone` is the matrix product in blocks, without ranking."
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for name, record in suite(1, 0, 0, 1).results().items():
        found.setdefault(name.partition("-round-")[0], []).append(record)
    return "\n\n".join([head, *(_table(name, rounds) for name, rounds in found.items())] if found else [tables.NOT_RUN])


def _table(name: str, rounds: list[dict[str, Any]]) -> str:
    header = (f"{name}, {len(rounds)} rounds", "wall s", "CPU s", "ours is faster", "in CPU s", "peak MB", "NDCG@20")
    rows = []
    for side, (_, _, label) in SIDES.items():
        records = [record[side] for record in rounds]
        ratios = [""] * 2 if side == "ours" else [_ratio(rounds, side, key) for key in ("seconds", "cpu_seconds")]
        if side != "ours":
            ratios[0] += f" (aim {AIM:g}x: {tables.aim(_speedup(rounds, side, 'seconds'), AIM)})"
        values = [tables.median(r[key] for r in records) for key in ("seconds", "cpu_seconds", "peak_rss_mb")]
        ndcg = tables.figure(records[0]["ndcg@20"], 6)
        rows.append([label, *(tables.figure(v, 2) for v in values[:2]), *ratios, tables.figure(values[2], 0), ndcg])
    product = [tables.median(r["ours"]["product"][key] for r in rounds) for key in ("seconds", "cpu_seconds")]
    rows.append(["scores alone", *(tables.figure(value, 2) for value in product), "", "", "", ""])
    costs = ", ".join(f"`{name}` {share:.0%}" for name, share in rounds[0]["ours"]["costs"].items())
    missed = any((_speedup(rounds, side, "seconds") or AIM) < AIM for side in SIDES if side != "ours")
    return f"{tables.table(header, rows)}\n\nThe largest costs of ours: {costs}.{' ' + NEXT_IDEA if missed else ''}"


def _speedup(rounds: list[dict[str, Any]], side: str, key: str) -> float | None:
    return tables.median(record[side][key] / record["ours"][key] for record in rounds)


def _ratio(rounds: list[dict[str, Any]], side: str, key: str) -> str:
    value = _speedup(rounds, side, key)
    return tables.NOT_RUN if value is None else f"{value:.1f}x"


if __name__ == "__main__":
    command(suite, rounds=3, users=30_000, items=41_000, threads=2)
