"""POT in GRACE and GCA on Cora and CiteSeer: off, the published surrogate, the sound bound.

``python -m benchmarks.pot_nodes [--jobs N]``. All variants of a pair have the recipe's settings, the same number of
epochs, budget (one edge of each node: the mean number that a view drops, as the published code has it, is none for most
nodes of CiteSeer, so that all of them are certified), weight, and nodes drawn at each step for the regularizer;
``off`` only measures. The certified share is of the sound bound, over all nodes, in all of them.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command

EPOCHS, EVERY = 100, 20
#: The authors' code advises 256, 512 or 1024.
NODES = 512
SEEDS = range(5)
DATA = ("cora", "citeseer")
#: Recipe -> kappa of the authors' README for Cora; the weight is kappa / (1 - kappa).
KAPPA = {"grace": 0.4, "gca": 0.3}
VARIANTS = {"off": ["regularizers.pot.observe=true"], "reference": ["regularizers.pot.mode=reference"], "sound": []}
#: GammaGL's README, column of the authors' code: public split with validation and test swapped, so not compared.
PUBLISHED = "GRACE on Cora 78.2, with POT 79.2 (GammaGL README, authors' code: selected on the test nodes)"


def cell(recipe: str, data: str, variant: str, seed: int) -> Cell:
    weight = KAPPA[recipe] / (1 - KAPPA[recipe])
    overrides = [
        f"data={data}", "+regularizers=pot", "regularizers.pot.budget={by: count, amount: 1}",
        f"regularizers.pot.weight={weight:.4f}", f"regularizers.pot.nodes={NODES}",
        *VARIANTS[variant], f"train.epochs={EPOCHS}",
        f"train.eval_every={EVERY}", "train.monitor=loss", "train.patience=0", f"train.seed={seed}",
        "train.threads=1", "eval.baselines=[]",
    ]
    arguments = {"recipe": recipe, "overrides": overrides, "log": True}
    return Cell(f"{recipe}-{data}-{variant}-seed-{seed}", "benchmarks.train_cell:train", arguments)


#: Seed by seed, so that what a run that was cut off leaves can be compared.
SUITE = Suite("pot_nodes", tuple(cell(*key, seed) for seed in SEEDS for key in product(KAPPA, DATA, VARIANTS)))


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"Random 10/10/80 splits, {EPOCHS} epochs, POT on {NODES} nodes a step, {len(SEEDS)} seeds, mean ± sd in "
        "percent; differences to `off` by a paired t-test over seeds (split and initial weights "
        "are the seed's in all variants). `certified`: nodes whose compactness is positive under every "
        "deletion of the budget, by the sound bound, at the end of training. "
        f"Published figures that could be confirmed: {PUBLISHED}."
    )
    return "\n\n".join([head, *(_table(*pair) for pair in product(KAPPA, DATA)), _course()])


def _found(recipe: str, data: str, variant: str) -> list[dict[str, Any]]:
    return [record for seed in SEEDS if (record := SUITE.result(cell(recipe, data, variant, seed)))]


def _accuracy(records: list[dict[str, Any]]) -> list[float]:
    return [100 * record["metrics"]["test/accuracy"] for record in records]


def _certified(records: list[dict[str, Any]]) -> list[float]:
    return [100 * _share(record["log"][-1]) for record in records]


def _share(line: dict[str, Any]) -> float:
    return float(line["valid"]["pot/certified"])


def _table(recipe: str, data: str) -> str:
    header = (f"{recipe}, {data}", "seeds", "accuracy", "against off", "certified", "against off", "CPU s")
    base = _found(recipe, data, "off")
    rows = []
    for variant in VARIANTS:
        records = _found(recipe, data, variant)
        row = [variant, f"{len(records)} of {len(SEEDS)}"]
        for measure in (_accuracy, _certified):
            values = measure(records)
            test = None if variant == "off" else _paired(values, measure(base))
            row += [tables.mean_sd(values, 2), "" if variant == "off" else tables.difference(test, 2)]
        cpu = tables.median(record["cpu_s"] for record in records)
        rows.append([*row, tables.figure(cpu, 0)])
    return tables.table(header, rows)


def _paired(ours: list[float], theirs: list[float]) -> tuple[float, float] | None:
    """Mean difference over seeds and its p; None until all seeds are there."""
    if not len(ours) == len(theirs) == len(SEEDS):
        return None
    from scipy.stats import ttest_rel

    difference = sum(a - b for a, b in zip(ours, theirs, strict=True)) / len(ours)
    return difference, float(ttest_rel(ours, theirs).pvalue)


def _course() -> str:
    """Certified shares over training, GRACE on Cora, mean over seeds."""
    header = ("certified %, grace, cora", *(f"epoch {epoch}" for epoch in range(EVERY, EPOCHS + 1, EVERY)))
    rows = []
    for variant in VARIANTS:
        records = _found("grace", "cora", variant)
        logs = [[line for line in record["log"] if "pot/certified" in line["valid"]] for record in records]
        shares = [[100 * _share(line) for line in log] for log in logs]
        means = [tables.figure(tables.mean(epoch), 1) for epoch in zip(*shares, strict=True)]
        rows.append([variant, *(means or [tables.NOT_RUN] * (EPOCHS // EVERY))])
    return tables.table(header, rows)


if __name__ == "__main__":
    command(SUITE)
