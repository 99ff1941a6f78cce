"""What the decoder over time learns: a hidden window is like the windows around it, not like those of another scan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import graphcl
from graphcl.core.errors import UserError
from graphcl.encode.base import MASKED, View
from graphcl.engine.model import Model
from graphcl.engine.prepare import load_data, make_task
from graphcl.objective.terms.reconstruction import scaled_cosine_error


@torch.no_grad()
def error(model: Any, graph: Any, shown: torch.Tensor) -> float:
    """Of the second windows, decoded from the latents of the scans in the order ``shown``."""
    graph = graph.clone()
    graph[MASKED] = graph.pos == 1
    model = model.eval()
    nodes = model.towers["main"](View(graph)).nodes
    nodes = nodes.view(len(shown), -1, nodes.shape[1]).index_select(0, shown).flatten(0, 1)
    decoded = model.heads["time"](nodes, View(graph))
    return float(scaled_cosine_error(decoded, graph.x, 1.0)[graph[MASKED]].mean())


def test_a_window_is_decoded_from_those_around_it(tmp_path: Path) -> None:
    """Scans of two kinds, whose regions work together in other groups."""
    rng = np.random.default_rng(0)
    groups = [np.arange(12) % 4, np.arange(12) // 3]
    kind = np.arange(40) % 2
    values = [rng.standard_normal((120, 4))[:, groups[k]] + 0.5 * rng.standard_normal((120, 12)) for k in kind]
    np.savez(tmp_path / "scans.npz", X=np.stack(values), y=kind)
    recipe = graphcl.load(
        "brain_mae", f"data.path={tmp_path}/scans.npz", "data.window=30", "data.stride=30", "train.epochs=30",
        "train.lr=0.01", "train.threads=1", "eval.baselines=[connectivity]", "eval.folds=3",
        "eval.probe_options={grid: [0.01]}",
    )  # fmt: skip
    fitted = graphcl.fit(recipe)
    task: Any = fitted.task
    graph, own, other = task.data.packed.batch(), torch.arange(40), torch.arange(40).roll(1)
    assert graph.num_nodes == 40 * 4 * 12
    untrained = Model(recipe, task, seed=0)
    assert error(fitted.model, graph, own) < 0.5 * error(untrained, graph, own)
    assert error(fitted.model, graph, own) < 0.7 * error(fitted.model, graph, other)
    assert fitted.metrics["test/auc"] == pytest.approx(1.0)
    assert fitted.metrics["baseline/connectivity/auc"] == pytest.approx(1.0)


def test_the_plain_baseline_is_the_whole_scan_and_refused_elsewhere() -> None:
    recipe = graphcl.load("brain_mae", "eval.baselines=[connectivity]")
    task: Any = make_task(recipe, load_data(recipe))
    scan = task.data.packed.scan(7)
    first, second = np.triu_indices(24, 1)
    expected = np.corrcoef(scan.double().numpy().T)[first, second]
    assert np.allclose(task.data.packed.connectivity()[7].numpy(), expected, atol=1e-5)
    other = graphcl.load("infograph", "eval.baselines=[connectivity]")
    data = load_data(other)
    with pytest.raises(UserError, match="connectivity is of other data"):
        make_task(other, data)
