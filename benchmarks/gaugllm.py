"""GAugLLM's augmenters on graphs of texts: ``python -m benchmarks.gaugllm [--jobs N] [--only PART ...]``.

Every cell trains one recipe on one seed, which draws the split (random 10/10/80) and the initial weights; cells of a
seed are compared in pairs. The epoch is chosen on validation out of those evaluated, and one named view is judged on
test: the mixture with the graph's own links, or the graph as it is. Experts and links are decided offline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command
from benchmarks.text_bars import FEATURES as BARS

DATA = ("cora-tag", "citeseer-tag", "eips")
SEEDS, FEW = range(5), range(3)
EXPERTS = "views.*.augment.prompt_experts"
#: Row of the grid -> what is mixed. "independent" knows the names of the classes, which is knowledge of the labels.
MIXTURES: dict[str, tuple[str, ...]] = {
    "raw": (f"{EXPERTS}.experts=[raw]", f"{EXPERTS}.mix=uniform"),
    "independent (class names)": (
        f"{EXPERTS}.experts=[independent]", f"{EXPERTS}.mix=uniform", f"{EXPERTS}.class_names=true",
    ),
    "summary": (f"{EXPERTS}.experts=[summary]", f"{EXPERTS}.mix=uniform"),
    "reasoning": (f"{EXPERTS}.experts=[reasoning]", f"{EXPERTS}.mix=uniform"),
    "uniform mean": (f"{EXPERTS}.mix=uniform",),
    "selector": (),
}
#: Column of the grid -> what edits links. LLM-confirmed needs the answers of a model, and is not run without.
EDITS: dict[str, tuple[str, ...]] = {
    "no edit": ("~views.b.augment=edge_modifier",),
    "embedding-only": ("views.b.augment.edge_modifier.decide=embedding",),
    "offline-confirmed": (),
    "random edit": ("views.b.augment.edge_modifier.decide=random",),
}
#: Backbone -> its recipe with the augmenters, and settings that both have. Epochs and widths are for a laptop.
BACKBONES: dict[str, tuple[str, tuple[str, ...]]] = {
    "grace": ("gaugllm", ("train.epochs=200", "train.eval_every=50")),
    "bgrl": (
        "gaugllm_bgrl",
        ("train.epochs=200", "train.eval_every=50", "train.warmup_epochs=20", "train.lr=1e-3", "train.weight_decay=0.5",
         "states.teacher.momentum=0.9"),
    ),
    "gbt": ("gaugllm_gbt", ("train.epochs=200", "train.eval_every=50", "train.warmup_epochs=20", "train.lr=1e-3")),
    "graphmae": ("gaugllm_graphmae", ("encoder.dim=256", "train.epochs=200", "train.eval_every=50")),
}
#: Text encoder -> data.text of its cells; the folder of MiniLM is found when the cell runs.
ENCODERS = {"tfidf": "", "minilm": "data.text.encoder=sentence_transformer"}
COMMON = ("data.split.by=random", "data.split.ratios=[0.1,0.1,0.8]", "data.split.stratified=false", "train.threads=1",
          "train.patience=0", "eval.baselines=[]", "eval.random_encoder=false")


def train(encoder: str, recipe: str, overrides: list[str]) -> dict[str, Any]:
    """A cell: the record of a training, with the log for the weights of experts."""
    from benchmarks.text_bars import sentence_model
    from benchmarks.train_cell import train as trained

    extra = [ENCODERS[encoder], f"data.text.model={sentence_model()}"] if ENCODERS[encoder] else []
    return {"encoder": encoder, **trained(recipe, [*overrides, *extra], log=True)}


def grid_cell(mixture: str, edit: str, seed: int) -> Cell:
    """GRACE on cora-tag."""
    _, settings = BACKBONES["grace"]
    overrides = [
        "data=cora-tag", *COMMON, *settings, *MIXTURES[mixture], *EDITS[edit], f"train.seed={seed}",
    ]
    name = f"grid-{mixture.partition(' (')[0]}-{edit}-seed-{seed}".replace(" ", "_")
    return _cell(name, "tfidf", "gaugllm", overrides)


def backbone_cell(encoder: str, backbone: str, data: str, augmented: bool, seed: int) -> Cell:
    """A backbone on a data set, with the augmenters or without."""
    recipe, settings = BACKBONES[backbone]
    overrides = [f"data={data}", *COMMON, *settings, f"train.seed={seed}"]
    what = "with" if augmented else "without"
    name = f"{encoder}-{backbone}-{data}-{what}-seed-{seed}"
    return _cell(name, encoder, recipe if augmented else backbone, overrides)


def bar_cell(data: str, features: str) -> Cell:
    """Both judges on the splits of all seeds."""
    name = f"bars-{data}-{features}".replace(" + ", "_").replace(" ", "_")
    return Cell(name, "benchmarks.text_bars:bars", {"data": data, "features": features, "seeds": len(SEEDS)})


def _cell(name: str, encoder: str, recipe: str, overrides: list[str]) -> Cell:
    return Cell(
        name, "benchmarks.gaugllm:train", {"encoder": encoder, "recipe": recipe, "overrides": overrides}
    )


def grid_seeds(mixture: str, edit: str) -> range:
    """Five for what is not edited and for the selector's edits, one for the rest."""
    return SEEDS if edit == "no edit" or mixture == "selector" else range(1)


#: Cheap ones first, and seed by seed, so that what a run that was cut off leaves can be compared.
CELLS = (
    *(bar_cell(data, features) for features in BARS if features != "MiniLM" for data in DATA),
    *(
        grid_cell(mixture, edit, seed)
        for seed in SEEDS
        for mixture, edit in product(MIXTURES, EDITS)
        if seed in grid_seeds(mixture, edit)
    ),
    *(
        backbone_cell("tfidf", backbone, data, augmented, seed)
        for seed in FEW
        for backbone, data, augmented in product(BACKBONES, DATA, (False, True))
    ),
    *(bar_cell(data, "MiniLM") for data in DATA),
    *(
        backbone_cell("minilm", "grace", data, augmented, seed)
        for seed in FEW
        for data, augmented in product(DATA, (False, True))
    ),
)
SUITE = Suite("gaugllm", CELLS)


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        "Test accuracy in percent, mean ± sd over seeds, random 10/10/80 splits, TF-IDF + SVD 256 unless said "
        "otherwise. Cells of one seed have equal splits and initial weights; differences are paired. Experts are "
        "extracts (TextRank, TF-IDF), links are decided by key phrases: no language model was asked, and the column of "
        "one is `not run`. The three edits have equal numbers of removals and additions in every step. `independent` "
        "is told the names of the classes (knowledge of the labels) and is not part of the mixtures."
    )
    return "\n\n".join([head, _grid(), _weights(), _backbones("tfidf"), _backbones("minilm"), _bars()])


def _found(make: Callable[[int], Cell], seeds: Sequence[int]) -> dict[int, dict[str, Any]]:
    return {seed: record for seed in seeds if (record := SUITE.result(make(seed)))}


def _accuracy(records: dict[int, dict[str, Any]], metric: str = "accuracy") -> dict[int, float]:
    return {seed: 100 * float(record["metrics"][f"test/{metric}"]) for seed, record in records.items()}


def _cell_of_grid(mixture: str, edit: str) -> dict[int, float]:
    return _accuracy(_found(lambda seed: grid_cell(mixture, edit, seed), grid_seeds(mixture, edit)))


def _grid() -> str:
    header = ("GRACE, cora-tag", *EDITS, "LLM-confirmed", "no edit - raw", "offline-confirmed - no edit")
    raw = _cell_of_grid("raw", "no edit")
    rows = []
    for mixture in MIXTURES:
        of = {edit: _cell_of_grid(mixture, edit) for edit in EDITS}
        plain = of["no edit"]
        rows.append([
            mixture, *(tables.mean_sd(list(of[edit].values()), 2) for edit in EDITS), tables.NOT_RUN,
            "" if mixture == "raw" else _difference(plain, raw),
            _difference(of["offline-confirmed"], plain),
        ])
    return tables.table(header, rows)


def _difference(ours: dict[int, float], theirs: dict[int, float]) -> str:
    """Mean and spread of the paired differences."""
    pairs = [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]
    said = tables.mean_sd(pairs, 2)
    return said if not pairs or said.startswith("-") else f"+{said}"


def _weights() -> str:
    """The mean weight of each expert at the best epoch, in the grid's selector cells."""
    names = ("raw", "summary", "reasoning", "entropy")
    rows = []
    for edit in EDITS:
        records = _found(lambda seed, edit=edit: grid_cell("selector", edit, seed), SEEDS)  # type: ignore[misc]
        found = [[record["metrics"][f"valid/expert_entropy/{name}"] for record in records.values()] for name in names]
        rows.append([edit, *(tables.mean_sd(values, 3) for values in found)])
    return tables.table(("selector: mean weight", *names), rows)


def _backbones(encoder: str) -> str:
    header = (f"{encoder}: backbone, data", "without", "with", "gain", "gain in macro F1", "CPU s, without", "with")
    rows = []
    for backbone, data in product(BACKBONES if encoder == "tfidf" else ("grace",), DATA):
        without, augmented = (
            _found(lambda seed, a=a: backbone_cell(encoder, backbone, data, a, seed), FEW)  # type: ignore[misc]  # noqa: B023
            for a in (False, True)
        )
        cells = [_accuracy(without), _accuracy(augmented)]
        cpu = [tables.figure(tables.median(one["cpu_s"] for one in side.values()), 0) for side in (without, augmented)]
        rows.append([
            f"{backbone}, {data}", *(tables.mean_sd(list(cell.values()), 2) for cell in cells),
            _difference(cells[1], cells[0]),
            _difference(_accuracy(augmented, "macro_f1"), _accuracy(without, "macro_f1")), *cpu,
        ])
    return tables.table(header, rows)


def _bars() -> str:
    judges = ("logistic regression", "GCN")
    rows = []
    for data, features in product(DATA, BARS):
        record = SUITE.result(bar_cell(data, features))
        found = [[100 * value for value in record["accuracy"][judge]] if record else [] for judge in judges]
        rows.append([f"{data}, {features}", *(tables.mean_sd(values, 2) for values in found)])
    return tables.table(("bars without contrast", *judges), rows)


if __name__ == "__main__":
    command(SUITE)
