"""Our recommenders inside RecBole: ``python -m benchmarks.recbole_inside``.

Quality: LightGCL and MCLRec on ml-100k, trained by RecBole and by our engine, on RecBole's own split, which is
exported and read back; both choose their epoch by the same metric on validation. Speed: an epoch of LightGCN in
RecBole's trainer, ours and RecBole's own, in turn.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, in_turn

SEEDS = range(3)
K = 10
#: Recipe -> settings of RecBole that it has beside its own; MCLRec is made small, as ml-100k has 98,000 prefixes.
QUALITY: dict[str, dict[str, Any]] = {
    "lightgcl": {},
    "mclrec": {"MAX_ITEM_LIST_LENGTH": 10, "n_layers": 1, "train_batch_size": 512, "epochs": 4, "eval_step": 2,
               "load_col": {"inter": ["user_id", "item_id", "timestamp"]}},
}  # fmt: skip
SPEED: dict[str, Any] = {"epochs": 5, "n_layers": 2, "train_batch_size": 2048, "learning_rate": 1e-3,
                         "reg_weight": 1e-5, "require_pow": True}  # fmt: skip


def _config(model: str, folder: str, seed: int, settings: dict[str, Any]) -> Any:
    """RecBole's config, where nothing but ``folder`` is written to."""
    os.chdir(folder)
    sys.argv = sys.argv[:1]
    from recbole.config import Config

    fixed = {
        "seed": seed, "metrics": ["NDCG", "Recall"], "topk": [K], "valid_metric": f"NDCG@{K}", "use_gpu": False,
        "eval_batch_size": 40_000_000, "show_progress": False, "state": "ERROR", "metric_decimal_place": 6,
    }  # fmt: skip
    return Config(model=model, dataset="ml-100k", config_dict=fixed | settings)


def inside(recipe: str, seed: int) -> dict[str, Any]:
    """Trained and judged by RecBole."""
    from graphcl.from_recbole.names import NAMES
    from graphcl.recbole import compat

    assert compat.SHIMS
    from recbole.quick_start import run_recbole

    with tempfile.TemporaryDirectory() as folder:
        config = _config(NAMES[recipe], folder, seed, QUALITY[recipe])
        result = run_recbole(NAMES[recipe], "ml-100k", config_dict=dict(config.external_config_dict))
    return {key: float(result["test_result"][f"{key}@{K}"]) for key in ("ndcg", "recall")}


def outside(recipe: str, seed: int) -> dict[str, Any]:
    """Trained and judged by our engine, on the same split, with the same settings."""
    import graphcl
    from graphcl.from_recbole.names import NAMES
    from graphcl.recbole.export import export_split
    from graphcl.recbole.settings import same_in_our_engine

    with tempfile.TemporaryDirectory() as folder:
        config = _config(NAMES[recipe], folder, seed, QUALITY[recipe])
        settings = export_split(config, Path(folder) / "split") | same_in_our_engine(config)
        fitted = graphcl.fit(graphcl.load(recipe, **settings, **{"eval.baselines": []}))
    return {key: fitted.metrics[f"test/{key}@{K}"] for key in ("ndcg", "recall")}


def quality(recipe: str, seed: int) -> dict[str, Any]:
    """Both, one after the other."""
    sides = {side: (f"benchmarks.recbole_inside:{side}", {"recipe": recipe, "seed": seed})
             for side in ("inside", "outside")}  # fmt: skip
    return in_turn(sides, order=seed) | {"recipe": recipe}


def epochs(model: str, seed: int) -> dict[str, Any]:
    """CPU seconds of each epoch in RecBole's trainer."""
    import torch

    from benchmarks.clock import now
    from graphcl.recbole import compat

    assert compat.SHIMS
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        config = _config(model, folder, seed, SPEED)
        init_seed(seed, True)
        train, _, test = data_preparation(config, create_dataset(config))
        made = get_model(model)(config, train._dataset)
        trainer = get_trainer(config["MODEL_TYPE"], model)(config, made)
        times = []
        for epoch in range(SPEED["epochs"]):
            before = now()
            trainer._train_epoch(train, epoch)
            times.append([round(after - start, 4) for start, after in zip(before, now(), strict=True)])
        ndcg = trainer.evaluate(test, load_best_model=False)[f"ndcg@{K}"]
    return {"wall": [wall for wall, _ in times], "cpu": [cpu for _, cpu in times], "ndcg": float(ndcg)}


def speed(number: int) -> dict[str, Any]:
    """One round of both models."""
    sides = {side: ("benchmarks.recbole_inside:epochs", {"model": model, "seed": number})
             for side, model in (("ours", "GraphCLLightGCN"), ("recbole", "LightGCN"))}  # fmt: skip
    return in_turn(sides, order=number)


SUITE = Suite("recbole_inside", (
    *(Cell(f"{recipe}-seed-{seed}", "benchmarks.recbole_inside:quality", {"recipe": recipe, "seed": seed})
      for recipe, seed in product(QUALITY, SEEDS)),
    *(Cell(f"lightgcn-round-{number}", "benchmarks.recbole_inside:speed", {"number": number}) for number in range(5)),
))  # fmt: skip


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    records = SUITE.results().values()
    head = (
        "ml-100k. *In RecBole*: `run_recbole(model=\"LightGCL\")`, judged by RecBole's evaluator. *In our engine*: "
        "the same split, exported, the same settings. Order of batches and negatives differ, so the figures differ as "
        f"those of two seeds do: the noise is the larger standard deviation of {len(SEEDS)} seeds."
    )
    return "\n\n".join([head, _quality(list(records)), _speed(list(records))])


def _quality(records: list[dict[str, Any]]) -> str:
    rows = []
    for recipe, key in product(QUALITY, ("ndcg", "recall")):
        found = [record for record in records if record.get("recipe") == recipe]
        sides = [[record[side][key] for record in found] for side in ("inside", "outside")]
        gap = abs(statistics.fmean(sides[0]) - statistics.fmean(sides[1])) if found else None
        noise = max(map(statistics.stdev, sides)) if len(found) > 1 else None
        rows.append([f"{recipe}, {key}@{K}", *map(tables.mean_sd, sides), tables.figure(gap), tables.figure(noise),
                     tables.NOT_RUN if gap is None or noise is None else tables.aim(gap, 2 * noise, least=False)])
    header = ("test", "in RecBole", "in our engine", "gap", "noise (sd)", "gap at most 2 sd")
    return tables.table(header, rows)


def _speed(records: list[dict[str, Any]]) -> str:
    found = [record for record in records if "ours" in record]
    rows = []
    for label, key in (("epoch, wall s", "wall"), ("epoch, CPU s", "cpu")):
        sides = [[tables.median(record[side][key]) or 0.0 for record in found] for side in ("ours", "recbole")]
        ratio = tables.median(theirs / ours for ours, theirs in zip(*sides, strict=True))
        rows.append([label, *(tables.figure(tables.median(values), 3) for values in sides),
                     tables.NOT_RUN if ratio is None else f"{ratio:.1f}x"])
    ndcg = [tables.mean_sd([record[side]["ndcg"] for record in found]) for side in ("ours", "recbole")]
    rows.append([f"NDCG@{K} after {SPEED['epochs']} epochs", *ndcg, ""])
    header = (f"LightGCN in RecBole's trainer, one thread, {len(found)} rounds", "ours", "RecBole's own", "speed-up")
    return tables.table(header, rows)


if __name__ == "__main__":
    from benchmarks.cells import command

    command(SUITE)
