"""Every kind of data on one engine, a row a system: ``python -m benchmarks.everything [--only NAME] [--jobs N]``.

Each row names data, protocol and the strongest bar known for it, which is a method without contrast on the same parts.
Settings are those that a recipe ships for the data; what was chosen was chosen on training parts. The same recipe
without its mechanism, and untrained, stand beside it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command, data_root

SEEDS = 3
SPEAKERS = ("jackson", "nicolas", "theo", "yweweler")


@dataclass(frozen=True)
class Row:
    """A system on a set.

    Attributes:
        recipe: Its name.
        data: Of a card.
        protocol: As the table names it; the record holds it in full.
        bar: The strongest method without contrast, and its accuracy.
        without: What the recipe is without its mechanism, and the overrides that make it so.
        overrides: Of the protocol.
        each: Groups of which each is held out in turn, the mean counting; empty: one run.
        tag: Tells apart rows of one recipe and set.
        metric: What is compared.
        measured: The bar among a run's metrics, where each run measures it on its own folds.
    """

    recipe: str
    data: str
    protocol: str
    bar: tuple[str, float]
    without: tuple[str, tuple[str, ...]]
    overrides: tuple[str, ...] = ()
    each: tuple[str, ...] = ()
    tag: str = field(default="")
    metric: str = "accuracy"
    measured: str = ""

    @property
    def name(self) -> str:
        """Of its cells."""
        return "-".join(part for part in (self.recipe, self.data, self.tag) if part)


GIVEN = "linear, given parts"
MINIROCKET = {"gunpoint": 0.993, "arrowhead": 0.857, "italy-power-demand": 0.965, "acsf1": 0.917}
UNMINED = ("without mining", ("terms.info_nce.bells=", "~states=pairs"))
UNLEARNED = ("augmenter not trained", ("~phases=augmenter",))
NO_VOICES = ("without other voices", tuple(f"~views.{v}.augment=shift_bands" for v in "ab"))
UNMASKED = ("nothing hidden", ("~views.a.augment=mask_blocks", "~views.a.augment=mask_band"))
UNLIKE = ("views not made alike", ("~terms=alignment",))
NO_POSITIVES = ("without made positives", ("~terms=slerp_positives", "~states=prototypes"))
UNCHOSEN = ("all devices are positives", ("terms.device_contrast.positives=4",))
ONE_VIEW = ("seen from one side", tuple(f"~views.{v}.augment=rotate_points" for v in "ab"))
UNCROPPED = ("without crops", tuple(f"~views.{v}.augment=crop_images" for v in "ab"))
UNBALANCED = ("codes not balanced", ("terms.predict_codes.codes=softmax",))
UNTIMED = ("nothing decoded over time", ("~terms=reconstruction#2", "~heads=time", "~views=b"))
NO_SLOTS = ("grouping alone", ("~terms=info_nce", "~terms=info_nce#2"))
MEETING = ("any images may meet", ("train.apart=",))
#: Of patches of images.
PATCHES = {"simclr_patches": UNCROPPED, "swav_patches": UNBALANCED, "slotcon": NO_SLOTS, "g_simclr": MEETING}
#: Raw pixels, .971 on digits, are the weaker bar.
HOG = ("HOG, linear", 0.98)
MFCC = "20 resampled MFCC frames, LR"
READ = "ridge, given parts"
HELD_OUT = "ridge, each speaker held out"
ONE_TAKE = "ridge, one take of each digit and speaker"

ROWS = (
    *(Row("autotcl", data, READ, ("MiniRocket", bar), UNLEARNED) for data, bar in MINIROCKET.items()),
    *(Row("dbpm", data, READ, ("MiniRocket", bar), UNMINED) for data, bar in MINIROCKET.items()),
    Row("simclr_sound", "fsdd", HELD_OUT, (MFCC, 0.801), NO_VOICES, each=SPEAKERS, tag="loso"),
    Row("simclr_sound", "fsdd", ONE_TAKE, (MFCC, 0.900), NO_VOICES, ("eval.shots=1",), tag="one"),
    Row("tera", "fsdd", HELD_OUT, (MFCC, 0.801), UNMASKED, each=SPEAKERS, tag="loso"),
    Row("tera", "fsdd", ONE_TAKE, (MFCC, 0.900), UNMASKED, ("eval.shots=1",), tag="one"),
    Row("cab_kws", "fsdd", HELD_OUT, (MFCC, 0.801), UNLIKE, each=SPEAKERS, tag="loso"),
    Row("cab_kws", "fsdd", ONE_TAKE, (MFCC, 0.900), UNLIKE, ("eval.shots=1",), tag="one"),
    Row("simclr_skeleton", "msraction3d", "ridge, odd people train", ("MiniRocket", 0.811), ONE_VIEW),
    Row("halp", "msraction3d", "ridge, odd people train", ("MiniRocket", 0.811), NO_POSITIVES),
    Row("collossl", "msr-devices", "ridge, one hand, odd people train", ("moments of thirds, LR", 0.244), UNCHOSEN),
    *(Row(name, "digits", "linear, 5 folds", HOG, without, ("eval.baselines=[hog]",), measured="baseline/hog/accuracy")
      for name, without in PATCHES.items()),
    *(Row(name, "mnist5k", GIVEN, ("HOG, LR", 0.970), without) for name, without in PATCHES.items()),
    Row("brain_mae", "abide-nyu", "ROC-AUC, linear, 5 folds", ("whole-scan correlations, linear", 0.765), UNTIMED,
        ("eval.baselines=[connectivity]",), metric="auc", measured="baseline/connectivity/auc"),
)  # fmt: skip


def cell(row: Row, seed: int, *, without: bool) -> Cell:
    """One run of a row, or of it without its mechanism."""
    overrides = [f"data={row.data}", f"train.seed={seed}", "train.threads=1", "eval.baselines=[]", *row.overrides]
    overrides += row.without[1] if without else ()
    arguments = {"recipe": row.recipe, "overrides": overrides, "each": list(row.each), "metric": row.metric,
                 "measured": row.measured}  # fmt: skip
    kind = "-without" if without else ""
    return Cell(f"{row.name}{kind}-seed-{seed}", "benchmarks.everything:judge", arguments)


PLANTED = tuple(
    Cell(f"dbpm-planted-seed-{seed}", "benchmarks.everything:planted", {"seed": seed}) for seed in range(SEEDS)
)
SUITE = Suite(
    "everything",
    (*(cell(row, seed, without=w) for seed in range(SEEDS) for row in ROWS for w in (False, True)), *PLANTED),
)


# --- cells -------------------------------------------------------------------------------------------


def judge(
    recipe: str, overrides: list[str], each: Sequence[str] = (), metric: str = "accuracy", measured: str = ""
) -> dict[str, Any]:
    """Train and judge, once or without each group in turn: test accuracy and ``metric``, untrained, a measured bar."""
    import graphcl

    root = data_root()
    runs = []
    for options in [[f"eval.hold_out={group}"] for group in each] or [[]]:
        fitted = graphcl.fit(graphcl.load(recipe, *overrides, *options), data_root=Path(root) if root else None)
        runs.append((fitted.metrics, fitted.task.describe()["protocol"]))
    keys = {"accuracy": "test/accuracy", metric: f"test/{metric}", "bar": measured,
            "untrained": f"baseline/random_encoder/{metric}"}  # fmt: skip
    found = {name: [metrics[key] for metrics, _ in runs if key in metrics] for name, key in keys.items()}
    by_group = dict(zip(each, found["accuracy"], strict=False))  # none where there are no groups
    return {
        "recipe": recipe, "overrides": overrides, "protocol": runs[0][1], "each": by_group,
        **{name: fmean(values) for name, values in found.items() if values},
    }  # fmt: skip


def planted(seed: int, count: int = 300) -> dict[str, Any]:
    """DBPM on made waves, a tenth of which is noise, a tenth paired with another: precision and recall of its flags."""
    import numpy as np
    import torch

    import graphcl
    from graphcl.augment.mispaired import mispaired
    from graphcl.data.series_sets.arrays import make_waves

    rng, raw = np.random.default_rng(seed), make_waves(count, seed)
    noisy = np.sort(rng.permutation(count)[: count // 10])
    values = np.full((count, 2, max(map(len, raw.values))), np.nan)
    for number, series in enumerate(raw.values):
        shown = rng.standard_normal(series.shape) if number in noisy else series
        values[number, :, : len(series)] = shown.T
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "planted.npz", X=values)
        recipe = graphcl.load(
            "dbpm", f"data.path={folder}/planted.npz", f"views.b.source={{mispaired: {{p: 0.1, seed: {seed}}}}}",
            *(f"views.{view}.augment.crop_time.ratio=0.9" for view in "ab"), f"train.seed={seed}", "train.threads=1",
            "train.epochs=40", "states.pairs.warmup=20", "states.pairs.noisy_beyond=0.65",
            "states.pairs.faulty_beyond=1", "train.batch_size=150",
            "encoder={chain_conv: {num_layers: 4, pooling: max, pieces: 1, jk: last, changes: 0, thresholds: 0}}",
            "embed.level=graphs",
        )  # fmt: skip
        state: Any = graphcl.fit(recipe).model.states["pairs"]
    ids = torch.arange(count)
    truth = {"noisy": torch.isin(ids, torch.from_numpy(noisy)), "faulty": mispaired(ids, 0.1, seed) != ids}
    result: dict[str, Any] = {"recipe": "dbpm", "count": count}
    for name, planted_ones in truth.items():
        flags = state.field(name)
        right = int((flags & planted_ones).sum())
        result[name] = {"flagged": int(flags.sum()), "right": right, "planted": int(planted_ones.sum())}
    return result


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        "Test accuracy, or ROC-AUC where the protocol says so, mean ± sd over seeds, by logistic regression, or ridge "
        "where it says so, on frozen embeddings of an encoder that saw no label and nothing of the test part. The bar "
        "is the strongest method without contrast that we measured on the same parts. `without` is the same recipe "
        "less its mechanism, `untrained` its encoder as it began. CPU: of one seed, one thread, all runs of the "
        "protocol and the probe."
    )
    header = ("system", "data, protocol", "bar", "ours", "seeds", "without", "untrained", "CPU", "verdict")
    return "\n\n".join([head, tables.table(header, [_row(row) for row in ROWS]), _planted()])


def _row(row: Row) -> list[str]:
    ours, less = ([r for s in range(SEEDS) if (r := SUITE.result(cell(row, s, without=w)))] for w in (False, True))
    values = [record[row.metric] for record in ours]
    bar = tables.mean([record["bar"] for record in ours if "bar" in record]) or row.bar[1]
    cpu = tables.median(record["cpu_s"] for record in ours)
    told = f"{row.without[0]}: {tables.mean_sd([record[row.metric] for record in less], 3)}"
    untrained = tables.mean_sd([record["untrained"] for record in ours if "untrained" in record], 3)
    return [
        row.recipe, f"{row.data}, {row.protocol}", f"{bar:.3f} ({row.bar[0]})", tables.mean_sd(values, 3),
        f"{len(values)} of {SEEDS}", told, untrained, tables.NOT_RUN if cpu is None else f"{cpu:.0f} s",
        _verdict(values, bar),
    ]


def _verdict(values: Sequence[float], bar: float) -> str:
    mean = tables.mean(values) if len(values) == SEEDS else None
    return tables.NOT_RUN if mean is None else "beats its bar" if mean > bar else "does not beat its bar"


def _planted() -> str:
    records = [record for cell in PLANTED if (record := SUITE.result(cell))]
    head = (
        "DBPM's flags after its warm-up on made waves, a tenth of which is noise and a tenth paired with another "
        "series in one view; over all seeds."
    )
    rows = [[kind, *_flags(records, kind)] for kind in ("noisy", "faulty")]
    return f"{head}\n\n{tables.table(('flag', 'planted', 'flagged', 'precision', 'recall'), rows)}"


def _flags(records: Sequence[Mapping[str, Any]], kind: str) -> list[str]:
    if not records:
        return [tables.NOT_RUN] * 4
    planted_ones, flagged, right = (sum(r[kind][what] for r in records) for what in ("planted", "flagged", "right"))
    return [str(planted_ones), str(flagged), f"{right / max(flagged, 1):.2f}", f"{right / max(planted_ones, 1):.2f}"]


if __name__ == "__main__":
    command(SUITE)
