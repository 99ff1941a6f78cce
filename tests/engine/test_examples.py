"""What is found from all training examples as an epoch starts, where these have graphs of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import graphcl
from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.records import RecordsData
from graphcl.encode.base import View
from graphcl.engine.observe import Observer
from graphcl.engine.prepare import make_task
from graphcl.engine.training import Training
from graphcl.objective.states.kmeans import cluster
from graphcl.tasks import sequence
from graphcl.tasks.sequence import Sequence
from tests.tasks.small_histories import histories, random_rows

from .toy import CPU

SMALL = (
    "encoder.dim=8", "train.batch_size=8", "train.threads=1", "train.device=cpu", "eval.baselines=[]",
    "states.intents.k=4", "train.epochs=2",
)  # fmt: skip


def training(*overrides: str, **options: Any) -> Training:
    recipe = graphcl.load("iclrec", *SMALL, *overrides)
    task = Sequence(baselines=(), data=histories(random_rows(0, users=30, longest=12), **options))
    return Training(recipe, task, observer=Observer(), run=None, device=CPU, validate=False)


@pytest.mark.parametrize("layout", ["packed", "prefix"])
def test_clusters_are_of_every_example_as_a_step_reads_it(layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each encoded by itself, without dropout, in the order of its number, whatever the size of a block."""
    monkeypatch.setattr(sequence, "BLOCK_USERS", 7)
    found = training(row_layout=layout, max_len=4)
    task: Any = found.task
    found.model.train()
    tower = found.model.towers["main"].eval()
    alone = [tower(View(task.records(torch.tensor([number]))["chain"])).graphs for number in range(len(task.target_of))]
    found.model.train()
    found.stepper._update_states("epoch_start", found.stepper.flow(found.progress))
    assert found.model.training
    state: Any = found.model.states["intents"]
    purpose = found.stepper.flow(found.progress).generator("state intents")
    centroids, assignment = cluster(torch.cat(alone), 4, n_iter=20, spherical=True, generator=purpose)
    assert torch.equal(state.assignment, assignment)
    torch.testing.assert_close(state.centroids, centroids.detach(), rtol=1e-5, atol=1e-6)
    ids = next(iter(task.batches(8, generator=generator(3)))).ids
    assert state.assignment.index_select(0, ids).tolist() == [int(assignment[number]) for number in ids]


def test_what_a_view_draws_differs_from_block_to_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """And several addresses follow each other as they do in a step, each with all examples."""
    monkeypatch.setattr(sequence, "BLOCK_USERS", 5)
    found = training("encoder.dropout=0", "encoder.attention_dropout=0")
    flow, task = found.stepper.flow(found.progress), found.task
    state: Any = found.model.states["intents"]
    state.reads = {"": ["main.graphs", "a.graphs"]}
    rows = found.stepper._read_by(state, flow)[""]
    count = len(task.target_of)  # type: ignore[attr-defined]
    assert rows.ids is not None
    assert rows.ids.tolist() == [*range(count), *range(count)]
    drawn = [flow.at_examples(batch, 0).view("a").graph.item for batch in task.training_examples()]  # type: ignore[attr-defined]
    again = [flow.at_examples(batch, n).view("a").graph.item for n, batch in enumerate(task.training_examples())]  # type: ignore[attr-defined]
    assert torch.equal(drawn[0], again[0])
    assert any(not torch.equal(one, other) for one, other in zip(drawn[1:], again[1:], strict=True))


def test_rows_of_a_step_are_refused() -> None:
    found = training("states.intents.rows=main.nodes[predict]")
    with pytest.raises(UserError, match=r"rows \[predict\] exist only within a step"):
        found.train()


RECORDS = """
task: retrieval
towers:
  text: {gcn: {dim: 8, pooling: mean}}
  graph: {gcn: {dim: 8, pooling: mean}}
views: {text: {of: text, augment: []}, graph: {of: graph, augment: []}}
states:
  clusters: {kmeans: {rows: text(text).graphs, k: 3}}
terms:
  - info_nce:
      anchors: graph(graph).graphs
      candidates: state.clusters.centroids
      assignment: state.clusters.assignment
      assigned_only: true
embed: {towers: {text: text, graph: graph}}
train: {epochs: 1, batch_size: 8, threads: 1}
"""


def test_examples_with_other_numbers_are_looked_up_by_them(tmp_path: Path) -> None:
    """Of the training records alone, whose numbers are not 0, 1, ...; the others have no cluster."""
    (tmp_path / "records.yaml").write_text(RECORDS)
    data, recipe = RecordsData(count=40).load(seed=0), graphcl.load(str(tmp_path / "records.yaml"))
    found = Training(recipe, make_task(recipe, data), observer=Observer(), run=None, device=CPU, validate=False)
    found.train()
    state: Any = found.model.states["clusters"]
    train = set(data.parts["train"].tolist())
    assert train != set(range(len(train)))
    assert {number for number, cluster in enumerate(state.assignment.tolist()) if cluster >= 0} == train
