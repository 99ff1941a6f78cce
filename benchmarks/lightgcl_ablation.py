"""LightGCL against itself: without the contrastive term, without the singular vectors, with random ones.

``python -m benchmarks.lightgcl_ablation``: every variant has the setting that ``family_small`` chose on validation
for ``lightgcl``, its budget and its split, and five seeds. Variants:

- ``svd``: the recipe.
- ``lambda1 = 0``: no contrastive term, so a LightGCN with sum readout.
- ``rank 0``: a view whose operator sends nothing. Its layers above 0 are zero and its sum is the embedding E itself,
  so the contrast is E against the graph's layer sum; what is missing is the information of the SVD and nothing else.
- ``random``: orthonormal factors of rank 5 drawn blindly, with the singular values of the SVD.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from benchmarks import family_small, tables
from benchmarks.cells import Cell, Suite, command
from benchmarks.train_cell import train

DATA = family_small.DATA
SEEDS = (0, 1, 2, 3, 4)
METRIC = "ndcg@10"
VARIANTS: dict[str, list[str]] = {
    "svd": [],
    "lambda1-0": ["~terms=info_nce", "views.svd=null"],
    "rank-0": ["views.svd.augment=[{random_low_rank: {rank: 0}}]"],
    "random": ["views.svd.augment=[{random_low_rank: {rank: 5}}]"],
}


def run(variant: str, data: str, seed: int) -> dict[str, Any]:
    """Train a variant and test it."""
    setting = family_small.chosen("lightgcl", data)
    if setting is None:
        raise SystemExit("the setting comes first: python -m benchmarks.family_small --only lightgcl-trial")
    overrides = [f"data={data}", *family_small.BUDGET, f"train.seed={seed}", "eval.baselines=[]", *setting]
    record = train("lightgcl", overrides + VARIANTS[variant], split_seed=family_small.SPLIT_SEED, per_user=[METRIC])
    return record | {"setting": setting}


def _cell(variant: str, data: str, seed: int) -> Cell:
    arguments = {"variant": variant, "data": data, "seed": seed}
    return Cell(f"{data}-{variant}-seed-{seed}", "benchmarks.lightgcl_ablation:run", arguments)


SUITE = Suite("lightgcl_ablation", tuple(_cell(*key) for key in product(VARIANTS, DATA, SEEDS)))


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md, and what they say of the random view."""
    head = (
        "The setting, budget and split of `family_small`; mean ± sd of five seeds. `lambda1-0`: no contrastive term; "
        "`rank-0`: the second view sends nothing, so its sum is the embedding itself; `random`: random orthonormal "
        "factors with the true singular values. Paired t-test over users' NDCG@10, each user averaged over the seeds "
        "first. Negative: the variant is worse than `svd`."
    )
    return "\n\n".join([head, *(_table(data) for data in DATA), *(_verdict(data) for data in DATA)])


def _records(variant: str, data: str) -> list[dict[str, Any]]:
    found = (SUITE.result(_cell(variant, data, seed)) for seed in SEEDS)
    return [record for record in found if record]


def _against_svd(variant: str, data: str) -> tuple[float, float] | None:
    """The paired test over the seeds that both have."""
    sides: tuple[list[list[float]], list[list[float]]] = ([], [])
    for seed in SEEDS:
        pair = [SUITE.result(_cell(name, data, seed)) for name in (variant, "svd")]
        if pair[0] and pair[1]:
            for side, record in zip(sides, pair, strict=True):
                side.append(record["per_user"]["model"][METRIC])  # type: ignore[index]
    return tables.paired(*sides)


def _table(data: str) -> str:
    rows = []
    for variant in VARIANTS:
        records = _records(variant, data)
        columns = [[record["metrics"][f"test/{metric}"] for record in records] for metric in (METRIC, "recall@20")]
        against = "" if variant == "svd" else tables.difference(_against_svd(variant, data))
        rows.append([variant, *map(tables.mean_sd, columns), against])
    return tables.table((data, "NDCG@10", "Recall@20", "against svd"), rows)


def _verdict(data: str) -> str:
    test = _against_svd("random", data)
    if test is None:
        return f"- {data}: the random view was {tables.NOT_RUN}."
    if test[0] < 0 and test[1] < 0.05:
        return f"- {data}: the random view is worse than the SVD's: the singular vectors matter here."
    return (
        f"- {data}: no significant difference between the random view and the SVD's ({tables.difference(test)}): that "
        "the singular vectors help is not shown here, nor that they do not."
    )


if __name__ == "__main__":
    command(SUITE)
