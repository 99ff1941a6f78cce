"""A graph that is sampled in training and embedded in blocks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import graphcl
from graphcl.core.config.recipe import Recipe
from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.seeds import generator
from graphcl.engine import embed as embedding
from graphcl.engine.fit import fit
from graphcl.engine.flow import StepFlow
from graphcl.engine.observe import Observer
from graphcl.engine.prepare import load_data, make_task
from graphcl.engine.training import Training
from graphcl.tasks.base import Batch

CPU = torch.device("cpu")
QUICK = ("train.epochs=2", "train.eval_every=2", "train.batch_size=10", "train.threads=1", "data.fanout=[3,2]")


def training(recipe: Recipe) -> Training:
    task = make_task(recipe, load_data(recipe))
    return Training(recipe, task, observer=Observer(), run=None, device=CPU, validate=False)


def batches(made: Training, size: int, start: int = 0) -> list[Batch]:
    return list(made.task.batches(size, generator=generator(0), start=start))


def test_a_batch_is_a_piece_around_its_nodes_whose_rows_keep_their_names() -> None:
    made = training(graphcl.load("grace", *QUICK))
    whole = made.task.graphs["graph"]
    found = batches(made, 10)
    assert torch.equal(torch.cat([batch.ids for batch in found]).sort().values, torch.arange(34))
    assert [batch.ids.tolist() for batch in batches(made, 10, start=2)] == [batch.ids.tolist() for batch in found[2:]]
    assert torch.equal(batches(made, 10, start=2)[0].nodes, found[2].nodes)
    batch = found[0]
    assert len(batch.nodes) > 10
    assert torch.equal(batch.graphs["graph"].x, whole.x[batch.nodes])
    flow = StepFlow(made.model, made.views, batch, types=(), epoch=0, step=0)
    anchors, everything = flow.rows("a.proj[batch]"), flow.rows("a.proj[all]")
    assert torch.equal(anchors.ids, batch.ids), "rows are called by their nodes in the whole graph"
    assert len(anchors) == 10
    assert torch.equal(everything.ids, batch.nodes)
    assert torch.equal(flow.rows("a.nodes").ids, batch.nodes)
    assert torch.equal(flow.rows("input.x[batch]").values, whole.x[batch.ids])
    assert torch.equal(flow.rows("input.x[batch]").ids, batch.ids)


def test_both_views_are_of_one_piece() -> None:
    made = training(graphcl.load("grace", *QUICK, "views.a.augment.drop_edges.p=0", "views.b.augment.drop_edges.p=0",
                                 "views.a.augment.mask_features.p=0", "views.b.augment.mask_features.p=0"))
    flow = StepFlow(made.model, made.views, batches(made, 10)[0], types=(), epoch=0, step=0)
    assert torch.equal(flow.rows("a.nodes").values, flow.rows("b.nodes").values)


def test_a_table_is_looked_up_by_the_names_of_nodes() -> None:
    recipe = graphcl.load("grace", *QUICK, "states.seen={table: {rows: 'a.proj[batch]', dim: 128, init: 0}}")
    made = training(recipe)
    made.train()
    assert bool((made.model.states["seen"].values != 0).any(1).all()), "every node was an anchor once"


@pytest.mark.parametrize("encoder", ["encoder.batch_norm=true", "encoder.num_layers=1"])
def test_blocks_give_what_the_whole_graph_gives(encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "BLOCK_NODES", 7)
    sampled = training(graphcl.load("grace", *QUICK, encoder))
    sampled.train()
    whole = training(graphcl.load("grace", *QUICK, encoder, "data.fanout=[]"))
    whole.model.load_state_dict(sampled.model.state_dict())
    found: list[Tensor] = [embedding.embed(made.model, made.views, made.task, "test")[""] for made in (sampled, whole)]
    torch.testing.assert_close(*found)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("embed.view=a", r"embed\.view: with data\.fanout"),
        ("embed.level=graphs", r"embed\.level=graphs: with data\.fanout"),
        ("encoder=gat", r"towers\.main: gat encodes only whole graphs"),
        ("encoder.num_layers=3", r"data\.fanout: neighbours of 2 hops are drawn and towers\.main .* reads 3; give 3"),
    ],
)
def test_what_needs_more_than_the_pieces_is_refused_before_training(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        training(graphcl.load("grace", *QUICK, override))


def test_a_run_on_features_on_disk_without_labels_trains_and_repeats(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    folder = tmp_path / "graph"
    folder.mkdir()
    np.save(folder / "edge_index.npy", draw.integers(0, 60, (2, 200)))
    np.save(folder / "x.npy", draw.standard_normal((60, 5), dtype=np.float32))
    recipe = graphcl.load("grace", *QUICK, f"data.path={folder}")
    one = fit(recipe, out=tmp_path / "one")
    two = fit(recipe)
    assert one.embeddings[""].shape == (60, 128)
    assert torch.equal(one.embeddings[""], two.embeddings[""])
    protocol = json.loads((tmp_path / "one" / "protocol.json").read_text())
    assert any("features stay on disk" in note for note in protocol["notes"])


def test_a_feature_that_is_not_finite_is_named_when_it_is_read(tmp_path: Path) -> None:
    x = np.zeros((6, 2), dtype=np.float32)
    x[4, 1] = np.inf
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "edge_index.npy", np.array([[0, 1, 4], [1, 2, 5]]))
    made = training(graphcl.load("grace", *QUICK, f"data.path={tmp_path}"))
    seeds = torch.tensor([0])
    assert len(made.task._sampled.batch(seeds, generator=generator(0)).nodes) > 1  # type: ignore[attr-defined]
    with pytest.raises(NonFiniteError, match="features of node 4"):
        batches(made, 6)
