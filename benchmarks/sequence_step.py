"""A step and an epoch of SASRec and MCLRec beside their peers: ``python -m benchmarks.sequence_step [--rounds N]``.

Beauty, width 64, two layers, two heads, 50 items, dropout .5, cross-entropy over all items. Ours: packed rows, 256
users a step. RecBole 1.2.1's SASRec: 256 prefixes a step. The literal form of MCLRec's released code (three steps for
each batch) runs over RecBole's encoder and loader. A round runs all of them one after the other, each in a process of
its own; an epoch is the median step times its number of steps, and has the same targets on all sides.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, by_threads, command, in_turn

BATCH, LR = 256, 1e-3
#: Side -> label, function, steps that are timed.
SIDES = {
    "sasrec": ("SASRec, ours", "ours", 20),
    "recbole": ("SASRec, RecBole 1.2.1", "recbole", 8),
    "mclrec": ("MCLRec, ours, two stages", "ours", 20),
    "literal": ("MCLRec, three steps, literal over RecBole", "recbole", 6),
}
#: (side, beside, what) -> aim: least ratio of CPU seconds, or for a step the most.
EPOCHS = {("sasrec", "recbole"): 10.0, ("mclrec", "literal"): 20.0}
STEP_AT_MOST = 4.0


def round_of(number: int, threads: int) -> dict[str, Any]:
    """One round of all sides."""
    sides = {
        side: (f"benchmarks.sequence_step:{function}", {"side": side, "steps": steps, "threads": threads})
        for side, (_, function, steps) in SIDES.items()
    }
    return in_turn(sides, order=number) | {"threads": threads}


def _recipe(name: str, threads: int) -> Any:
    import graphcl

    return graphcl.load(
        name, "data=beauty", "train.device=cpu", f"train.threads={threads}", f"train.batch_size={BATCH}",
        f"train.lr={LR}", "train.epochs=1", "data.row_layout=packed", "eval.baselines=[]",
    )  # fmt: skip


def ours(side: str, steps: int, threads: int) -> dict[str, Any]:
    """Steps of a recipe through the engine."""
    from benchmarks.steps import engine_steps, ready

    task, device = ready(recipe := _recipe(side, threads))
    measured, _ = engine_steps(recipe, task, device, steps + 1)
    training: Any = task
    return measured | {"steps_per_epoch": task.num_batches(BATCH), "targets": training.training.targets}


def recbole(side: str, steps: int, threads: int) -> dict[str, Any]:
    """Steps of RecBole's SASRec, or of MCLRec's literal form over it, on the same histories."""
    import torch
    from recbole.model.sequential_recommender import SASRec

    from benchmarks.mclrec_literal import Steps
    from benchmarks.steps import other_steps
    from tests import recbole_peer

    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        write_histories(Path(folder) / "beauty" / "beauty.inter")
        os.chdir(folder)  # RecBole writes logs where it stands
        config = recbole_peer.make_config(
            "SASRec", "beauty", data_path=folder, load_col={"inter": ["user_id", "item_id", "timestamp"]},
            eval_args={"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
            train_neg_sample_args=None, train_batch_size=BATCH, learning_rate=LR, loss_type="CE",
            MAX_ITEM_LIST_LENGTH=50, metrics=["NDCG"], topk=[10], valid_metric="NDCG@10",
        )
        _, train, _, _ = recbole_peer.load(config)
        model = SASRec(config, train._dataset)
        batches = iter(train)
        optimizer = torch.optim.Adam(model.parameters(), lr=LR)
        literal = Steps(model, LR)

        def step() -> None:
            batch = next(batches)
            if side == "literal":
                literal(batch)
                return
            optimizer.zero_grad()
            model.calculate_loss(batch).backward()
            optimizer.step()

        model.train()
        measured = other_steps(step, steps + 1)
        return measured | {"steps_per_epoch": len(train), "targets": len(train._dataset)}


def write_histories(path: Path) -> None:
    """Every history of Beauty in RecBole's format; the place in the history is the time."""
    from benchmarks.steps import ready

    task: Any = ready(_recipe("sasrec", 1))[0]
    histories = [part.tolist() for part in task.train.items.tensor_split(task.train.ptr[1:-1])]
    for pairs in (task.data.held_out.valid, task.data.held_out.test):
        for user, item in zip(pairs.users.tolist(), pairs.items.tolist(), strict=True):
            histories[user].append(item)
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, items in enumerate(histories):
            file.writelines(f"{user}\t{item}\t{place}\n" for place, item in enumerate(items))


def suite(rounds: int, threads: int) -> Suite:
    """A cell for each round."""
    cells = (
        Cell(f"round-{number}-threads-{threads}", "benchmarks.sequence_step:round_of",
             {"number": number, "threads": threads})
        for number in range(rounds)
    )  # fmt: skip
    return Suite("sequence_step", tuple(cells))


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"Beauty, width 64, two layers, at most 50 items, cross-entropy over all items, {BATCH} users (ours) or "
        "prefixes (RecBole) a step. CPU seconds, medians over rounds; ratios are medians of the rounds' ratios. An "
        "epoch is the median step times the steps of an epoch, over the same targets. *Literal* is the released "
        "code's order of steps, written out over RecBole's encoder and loader (benchmarks/mclrec_literal.py): the "
        "code itself was not run. *Memory* is the peak of the steps above what was there before."
    )
    records = suite(1, 1).results().values()
    return "\n\n".join([head, *(_table(threads, found) for threads, found in by_threads(records).items())])


def _table(threads: int, found: list[dict[str, Any]]) -> str:
    header = (f"{threads} thread{'s' * (threads > 1)}, {len(found)} rounds", "CPU s a step", "steps", "CPU s an epoch",
              "memory, MB", "an epoch is faster than the peer's", "aim")  # fmt: skip
    rows = []
    for side, (label, _, _) in SIDES.items():
        sides = [record[side] for record in found]
        peer = next(((peer, aim) for (name, peer), aim in EPOCHS.items() if name == side), None)
        ratios = [_epoch(record[peer[0]]) / _epoch(record[side]) for record in found] if peer else []
        ratio = tables.median(ratios)
        rows.append([
            label, tables.figure(tables.median(_step(one) for one in sides), 3),
            str(sides[0]["steps_per_epoch"]) if sides else tables.NOT_RUN,
            tables.figure(tables.median(_epoch(one) for one in sides), 1),
            tables.figure(tables.median(one["extra_mb"] for one in sides), 0),
            "" if peer is None else tables.NOT_RUN if ratio is None else f"{ratio:.1f}x",
            "" if peer is None else f"{peer[1]:g}x: {tables.aim(ratio, peer[1])}",
        ])  # fmt: skip
    steps = tables.median(_step(record["mclrec"]) / _step(record["sasrec"]) for record in found)
    literal = tables.median(_step(record["literal"]) / _step(record["recbole"]) for record in found)
    told = "not run" if steps is None or literal is None else f"{steps:.1f} SASRec steps (literal form: {literal:.1f})"
    met = tables.aim(steps, STEP_AT_MOST, least=False)
    return tables.table(header, rows) + f"\n\nA step of our MCLRec costs {told}; aim at most {STEP_AT_MOST:g}: {met}."


def _step(record: dict[str, Any]) -> float:
    return tables.median(record["cpu"]) or 0.0


def _epoch(record: dict[str, Any]) -> float:
    return _step(record) * float(record["steps_per_epoch"])


if __name__ == "__main__":
    command(suite, rounds=3, threads=1)
