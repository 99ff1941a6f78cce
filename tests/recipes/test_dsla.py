"""What D-SLA learns: how far a graph is from its views in proportion to how many edges are others."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import graphcl
from graphcl.augment.edit_edges import edit_edges
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.engine.model import Model

pytest.importorskip("rdkit", reason="the extra `molecules` is not installed")


@torch.no_grad()
def unevenness(model: Any, graph: Any) -> float:
    """How much the distance an edit costs differs between views of one graph: deviation over mean, mean over graphs."""
    tower = model.eval().towers["main"]
    original = tower(View(graph)).graphs
    views = [edit_edges(graph, p, generator=generator(number)) for number, p in enumerate((0.1, 0.2, 0.4, 0.4))]
    edits = torch.stack([view.edits for view in views], dim=1)
    apart = torch.stack([(tower(View(view)).graphs - original).norm(dim=1) for view in views], dim=1)
    each = (apart / edits.clamp_min(1))[(edits > 0).all(1)]
    assert len(each) > 40
    return float((each.std(1) / each.mean(1)).mean())


def test_distances_come_to_be_in_proportion_to_edits() -> None:
    shown = [f"views.{view}.augment.mask_nodes.p=0.0" for view in "xabc"]
    cheap = ["eval.probe=majority", "eval.probe_options={}", "eval.baselines=[]", "eval.random_encoder=false"]
    recipe = graphcl.load("dsla", "train.epochs=40", "train.batch_size=64", *shown, *cheap)
    fitted = graphcl.fit(recipe)
    task: Any = fitted.task
    graph = task.data.packed.batch()
    untrained = Model(recipe, task, seed=0)
    assert unevenness(fitted.model, graph) < 0.8 * unevenness(untrained, graph)
