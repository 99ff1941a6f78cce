"""MCLRec without each of its parts, at equal targets: ``python -m benchmarks.mclrec_ablation``.

Beauty, the recipe's settings, the protocol of :mod:`benchmarks.sequences`. Every variant sees every target equally
often: so many passes, without early stopping; the pass that is best on validation is tested. One seed; of the two
largest gaps to the whole, three.
"""

from __future__ import annotations

from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command
from benchmarks.sequences import LR, PAIRED

PASSES = 20
PROTOCOL = (
    "data=beauty", f"train.epochs={PASSES}", "train.patience=0", "train.threads=1", "eval.mask_history=false",
    "data.row_layout=packed", "eval.baselines=[]",
)  # fmt: skip
WHOLE = "whole"
#: Variant -> what it is, recipe, overrides.
VARIANTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    WHOLE: ("MCLRec, two stages, 128 users a step", "mclrec", ()),
    "sasrec": ("no contrast at all (SASRec)", "sasrec", ()),
    "no-learned": (
        "no learned augmenters: only the two drawn views, with their weight", "mclrec",
        ("~terms=info_nce#3", "~terms=info_nce#4", "~terms=info_nce#5", "~regularizers=score_margin", "~phases=phi",
         "~phases=theta", "terms.info_nce#2.weight=0.05"),
    ),
    "no-regularizer": (
        "no regularizer", "mclrec",
        ("~regularizers=score_margin", 'phases.phi.terms=["info_nce#3","info_nce#4","info_nce#5"]'),
    ),
    "joint": ("one joint step instead of two", "mclrec", ("~phases=theta", "~phases=phi")),
    "second-order": ("second-order step", "mclrec_second_order", ()),
    # the smaller of the two learning rates: a quarter of the targets of a step
    "batch-32": ("32 users a step, lr 1e-3", "mclrec", ("train.batch_size=32", "train.lr=1e-3")),
    "batch-256": ("256 users a step", "mclrec", ("train.batch_size=256",)),
}  # fmt: skip
#: Variants whose gap to the whole was the largest, and have more seeds.
LARGEST: tuple[str, ...] = ("sasrec", "no-learned")
SEEDS = (0, 1, 2)


def cell(variant: str, seed: int) -> Cell:
    """One training."""
    _, recipe, overrides = VARIANTS[variant]
    batch = () if any("batch_size" in one for one in overrides) else ("train.batch_size=128",)
    settings = [*PROTOCOL, f"train.lr={LR['mclrec']}", *batch, *overrides, f"train.seed={seed}"]
    arguments = {"recipe": recipe, "overrides": settings, "log": True, "per_user": [PAIRED],
                 "keep": f"mclrec-ablation-{variant}-{seed}"}  # fmt: skip
    return Cell(f"{variant}-seed-{seed}", "benchmarks.train_cell:train", arguments)


def seeds_of(variant: str) -> tuple[int, ...]:
    """The first, or all where the gap is among the largest."""
    return SEEDS if LARGEST and variant in (WHOLE, *LARGEST) else SEEDS[:1]


SUITE = Suite(
    "mclrec_ablation",
    tuple(cell(variant, seed) for seed in SEEDS for variant in VARIANTS if seed in seeds_of(variant)),
)


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"Beauty, leave-one-out, every item ranked, history not masked; {PASSES} passes over the targets without early "
        "stopping, the pass that is best on validation is tested. `against whole`: paired t-test over the NDCG@10 of "
        "users."
    )
    header = ("variant", "seeds", "HR@10", "NDCG@10", "against whole", "best pass", "CPU s")
    return f"{head}\n\n{tables.table(header, [_row(variant) for variant in VARIANTS])}"


def _found(variant: str, seeds: tuple[int, ...]) -> list[dict[str, Any]]:
    return [record for seed in seeds if (record := SUITE.result(cell(variant, seed)))]


def _row(variant: str) -> list[str]:
    seeds = seeds_of(variant)
    found = _found(variant, seeds)
    values = [[record["metrics"][f"test/{name}"] for record in found] for name in ("recall@10", PAIRED)]
    whole = [record["per_user"]["model"][PAIRED] for record in _found(WHOLE, seeds)]
    own = [record["per_user"]["model"][PAIRED] for record in found]
    test = tables.paired(own, whole) if len(own) == len(whole) and variant != WHOLE else None
    best = [str(record["protocol"].get("best_epoch", "")) for record in found]
    return [
        VARIANTS[variant][0], f"{len(found)} of {len(seeds)}", *(tables.mean_sd(column) for column in values),
        "" if variant == WHOLE else tables.difference(test), ", ".join(best) or tables.NOT_RUN,
        tables.figure(tables.median(record["cpu_s"] for record in found), 0),
    ]


if __name__ == "__main__":
    command(SUITE)
