"""The recommender family at equal epochs on gowalla and yelp2018: ``python -m benchmarks.family_large [--epochs N]``.

Every recipe with its own (published) settings, the same sampler, batch, epochs and split; validation is carved out of
train and chooses the epoch, so these figures lie below those of models trained on all of train and chosen on test.
"""

from __future__ import annotations

from itertools import product

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command
from benchmarks.family_small import GRIDS

DATA = ("gowalla", "yelp2018")
EPOCHS = 10
METRICS = ("recall@20", "ndcg@20")


def suite(epochs: int) -> Suite:
    """A cell for each recipe and data set."""
    return Suite("family_large", tuple(_cell(recipe, data, epochs) for data, recipe in product(DATA, GRIDS)))


def _cell(recipe: str, data: str, epochs: int) -> Cell:
    overrides = [
        f"data={data}", "train.batch_size=2048", f"train.epochs={epochs}", "train.patience=0", "train.seed=0",
        "train.monitor=ndcg@20", "eval.k=[20]", "eval.baselines=[popularity]",
    ]
    name = f"{data}-{recipe}-epochs-{epochs}"
    arguments = {"recipe": recipe, "overrides": overrides, "log": True, "keep": f"family_large-{name}"}
    return Cell(name, "benchmarks.train_cell:train", arguments)


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"The settings of each recipe, {EPOCHS} epochs of batch 2,048, seed 0; a tenth of train is held back as "
        "validation and chooses the epoch, test is read once. Not comparable with figures of models that train on all "
        "of train."
    )
    return "\n\n".join([head, *(_table(data) for data in DATA)])


def _table(data: str) -> str:
    made = suite(EPOCHS)
    rows = []
    for recipe in GRIDS:
        record = made.result(_cell(recipe, data, EPOCHS))
        if record is None:
            rows.append([recipe, *[tables.NOT_RUN] * 4])
            continue
        time = "resumed" if record["resumed"] else f"{record['cpu_s'] / 60:.0f} min"
        values = (tables.figure(record["metrics"][f"test/{metric}"]) for metric in METRICS)
        rows.append([recipe, *values, str(record["protocol"]["best_epoch"]), time])
    return tables.table((data, *METRICS, "best epoch", "CPU"), rows)


if __name__ == "__main__":
    command(suite, epochs=EPOCHS)
