"""Properties of molecules from encoders that were trained without labels on others: BACE and BBBP, ROC-AUC.

An encoder is trained on molecules of HIV, without labels, then frozen; logistic regression on its embeddings is fitted
and judged on the scaffold split. The same encoder untrained stands beside it.
"""

from __future__ import annotations

import os
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command, data_root

#: More of either is a matter of time alone: --molecules 40000 --epochs 100.
MOLECULES, EPOCHS, SEEDS = 2_000, 10, (0, 1, 2)
#: Method -> recipe; none is D-SLA's encoder with its initial weights.
METHODS = {"none": "dsla", "graphcl": "graphcl", "dsla": "dsla"}
#: Data -> options that read it.
JUDGED = {"bace": {"smiles": "mol", "label": "Class"}, "bbbp": {"smiles": "smiles", "label": "BBBP"}}
#: GraphCL, percent, of the README of THUDM/GraphMAE: fine-tuned, trained on ZINC, so not comparable.
PUBLISHED = {"bace": "75.4 ± 1.4", "bbbp": "69.7 ± 0.7"}
#: The same encoder for all; what is judged has all its layers.
ENCODER = [
    "encoder.dim=64", "encoder.num_layers=5", "encoder.jk=cat", "encoder.pooling=mean",
    "train.lr=0.001", "train.batch_size=256",
]


def transfer(method: str, seed: int, molecules: int, epochs: int) -> dict[str, Any]:
    """Test metrics of a frozen encoder on each judged set.

    Args:
        method: One of :data:`METHODS`.
        seed: Of the initial weights and all draws; the split is fixed.
        molecules: Of HIV, that are trained on.
        epochs: Over them.
    """
    import graphcl
    from graphcl.engine.model import Model
    from graphcl.engine.prepare import load_data, make_task

    root = data_root()
    if root:
        os.environ.setdefault("GRAPHCL_DATA", root)
    hiv = f"data={{kind: molecules, name: hiv, limit: {molecules}, split: folds}}"
    # HIV's own labels are not looked at: the cheapest probe stands in for what would judge them.
    unjudged = ["eval.probe=majority", "eval.probe_options={}", "eval.folds=3", "eval.baselines=[]"]
    recipe = graphcl.load(
        METHODS[method], hiv, *ENCODER, *unjudged, "eval.random_encoder=false", f"train.epochs={epochs}",
        f"train.seed={seed}",
    )  # fmt: skip
    if method == "none":
        data = load_data(recipe)
        model = Model(recipe, make_task(recipe, data), seed=seed).eval()
    else:
        fitted = graphcl.fit(recipe)
        data, model = fitted.task.data, fitted.model  # type: ignore[attr-defined]
    return {"metrics": {name: judged(model, data, name, seed) for name in JUDGED}, "notes": data.report.lines()}


def judged(model: Any, trained_on: Any, name: str, seed: int) -> dict[str, float]:
    """Test metrics of logistic regression on the embeddings of a set, scaffold split, C chosen on validation."""
    from graphcl.data.molecules.molecule_set import MoleculesData
    from graphcl.engine.unseen import embed_unseen
    from graphcl.tasks.graph import GraphTask

    found, _ = embed_unseen(model, trained_on, options={"name": name, "limit": 0, **JUDGED[name]})
    labelled = MoleculesData(name, **JUDGED[name], split="scaffold").load(seed=seed)
    task = GraphTask("linear", {"standardize": True, "normalize": False}, baselines=(), data=labelled)
    return task.evaluate({"graph": found["graph"]}, "test", seed=seed)


def suite(molecules: int = MOLECULES, epochs: int = EPOCHS, seeds: int = len(SEEDS)) -> Suite:
    """A cell a method and seed."""
    size = "" if (molecules, epochs) == (MOLECULES, EPOCHS) else f"-{molecules}-{epochs}"
    return Suite(
        "molecules",
        tuple(
            Cell(f"{method}-{seed}{size}", "benchmarks.molecules:transfer",
                 {"method": method, "seed": seed, "molecules": molecules, "epochs": epochs})
            for seed in range(seeds) for method in METHODS
        ),
    )  # fmt: skip


def section() -> str:
    """The table of docs/benchmarks.md."""
    made, rows = suite(), []
    for method in METHODS:
        records = [r for cell in made.cells if cell.arguments["method"] == method and (r := made.result(cell))]
        auc = {name: [100 * record["metrics"][name]["auc"] for record in records] for name in JUDGED}
        rows.append([method, *(tables.mean_sd(values, 1) for values in auc.values())])
    rows.append(["GraphCL, published: fine-tuned, trained on ZINC, not comparable", *PUBLISHED.values()])
    head = (
        f"ROC-AUC in percent, scaffold split, {len(SEEDS)} seeds: encoders trained for {EPOCHS} epochs without labels "
        f"on {MOLECULES:,} molecules of HIV, frozen, then logistic regression (C chosen on validation)."
    )
    return f"{head}\n\n{tables.table(('ROC-AUC', *JUDGED), rows)}"


if __name__ == "__main__":
    command(suite, molecules=MOLECULES, epochs=EPOCHS, seeds=len(SEEDS))
