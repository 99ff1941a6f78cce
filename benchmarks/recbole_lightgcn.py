"""Our LightGCN beside RecBole 1.2.1's: an epoch, the preparation of the data, and the result after equal epochs.

``python -m benchmarks.recbole_lightgcn [--rounds N --threads N]``

Both read one exported split in RecBole's own format, and have the same batch (2,048), layers (2, RecBole's default),
width (64), initial distribution, BPR loss, squared L2 of 1e-5, learning rate, seed and threads. A round runs both, one
after the other, each in a process of its own. Preparation is everything from the files to the first batch, imports
left out; an epoch is training without evaluation.
"""

from __future__ import annotations

import json
import os
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.cells import ROOT, Cell, Suite, by_threads, command, data_root, in_turn

#: Of the data set in RecBole's folder.
NAME = "exported"
EPOCHS = {"ml-100k": 20, "gowalla": 1}
#: Preparation and epoch: how many times faster than RecBole.
AIMS = {"ml-100k": {"epoch": 2.0}, "gowalla": {"epoch": 2.0, "prepare": 10.0}}
NDCG_WITHIN = 0.005
LAYERS, BATCH, LR, L2 = 2, 2048, 1e-3, 1e-5


def round_of(data: str, number: int, threads: int) -> dict[str, Any]:
    """One round: ours and RecBole's."""
    arguments = {"folder": str(exported(data)), "epochs": EPOCHS[data], "seed": number, "threads": threads}
    sides = {side: (f"benchmarks.recbole_lightgcn:{side}", arguments) for side in ("ours", "recbole")}
    return in_turn(sides, order=number) | {"data": data, "threads": threads}


def exported(data: str) -> Path:
    """The folder with our split as RecBole's atomic files, written once; no validation where a test file is given."""
    from graphcl.data.source import InteractionsData
    from tests.recbole_peer import write_atomic

    part = InteractionsData.from_card(data, data_root=data_root())
    if part.split.by == "given":
        part = InteractionsData.from_card(data, data_root=data_root(), split={**vars(part.split), "valid": "none"})
    loaded = part.load(seed=0)
    folder = ROOT / "runs" / "benchmarks" / f"recbole-{data}-{loaded.report.split_hash[:8]}"
    if not folder.exists():
        parts = {"train": loaded.train, "valid": loaded.held_out.valid, "test": loaded.held_out.test}
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            given = {name: pairs for name, pairs in parts.items() if len(pairs)}
            write_atomic(Path(temporary) / "split", NAME, given)
            (Path(temporary) / "split").rename(folder)
    return folder


def exported_parts(folder: str) -> dict[str, str]:
    """Part -> file name, of the parts that were exported."""
    names = {part: f"{NAME}.{part}.inter" for part in ("train", "valid", "test")}
    return {part: name for part, name in names.items() if (Path(folder) / NAME / name).is_file()}


def ours(folder: str, epochs: int, seed: int, threads: int) -> dict[str, Any]:
    """Our side of a round."""
    import graphcl
    from benchmarks.clock import Clock, now
    from graphcl.engine.embed import embed
    from graphcl.engine.prepare import load_data, make_task, set_up
    from graphcl.engine.training import Training

    parts = exported_parts(folder)
    split = {"by": "given", "files": parts} | ({} if "valid" in parts else {"valid": "none"})
    recipe = graphcl.load(
        "lightgcn", f"data.path={Path(folder) / NAME}", f"data.split={json.dumps(split)}",
        f"encoder.num_layers={LAYERS}", "encoder.init=xavier_uniform", f"regularizers.l2.weight={L2}",
        f"train.batch_size={BATCH}", f"train.lr={LR}", f"train.threads={threads}", f"train.seed={seed}",
        "train.device=cpu",
    )
    clock, began = Clock(), now()
    task = make_task(recipe, load_data(recipe))
    training = Training(
        recipe, task, observer=clock, run=None, device=set_up(recipe), epochs=epochs, validate=False
    )
    training.views.clean().operator("sym")  # else it would be built within the first epoch
    prepared = now()
    training.train()
    embeddings = embed(training.model, training.views, task, "test")
    ndcg = task.evaluate(embeddings, "test", seed=seed)["ndcg@10"]
    return _record(began, prepared, clock.wall, clock.cpu, ndcg)


def recbole(folder: str, epochs: int, seed: int, threads: int) -> dict[str, Any]:
    """RecBole's side of a round."""
    import torch
    from recbole.model.general_recommender import LightGCN
    from recbole.trainer import Trainer

    from benchmarks.clock import now
    from tests import recbole_peer

    torch.set_num_threads(threads)
    recbole_peer.repair_dok_matrix()
    # RecBole wants three files; validation is not used.
    files = ["train", "valid" if "valid" in exported_parts(folder) else "test", "test"]
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # RecBole writes logs where it stands
        began = now()
        config = recbole_peer.make_config(
            "LightGCN", NAME, data_path=folder, benchmark_filename=files, load_col={"inter": ["user_id", "item_id"]},
            n_layers=LAYERS, train_batch_size=BATCH, learning_rate=LR, reg_weight=L2, require_pow=True, seed=seed,
            metrics=["NDCG"], topk=[10], valid_metric="NDCG@10", checkpoint_dir=scratch,
        )
        _, train, _, test = recbole_peer.load(config)
        trainer = Trainer(config, LightGCN(config, train._dataset).to(config["device"]))
        prepared = now()
        wall, cpu = [], []
        for epoch in range(epochs):
            start = now()
            trainer._train_epoch(train, epoch)
            stop = now()
            wall.append(round(stop[0] - start[0], 4))
            cpu.append(round(stop[1] - start[1], 4))
        ndcg = trainer.evaluate(test, load_best_model=False)["ndcg@10"]
    return _record(began, prepared, wall, cpu, float(ndcg))


def _record(
    began: tuple[float, float], prepared: tuple[float, float], wall: list[float], cpu: list[float], ndcg: float
) -> dict[str, Any]:
    prepare = [round(after - before, 4) for before, after in zip(began, prepared, strict=True)]
    return {"prepare": prepare[0], "prepare_cpu": prepare[1], "epochs": wall, "epochs_cpu": cpu, "ndcg@10": ndcg}


def suite(rounds: int, threads: int) -> Suite:
    """A cell for each data set and round."""
    keys = [{"data": data, "number": number, "threads": threads} for data, number in product(EPOCHS, range(rounds))]
    name = "{data}-round-{number}-threads-{threads}"
    cells = (Cell(name.format(**key), "benchmarks.recbole_lightgcn:round_of", key) for key in keys)
    return Suite("recbole_lightgcn", tuple(cells))


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"Both on the same exported split: batch {BATCH:,}, {LAYERS} layers, BPR, L2 {L2:g}. "
        "Seconds are medians over rounds (over epochs within a round); speed-up is the median of the rounds' ratios. "
        "RecBole runs with the repairs that it needs with current packages (tests/recbole_peer.py)."
    )
    records = suite(1, 2).results().values()
    found = {data: by_threads(record for record in records if record["data"] == data) for data in EPOCHS}
    parts = (_table(data, threads, group) for data in EPOCHS for threads, group in found[data].items())
    return "\n\n".join([head, *parts])


def _table(data: str, threads: int, found: list[dict[str, Any]]) -> str:
    header = (f"{data}, {threads} threads, {len(found)} rounds", "ours", "RecBole 1.2.1", "speed-up", "aim")
    rows = [_times(label, key, data, found) for label, key in _MEASURES.items()]
    ndcg = [[record[side]["ndcg@10"] for record in found] for side in ("ours", "recbole")]
    means = [tables.mean(values) for values in ndcg]
    gap = None if means[0] is None or means[1] is None else abs(means[0] - means[1])
    rows.append([
        f"NDCG@10 after {EPOCHS[data]} epochs, mean ± sd of the rounds' seeds", *map(tables.mean_sd, ndcg),
        "" if gap is None else f"gap {gap:.4f}",
        f"within {NDCG_WITHIN}: {tables.aim(gap, NDCG_WITHIN, least=False)}",
    ])
    memory = [tables.median(record[side]["peak_rss_mb"] for record in found) for side in ("ours", "recbole")]
    rows.append(["peak memory, MB", *(tables.figure(value, 0) for value in memory), "", ""])
    return tables.table(header, rows)


_MEASURES = {
    "epoch, wall s": "epoch", "epoch, CPU s": "epoch_cpu", "preparation, wall s": "prepare",
    "preparation and all epochs, wall s": "total",
}


def _seconds(side: dict[str, Any], key: str) -> float:
    if key == "prepare":
        return float(side["prepare"])
    if key == "total":
        return float(side["prepare"]) + sum(side["epochs"])
    return tables.median(side["epochs" if key == "epoch" else "epochs_cpu"]) or 0.0


def _times(label: str, key: str, data: str, found: list[dict[str, Any]]) -> list[str]:
    sides = [tables.median(_seconds(record[side], key) for record in found) for side in ("ours", "recbole")]
    ratio = tables.median(_seconds(record["recbole"], key) / _seconds(record["ours"], key) for record in found)
    bound = AIMS[data].get(key)
    aim = f"{bound:g}x: {tables.aim(ratio, bound)}" if bound else ""
    return [label, *(tables.figure(value, 3) for value in sides), "" if ratio is None else f"{ratio:.1f}x", aim]


if __name__ == "__main__":
    command(suite, rounds=3, threads=2)
