"""RecBole's search over settings, with our models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from graphcl.core.errors import ConfigError


def search(dataset: dict[str, Any], parameters: str, algo: str) -> Any:
    from recbole.quick_start import objective_function
    from recbole.trainer import HyperTuning

    Path("config.yaml").write_text(yaml.safe_dump(dataset | {"model": "LightGCL", "dataset": "tiny"}))
    Path("space").write_text(parameters)
    return HyperTuning(objective_function, params_file="space", fixed_config_file_list=["config.yaml"], algo=algo,
                       max_evals=2)  # fmt: skip


@pytest.mark.parametrize("algo", ["exhaustive", "random", "bayes"])
def test_finds_the_best(dataset: dict[str, Any], algo: str) -> None:
    pytest.importorskip("hyperopt", reason="hyperopt is not installed: pip install 'graphcl[recbole]'")
    found = search(dataset, "learning_rate choice [0.05,0.0001]\ntemp choice [0.2]\n", algo)
    found.run()
    assert found.best_params["learning_rate"] in (0.05, 0.0001)
    scores = {result["best_valid_score"] for result in found.params2result.values()}
    assert found.params2result[found.params2str(found.best_params)]["best_valid_score"] == max(scores)


def test_a_space_that_would_be_run_is_refused(dataset: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from types import ModuleType

    for name in ("hyperopt", "hyperopt.early_stop"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    with pytest.raises(ConfigError, match=r"learning_rate: .* would be run as Python"):
        search(dataset, "learning_rate choice __import__('pathlib').Path('harmed').touch()\n", "random")
    assert not Path("harmed").exists()
