"""The recommender family on two small data sets: one budget, and an equally small search for every recipe.

``python -m benchmarks.family_small --jobs 2`` (cells are of one thread): TRIALS settings of each recipe are compared by
NDCG@10 on validation with seed 0 (trials keep no test figure), then the chosen setting is trained with each of SEEDS
and tested. All cells share one split, so that no test pair was anywhere in the search; the spread is that of training.
Budget and grids were set by the time of a cell and by validation curves of lightgcn, xsimgcl and lightgcl on ml-100k;
grids of six settings were halved, for every recipe alike, before any recipe but lightgcl on ml-100k had been tested.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command
from benchmarks.train_cell import train

DATA = ("ml-100k", "lightgcn-lastfm")
SEEDS = (0, 1, 2)
SPLIT_SEED = 0
TRIALS = 3
MONITOR = "ndcg@10"
BUDGET = (
    "train.batch_size=1024", "train.lr=5e-3", "train.epochs=50", "train.eval_every=5", "train.patience=3",
    f"train.monitor={MONITOR}", "train.threads=1", "eval.pairs_per_user=0",
)
WEIGHT, TEMPERATURE, L2 = "terms.info_nce.weight", "terms.info_nce.temperature", "regularizers.l2.weight"
BOTH_WEIGHTS = f"{WEIGHT} terms.info_nce#2.weight"
TEMPERATURES = f"{TEMPERATURE} terms.info_nce#2.temperature"
WEIGHTS = (0.003, 0.01, 0.1)
#: Recipe -> keys -> values: what its TRIALS settings are made of. Keys side by side have the same value.
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "bpr_mf": {L2: (1e-4, 1e-3, 1e-2)},
    "lightgcn": {L2: (1e-4, 1e-3, 1e-2), "encoder.num_layers": (2,)},
    "sgl": {WEIGHT: WEIGHTS, TEMPERATURE: (0.2,)},
    "simgcl": {WEIGHT: WEIGHTS, TEMPERATURE: (0.2,)},
    "xsimgcl": {WEIGHT: WEIGHTS, TEMPERATURE: (0.2,)},
    "ncl": {BOTH_WEIGHTS: WEIGHTS, TEMPERATURES: (0.2,)},
    "directau": {"terms.uniformity.weight": (0.1, 0.5, 2.5)},
    "lightgcl": {WEIGHT: WEIGHTS, TEMPERATURE: (0.2,)},
    "lightgcl_paper": {BOTH_WEIGHTS: WEIGHTS, TEMPERATURES: (0.2,)},
}
METRICS = ("ndcg@10", "ndcg@20", "recall@20")
BASELINES = ("popularity", "itemknn", "ease")


def settings(recipe: str) -> list[list[str]]:
    """The settings of a recipe's search, as overrides."""
    found = []
    for values in product(*GRIDS[recipe].values()):
        given = zip(GRIDS[recipe], values, strict=True)
        found.append([f"{key}={value}" for keys, value in given for key in keys.split()])
    return found


def trial(recipe: str, data: str, setting: list[str]) -> dict[str, Any]:
    """Train one setting with seed 0; the record has validation figures only."""
    overrides = [f"data={data}", *BUDGET, "train.seed=0", "eval.baselines=[]", *setting]
    record = train(recipe, overrides, split_seed=SPLIT_SEED)
    record["metrics"] = {name: value for name, value in record["metrics"].items() if name.startswith("valid/")}
    return record


def tested(recipe: str, data: str, seed: int) -> dict[str, Any]:
    """Train the chosen setting with a seed, and test it."""
    setting = chosen(recipe, data)
    if setting is None:
        raise SystemExit(f"the trials of {recipe} on {data} come first: python -m benchmarks.family_small --only trial")
    overrides = [f"data={data}", *BUDGET, f"train.seed={seed}", *setting]
    return train(recipe, overrides, split_seed=SPLIT_SEED, per_user=[MONITOR], beside=["ease"]) | {"setting": setting}


def trial_cell(recipe: str, data: str, number: int) -> Cell:
    arguments = {"recipe": recipe, "data": data, "setting": settings(recipe)[number]}
    return Cell(f"{data}-{recipe}-trial-{number}", "benchmarks.family_small:trial", arguments)


def tested_cell(recipe: str, data: str, seed: int) -> Cell:
    arguments = {"recipe": recipe, "data": data, "seed": seed}
    return Cell(f"{data}-{recipe}-seed-{seed}", "benchmarks.family_small:tested", arguments)


def _cells() -> tuple[Cell, ...]:
    """Trials first: several jobs at once then never test a setting that is still being chosen."""
    trials = [trial_cell(recipe, data, number) for data, recipe, number in product(DATA, GRIDS, range(TRIALS))]
    return (*trials, *(tested_cell(recipe, data, seed) for data, recipe, seed in product(DATA, GRIDS, SEEDS)))


SUITE = Suite("family_small", _cells())


def chosen(recipe: str, data: str) -> list[str] | None:
    """The setting with the best validation figure; None while a trial is missing."""
    found = [SUITE.result(trial_cell(recipe, data, number)) for number in range(TRIALS)]
    values = [record["metrics"][f"valid/{MONITOR}"] for record in found if record]
    return settings(recipe)[values.index(max(values))] if len(values) == TRIALS else None


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"Budget of every cell: `{' '.join(BUDGET)}`. Search: {TRIALS} settings of each recipe by NDCG@10 on "
        f"validation, seed 0. Test: mean ± sd of {len(SEEDS)} seeds on one split. The baselines' settings are "
        "chosen on the same validation part. Against EASE: paired t-test over users' NDCG@10, each user averaged over "
        "the seeds; **yes** where the model is better with p < 0.05."
    )
    return "\n\n".join([head, *(_table(data) for data in DATA)])


def _table(data: str) -> str:
    header = (data, "chosen setting", "NDCG@10", "NDCG@20", "Recall@20", "against EASE", "beats EASE")
    records = {recipe: _tested(recipe, data) for recipe in GRIDS}
    any_record = next((found[0] for found in records.values() if found), None)
    rows = [_baseline_row(name, any_record) for name in BASELINES]
    rows += [_row(recipe, data, found) for recipe, found in records.items()]
    return tables.table(header, rows)


def _tested(recipe: str, data: str) -> list[dict[str, Any]]:
    found = (SUITE.result(tested_cell(recipe, data, seed)) for seed in SEEDS)
    return [record for record in found if record]


def _baseline_row(name: str, record: dict[str, Any] | None) -> list[str]:
    if record is None:
        return [f"*{name}*", "", *[tables.NOT_RUN] * len(METRICS), "", ""]
    values = [record["metrics"].get(f"baseline/{name}/{metric}") for metric in METRICS]
    settings = record["protocol"]["baselines"][name].get("settings", {})
    shown = ", ".join(f"{key} {value:g}" for key, value in settings.items())
    return [f"*{name}*", shown, *(tables.figure(value) for value in values), "", ""]


def _row(recipe: str, data: str, records: list[dict[str, Any]]) -> list[str]:
    setting = " ".join(part.replace("terms.", "").replace("regularizers.", "") for part in chosen(recipe, data) or [])
    columns = [[record["metrics"][f"test/{metric}"] for record in records] for metric in METRICS]
    test = tables.paired(*([record["per_user"][side][MONITOR] for record in records] for side in ("model", "ease")))
    beats = "" if test is None else "**yes**" if test[0] > 0 and test[1] < 0.05 else "no"
    return [recipe, f"`{setting}`" if setting else "", *map(tables.mean_sd, columns), tables.difference(test), beats]


if __name__ == "__main__":
    command(SUITE)
