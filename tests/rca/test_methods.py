"""Methods by name, and that our own versions of published scores give the figures that others measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphcl.core.errors import UserError
from graphcl.data.telemetry import Telemetry, read_telemetry
from graphcl.rca.methods import METHODS, TRAINED, method_named
from graphcl.rca.question import Question
from graphcl.rca.scoring import accuracy_at, averages, service_scores

Case = tuple[Telemetry, dict[str, object]]


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> Callable[[str], list[Case]]:
    if not (shared_data / "rca").is_dir():
        pytest.skip(f"the cases of root cause analysis are not at {shared_data / 'rca'}")

    def load(system: str) -> list[Case]:
        return [
            (read_telemetry(folder / "metrics.csv.gz", counters=False, merge=False),
             json.loads((folder / "truth.json").read_text()))
            for folder in sorted((shared_data / "rca" / system).iterdir()) if folder.is_dir()
        ]  # fmt: skip

    return load


def averaged(method: str, cases: list[Case]) -> dict[str, float]:
    hits = []
    for telemetry, truth in cases:
        kept = [i for i, column in enumerate(telemetry.columns) if column.service != "entrypoint"]
        columns = tuple(telemetry.columns[i] for i in kept)
        before = telemetry.time < float(truth["anomaly_time"])  # type: ignore[arg-type]
        question = Question(telemetry.values[before][:, kept], telemetry.values[~before][:, kept], columns)
        scores = service_scores(METHODS[method](question).scores, columns)
        hits.append([accuracy_at(scores, {str(truth["service"])}, k) for k in range(1, 6)])
    return averages(np.mean(hits, axis=0).tolist())


@pytest.mark.parametrize(
    ("system", "figures"),
    [
        (
            "online-boutique",
            {
                "zscore": (0.583, 0.708, 0.854, 0.717),
                "zscore-absolute": (0.604, 0.729, 0.812, 0.717),
                "baro": (0.479, 0.646, 0.750, 0.642),
                "energy": (0.583, 0.688, 0.833, 0.708),
            },
        ),
        (
            "petshop",
            {
                "zscore": (0.386, 0.682, 0.705, 0.591),
                "zscore-absolute": (0.318, 0.591, 0.705, 0.545),
                "baro": (0.159, 0.318, 0.455, 0.323),
                "energy": (0.159, 0.409, 0.591, 0.382),
            },
        ),
    ],
)
def test_published_scores_give_their_figures_and_ours_is_ahead(
    cases: Callable[[str], list[Case]], system: str, figures: dict[str, tuple[float, ...]]
) -> None:
    loaded = cases(system)
    for method, expected in figures.items():
        assert tuple(averaged(method, loaded).values()) == pytest.approx(expected, abs=6e-4), method
    ours = averaged("deviation", loaded)
    assert ours["ac@1"] > figures["zscore"][0] + 0.05
    assert ours["avg@5"] > figures["zscore"][3] + 0.08


@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_each_column_a_score_and_says_the_same_again(name: str) -> None:
    draw = np.random.default_rng(0)
    normal, anomalous = draw.normal(size=(60, 4)), draw.normal(size=(6, 4))
    columns = tuple(split for split in _columns())
    short = ("train.epochs=4", "train.eval_every=4", "phases.contrast.stop=2", "phases.forecast.start=2")
    overrides = short if name in TRAINED else ()
    first, again = (METHODS[name](Question(normal, anomalous, columns, 3, overrides=overrides)) for _ in range(2))
    assert first.scores.shape == (4,)
    np.testing.assert_array_equal(first.scores, again.scores)


def _columns() -> list[object]:
    from graphcl.data.telemetry.names import split_names

    return list(split_names(["a_cpu", "a_mem", "b_cpu", "b_mem"])[0])


def test_an_unknown_method_names_the_nearest() -> None:
    with pytest.raises(UserError, match="nearest: 'zscore'"):
        method_named("z-score")
