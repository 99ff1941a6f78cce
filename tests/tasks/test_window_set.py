"""Windows under the graph task, end to end: forecasts, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import graphcl
from graphcl.cli.main import run as command
from graphcl.core.errors import UserError
from graphcl.engine.fit import fit

QUICK = ["encoder.dim=8", "encoder.num_layers=3", "train.epochs=1", "data.window=24"]
NEAR = "eval.probe_options.horizons=[3, 6]"


def test_a_run_forecasts_a_users_table_and_embeds_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hour = np.arange(600)
    table = pd.DataFrame({"load": np.sin(hour / 4), "wind": np.cos(hour / 7)})
    table.to_csv(tmp_path / "load.csv", index=False)
    recipe = graphcl.load("autotcl_forecast", f"data.path={tmp_path / 'load.csv'}", "data.columns=[wind]", *QUICK, NEAR)
    fitted = fit(recipe, out=tmp_path / "run")
    metrics = fitted.metrics
    assert metrics["test/skill"] > 0.8
    assert metrics["baseline/flat_features/mse"] < 1e-2  # a wave is a linear function of its past
    assert {"test/mse@3", "test/mae@6", "baseline/random_encoder/mse"} <= set(metrics)
    table[:30].to_csv(tmp_path / "new.csv")
    out = tmp_path / "out.parquet"
    made = ["embed", str(tmp_path / "run"), "--data", str(tmp_path / "new.csv"), "--out", str(out), "--quiet"]
    assert command(made) == 0
    assert len(pd.read_parquet(out)) == 30 - 23
    assert command([*made, "--overwrite", "data.columns=[load]"]) == 2
    assert "data.columns: new data are read with that of the run (['wind']); leave it out" in capsys.readouterr().err
    assert command(["evaluate", str(tmp_path / "run"), "--probe", "forecast", "--probe-option", "horizons=[2]",
                    "--quiet"]) == 0  # fmt: skip


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["eval.probe=ridge"], r"ridge judges classes, and windows have none; take eval\.probe=forecast"),
        (["eval.split=folds"], r"eval\.split: folds is of graphs with classes"),
        (["eval.shots=3"], r"eval\.shots: 3 is of graphs with classes"),
        (["eval.probe_options.horizons=[400]"], r"400 rows ahead, and a window of the test part has 300 rows"),
    ],
)
def test_what_windows_do_not_have_is_refused_before_training(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fit(graphcl.load("autotcl_forecast", *QUICK, *overrides))


def test_graphs_with_classes_have_nothing_that_comes_after_them() -> None:
    with pytest.raises(UserError, match=r"forecast judges what comes after windows"):
        fit(graphcl.load("autotcl", "eval.probe=forecast"))
