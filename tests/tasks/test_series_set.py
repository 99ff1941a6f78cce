"""Series under the graph task, end to end."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import graphcl
from graphcl.cli.main import run as command
from graphcl.core.errors import UserError
from graphcl.engine.fit import fit

QUICK = ["encoder.dim=16", "train.batch_size=50", "eval.probe_options={grid: [1.0]}", "eval.folds=3"]


def test_a_run_tells_numbers_of_waves_apart_and_embeds(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "series.parquet"
    fitted = fit(graphcl.load("simclr_series", "train.epochs=4", *QUICK), out=run)
    assert fitted.embeddings["graph"].shape == (150, 16 * 7 * 5 * (1 + 3))  # layers, thresholds, stretches
    assert fitted.metrics["test/accuracy"] > fitted.metrics["baseline/majority_graph/accuracy"] + 0.2
    assert "baseline/flat_features/accuracy" in fitted.metrics
    assert command(["embed", str(run), "--out", str(out), "--quiet"]) == 0
    assert len(pd.read_parquet(out)) == 150
    assert command(["evaluate", str(run), "--probe", "knn", "--quiet"]) == 0


def test_shares_are_refused_before_training_where_there_are_none() -> None:
    with pytest.raises(UserError, match=r"tower 'main' gives no shares; set its thresholds, or embed\.level=graphs"):
        fit(graphcl.load("simclr_series", "encoder.thresholds=0"))


def test_italy_power_demand_on_its_own_parts(shared_data: Path) -> None:
    recipe = graphcl.load("simclr_series", "data=italy-power-demand", "train.epochs=15", "eval.random_encoder=false")
    fitted = fit(recipe, data_root=shared_data)
    assert "67 train" in fitted.task.describe()["protocol"]
    assert fitted.metrics["test/accuracy"] > 0.9
