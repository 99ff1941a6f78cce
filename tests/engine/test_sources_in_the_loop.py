"""Each kind of source through the loop: who stands for whom, what is told of anchors without partner, and no leak."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import graphcl
from graphcl.core.build import build
from graphcl.core.errors import ConfigError, UserError
from graphcl.data.graphs.node_graph import NodeGraph
from graphcl.engine.observe import Observer
from graphcl.engine.prepare import make_task
from graphcl.engine.run import RunFolder
from graphcl.engine.training import Training
from graphcl.engine.unpaired import add, shares
from graphcl.objective.states import knn
from graphcl.objective.states.knn import nearest

from .toy import CPU, RECIPE, Toy, ToyData, same, toy_recipe, weights

TWINS = torch.tensor([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, -1, -1])


class Notes(Observer):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def twins(folder: Path, source: str, *, run: RunFolder | None = None, more: str = "") -> tuple[Training, Notes]:
    """The toy on a graph whose nodes have twins; view b is read at the partners."""
    text = RECIPE.replace("b: [toy_noise]", f"b: {{augment: [toy_noise], source: {source}}}")
    recipe = toy_recipe(folder, text + more)
    data = ToyData(12).load(seed=0)
    data.twin = TWINS
    notes = Notes()
    return Training(recipe, Toy(data=data), observer=notes, run=run, device=CPU), notes


def partners(training: Training) -> dict[int, int]:
    """Anchor -> whose row of view b stands for it in the first step."""
    (batch, *_) = training.task.batches(12, generator=torch.Generator().manual_seed(0))
    training.stepper._update_states("epoch_start", training.stepper.flow(training.progress))
    rows = training.stepper.flow(training.progress, batch).rows("b.nodes[batch]")
    return dict(zip(batch.ids.tolist(), rows.index.tolist(), strict=True))


def test_a_table_of_partners(tmp_path: Path) -> None:
    training, _ = twins(tmp_path, "{pair: {table: input.twin}}")
    expected = torch.where(TWINS < 0, torch.arange(12), TWINS)
    assert partners(training) == dict(enumerate(expected.tolist()))
    training.train()


def test_nearest_neighbours_of_a_state(tmp_path: Path) -> None:
    training, _ = twins(
        tmp_path, "{pair: {table: state.near.neighbours}}", more="states: {near: {knn: {rows: input.x, k: 2}}}\n"
    )
    x = torch.nn.functional.normalize(training.task.graphs["graph"].x, dim=1)
    expected = (x @ x.T).fill_diagonal_(-2.0).topk(2, dim=1).indices
    found = partners(training)
    assert all(found[node] in expected[node].tolist() for node in range(12))
    training.train()


def test_neighbours_of_what_is_learned_are_found_anew_each_epoch_and_kept_in_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[Tensor] = []
    monkeypatch.setattr(knn, "nearest", lambda x, k: searched.append(x.clone()) or nearest(x, k))
    more = "states: {near: {knn: {rows: clean.nodes, k: 2, start: 1}}}\n"
    training, notes = twins(tmp_path, "{pair: {table: state.near.neighbours}}", more=more)
    training.train()
    assert len(searched) == 2  # of three epochs, the first one being the warm-up
    assert not torch.equal(*searched)
    assert "states.near.neighbours" in training.model.state_dict()
    assert notes.told == ["epoch 1: anchors without a partner: 100.0 % (view b: they stand for themselves)"]


def test_anchors_without_partner_are_told_once_and_logged_each_epoch(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", toy_recipe(tmp_path), overwrite=False)
    training, notes = twins(tmp_path, "{pair: {table: input.twin}}", run=run)
    training.train()
    assert notes.told == ["epoch 1: anchors without a partner: 16.7 % (view b: they stand for themselves)"]
    records = [json.loads(line) for line in run.log.read_text().splitlines()]
    assert [record["unpaired"] for record in records] == [{"view b": pytest.approx(2 / 12)}] * 3


def test_nothing_is_told_where_everyone_has_a_partner(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", toy_recipe(tmp_path), overwrite=False)
    training, notes = twins(tmp_path, "neighbour", run=run)
    training.train()
    assert notes.told == []
    assert all("unpaired" not in json.loads(line) for line in run.log.read_text().splitlines())
    assert shares({"view b": [0, 12]}) == {}


def test_counts_add_up() -> None:
    counts: dict[str, list[int]] = {}
    for without in (1, 2):
        add(counts, "term t", without, 4)
    assert shares(counts) == {"term t": 3 / 8}


def test_a_source_that_reads_what_is_not_there_is_refused_before_training(tmp_path: Path) -> None:
    where = r"toy\.yaml:4: 'views\.b\.source\.table'"
    with pytest.raises(ConfigError, match=rf"{where}: address 'state\.far\.neighbours': no state 'far'"):
        twins(tmp_path, "{pair: {table: state.far.neighbours}}")


# --- labels of training nodes ----------------------------------------------------------------------


def karate() -> NodeGraph:
    return build("data", "node_graph", {"name": "karate"}, data_root=None).load(seed=0)


def supervised(data: NodeGraph, *overrides: str) -> tuple[dict[str, Tensor], Notes]:
    """Parameters after two epochs in which a node is drawn to one of its class."""
    recipe = graphcl.load("grace", "encoder.dim=4", "heads.proj.dim=4", "train.epochs=2", "train.threads=1",
                          "views.b.source=same_label", "train.lr=0.01", *overrides)
    notes = Notes()
    training = Training(recipe, make_task(recipe, data), observer=notes, run=None, device=CPU, validate=False)
    training.train()
    return weights(training), notes


def test_labels_of_training_nodes_are_used_and_no_others() -> None:
    data = karate()
    train = data.splits.at(0).train
    assert len(train) == 3
    held_out = torch.ones(34, dtype=torch.bool).index_fill(0, train, False)
    first, notes = supervised(data)
    other, _ = supervised(replace(data, labels=torch.where(held_out, 1 - data.labels, data.labels)))
    assert same(first, other)
    flipped = data.labels.clone()
    flipped[train] = torch.tensor([0, 0, 0]) if len(data.labels[train].unique()) > 1 else torch.tensor([0, 0, 1])
    assert not same(first, supervised(replace(data, labels=flipped))[0])
    assert notes.told[0].startswith("epoch 1: anchors without a partner: 9")


def test_a_piece_of_the_graph_has_no_labels_by_position() -> None:
    recipe = graphcl.load("grace", "views.b.source=same_label", "train.threads=1", "data.fanout=[3,3]",
                          "train.batch_size=8", "encoder.dim=4", "train.epochs=1")
    with pytest.raises(UserError, match=r"views\.b\.source reads labels of the whole graph; leave data\.fanout out"):
        graphcl.fit(recipe)


def test_labels_are_given_for_one_split_alone() -> None:
    recipe = graphcl.load("grace", "eval.splits=2")
    with pytest.raises(UserError, match=r"eval\.splits must be 1"):
        _ = make_task(recipe, karate()).train_labels
    unknown = replace(karate(), labels=torch.full((34,), -1))
    with pytest.raises(UserError, match="no labels to train on"):
        _ = make_task(graphcl.load("grace"), unknown).train_labels
