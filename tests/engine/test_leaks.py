"""Planted edges: what is held out cannot be seen by anything that trains.

Two logs agree in train and differ in everything held out. Whatever is made for training must be equal to the bit;
and it must differ as soon as a held-out pair is put into train, or these tests could not fail.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import graphcl
from graphcl.core import registry
from graphcl.core.build import build
from graphcl.core.config.recipe import Recipe
from graphcl.core.seeds import generator
from graphcl.data.graphs.node_graph import NodeGraph
from graphcl.data.histories import RowLayout
from graphcl.data.interactions import Interactions, Pairs
from graphcl.data.records import RecordsData
from graphcl.encode.base import View
from graphcl.engine.observe import Observer
from graphcl.engine.prepare import make_task
from graphcl.engine.training import Training
from graphcl.graph.operators import build_operator
from graphcl.tasks.node import Node
from graphcl.tasks.recommend import Recommend
from graphcl.tasks.retrieval import Retrieval

from ..tasks.small_histories import histories, random_rows
from .tiny import ITEMS, USERS, interactions, tiny_recipe
from .toy import CPU

registry.load_all()
PACKAGE = Path(graphcl.__file__).parent
PARTS = [part for part in registry.registered() if part.cls.__module__.startswith("graphcl.")]
EVERY = [part for part in PARTS if part.kind == "augmenter" and part.meta["level"] in ("graph", "operator")]
OF_CHAINS = [part for part in EVERY if part.meta.get("edges") == "chains"]
#: What only graphs of one kind have: chains, windows, images, programs, devices, texts, points in space.
OF_A_KIND = ("chains", "windows", "patches", "programs", "devices")
AUGMENTERS = [part for part in EVERY if part.meta.get("edges") not in OF_A_KIND
              and part.meta.get("needs") != "text" and not part.meta.get("triples")]
BASELINES = [part for part in PARTS if part.kind == "baseline" and "recommend" in part.meta["tasks"]]
ONE, OTHER = interactions(held_out=0), interactions(held_out=1)


def planted() -> Interactions:
    """The first log with one of its validation pairs in train."""
    (user,), (item,) = ONE.held_out.valid.users[:1], ONE.held_out.valid.items[:1]
    extra = Pairs(np.array([user], np.int64), np.array([item], np.int64))
    return replace(ONE, train=ONE.train.join(extra))


def with_features(task: Recommend) -> Any:
    """The training graph, with features for the augmenters that need some; one of them is the degree."""
    graph = task.graphs["graph"].clone()
    for store in graph.node_stores:
        store.x = torch.randn(store.num_nodes, 5, generator=generator(0, store._key))
    for edge_type in graph.edge_types:
        target = graph[edge_type[2]]
        target.x[:, 0] = torch.bincount(graph[edge_type].edge_index[1], minlength=target.num_nodes)
    return graph


def augmented(part: registry.Part, data: Interactions, seed: int) -> list[Tensor]:
    """What an augmenter makes of the training graph: features, and each node's share of a product."""
    module = build("augmenter", part.name, part.example or {}, generator=generator(0, "init"))
    graph = with_features(Recommend(data=data))
    if part.meta.get("edges") in ("new", "any"):  # those of graphs of one node type
        graph = graph.to_homogeneous()
    if part.meta["level"] == "graph":
        graph = module(graph, generator=generator(seed))
        operator = View(graph).operator("sym")
    else:
        operator = module(build_operator(graph, "sym"), generator=generator(seed))
    product = operator.propagate(torch.randn(USERS + ITEMS, 8, generator=generator(1)))
    return [product, *(store.x for store in graph.node_stores)]


def equal(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(x.shape == y.shape and torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_the_logs_agree_in_train_and_differ_in_what_is_held_out() -> None:
    assert np.array_equal(ONE.train.users, OTHER.train.users)
    assert np.array_equal(ONE.train.items, OTHER.train.items)
    for part in ("valid", "test"):
        first, second = (set(zip(p.users, p.items, strict=True)) for p in (
            getattr(ONE.held_out, part), getattr(OTHER.held_out, part)))
        assert first != second
        assert not first & set(zip(ONE.train.users, ONE.train.items, strict=True))


@pytest.mark.parametrize("part", AUGMENTERS, ids=lambda part: part.name)
def test_no_augmenter_sees_it(part: registry.Part) -> None:
    for seed in range(3):
        assert equal(augmented(part, ONE, seed), augmented(part, OTHER, seed))
    assert any(not equal(augmented(part, ONE, seed), augmented(part, planted(), seed)) for seed in range(3))


def graph_of(data: Interactions) -> list[Tensor]:
    graph = Recommend(data=data).graphs["graph"]
    return [graph[edge_type].edge_index for edge_type in graph.edge_types]


def batches_of(**options: Any) -> Callable[[Interactions], list[Tensor]]:
    def made(data: Interactions) -> list[Tensor]:
        task = Recommend(data=data, **options)
        batches = list(task.batches(64, generator=generator(2)))
        return [torch.cat([batch.rows[name] for batch in batches]) for name in ("users", "items_pos", "items_neg")]

    return made


def operators_of(norm: str) -> Callable[[Interactions], list[Tensor]]:
    def made(data: Interactions) -> list[Tensor]:
        operator = build_operator(Recommend(data=data).graphs["graph"], norm)
        return [operator.propagate(torch.eye(USERS + ITEMS))]

    return made


ARTEFACTS: dict[str, Callable[[Interactions], list[Tensor]]] = {
    "graph": graph_of,
    "batches and uniform negatives": batches_of(),
    "batches and popularity negatives": batches_of(negatives="popularity"),
    **{f"operator {norm}": operators_of(norm) for norm in ("sym", "gcn", "row", "none")},
    "activity counts": lambda data: [Recommend(data=data).train.counts],
}


@pytest.mark.parametrize("name", ARTEFACTS)
def test_nothing_made_for_training_sees_it(name: str) -> None:
    make = ARTEFACTS[name]
    assert equal(make(ONE), make(OTHER))
    first, second = make(ONE), make(planted())
    assert [x.shape for x in first] != [x.shape for x in second] or not equal(first, second)


def scores(part: registry.Part, data: Interactions) -> list[Tensor]:
    """Scores of every user and item, in every setting of a baseline."""
    users = torch.arange(USERS)
    fits = build("baseline", part.name, part.example or {}).fits(data.train, USERS, ITEMS)
    return [score_block(users) for _, score_block in fits]


@pytest.mark.parametrize("part", BASELINES, ids=lambda part: part.name)
def test_no_baseline_sees_it(part: registry.Part) -> None:
    assert equal(scores(part, ONE), scores(part, OTHER))
    assert not equal(scores(part, ONE), scores(part, planted()))


def test_baselines_choose_their_settings_without_the_test_part() -> None:
    other_test = replace(ONE, held_out=replace(ONE.held_out, test=OTHER.held_out.test))
    options = {"baselines": ("popularity", "itemknn", {"ease": {"reg": [1.0, 10.0, 100.0]}})}
    tasks = [Recommend(data=data, **options) for data in (ONE, other_test)]
    found = [task.baselines(seed=0) for task in tasks]
    settings = [{name: result.record() for name, result in task.results.items()} for task in tasks]
    assert settings[0] == settings[1]
    assert found[0] != found[1]  # what they are judged on did change


@pytest.mark.parametrize("name", ["lightgcl", "lightgcn", "sgl", "xsimgcl", "ncl", "directau"])
def test_no_recipe_trains_on_it(name: str) -> None:
    """The whole loop: parameters after training are equal, the metrics are not."""
    recipe = tiny_recipe(name, "train.epochs=2", "train.eval_every=9")
    recipe = recipe.override("states.prototypes.k=3", "states.prototypes.start=0") if name == "ncl" else recipe
    other = replace(ONE, held_out=replace(ONE.held_out, test=OTHER.held_out.test))
    first, second = (graphcl.fit(recipe, data=data) for data in (ONE, other))
    for key, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[key]), key
    assert {k: v for k, v in first.metrics.items() if k.startswith("valid/")} == {
        k: v for k, v in second.metrics.items() if k.startswith("valid/")
    }
    assert first.metrics["test/ndcg@5"] != second.metrics["test/ndcg@5"]
    moved = graphcl.fit(recipe, data=planted())
    assert any(not torch.equal(t, moved.model.state_dict()[key]) for key, t in first.model.state_dict().items())


# --- train-only is a type --------------------------------------------------------------------------


def functions(path: Path) -> Iterator[tuple[str, str]]:
    """Name and annotations of every function of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            yield node.name, " ".join(ast.unparse(a.annotation) for a in every if a.annotation is not None)


def test_builders_samplers_and_baselines_take_pairs_never_the_whole_log() -> None:
    places = ["graph", "augment", "encode", "objective", "engine", "tasks/baselines"]
    files = [path for place in places for path in (PACKAGE / place).rglob("*.py")]
    files += [PACKAGE / "tasks" / f"{name}.py" for name in ("sampling", "pair_batches", "sequence_batches", "runs")]
    assert len(files) > 40
    words = ("Interactions", "Histories", "HeldOut", "Records", "NodeGraph")
    # These read texts, and the edges of training: views that were made with other edges are refused.
    texts = ("prompt_experts.py", "edge_modifier.py")
    found = [f"{path.name}: {name}" for path in files if path.name not in texts for name, hints in functions(path)
             if any(word in hints.replace("[", " ").replace("|", " ").split() for word in words)]
    assert found == []


# --- other tasks -----------------------------------------------------------------------------------


def node_graph() -> NodeGraph:
    return build("data", "node_graph", {"name": "karate"}, data_root=None).load(seed=0)


def test_a_node_task_trains_without_labels() -> None:
    data = node_graph()
    graph = Node(data=data).graphs["graph"]
    assert not {"y", "label", "labels", "train_mask", "val_mask", "test_mask"} & set(graph.keys())
    changed = replace(data, labels=1 - data.labels)
    recipe = graphcl.load("grace", "encoder.dim=4", "heads.proj.dim=4", "train.epochs=2", "train.threads=1")
    trained = []
    for one in (data, changed):
        training = Training(recipe, make_task(recipe, one), observer=Observer(), run=None, device=CPU, validate=False)
        training.train()
        trained.append(training.model.state_dict())
    assert all(torch.equal(tensor, trained[1][key]) for key, tensor in trained[0].items())


def test_a_retrieval_task_trains_on_its_training_records_alone() -> None:
    data = RecordsData(count=40).load(seed=0)
    changed = {
        field: [graph if int(number) in set(data.parts["train"].tolist()) else graph.clone().update({"x": -graph.x})
                for number, graph in enumerate(graphs)]
        for field, graphs in data.fields.items()
    }
    tasks = [Retrieval(data=data), Retrieval(data=replace(data, fields=changed))]
    for field in data.fields:
        assert torch.equal(tasks[0].graphs[field].x, tasks[1].graphs[field].x)
    for one, other in zip(*(task.batches(8, generator=generator(0)) for task in tasks), strict=True):
        assert all(torch.equal(one.graphs[field].x, other.graphs[field].x) for field in data.fields)
    (one, *_), (other, *_) = (list(task.examples("test")) for task in tasks)
    assert not torch.equal(one.graphs["text"].x, other.graphs["text"].x)


NEXT_ITEM = """
task: sequence
encoder: {chain_transformer: {dim: 4, heads: 1, num_layers: 1, dropout: 0.2}}
views:
  main: []
  a:
    - AUGMENTER
  b: []
terms:
  - info_nce: {anchors: "main.nodes[predict]", candidates: table.item, positives: "table.item[next]", pair: position}
  - info_nce: {anchors: a.graphs, candidates: b.graphs}
  - info_nce: {anchors: a.graphs, candidates: state.c.centroids, assignment: state.c.assignment, assigned_only: true}
states: {c: {kmeans: {rows: main.graphs, k: 3}}}
train: {epochs: 2, batch_size: 8, eval_every: 9, threads: 1, patience: 0, monitor: ndcg@5}
eval: {k: [5], baselines: [popularity]}
"""


@pytest.mark.parametrize("part", OF_CHAINS, ids=lambda part: part.name)
def test_a_recipe_of_histories_trains_on_train_alone(part: registry.Part, tmp_path: Path) -> None:
    """Whatever the last two items of each user are: the parameters are equal, the metrics are not."""
    (tmp_path / "next.yaml").write_text(NEXT_ITEM.replace("AUGMENTER", f"{part.name}: {json.dumps(part.example)}"))
    trains_on_train_alone(graphcl.load(str(tmp_path / "next.yaml")), "packed")


def test_a_recipe_that_reads_histories_to_their_end_trains_on_train_alone() -> None:
    trains_on_train_alone(graphcl.load(
        "bert4rec", "encoder.dim=4", "encoder.num_layers=1", "train.epochs=2", "train.batch_size=8",
        "train.eval_every=9", "train.threads=1", "train.patience=0", "train.monitor=ndcg@5", "eval.k=[5]",
        "eval.baselines=[popularity]",
    ), "whole")  # fmt: skip


def trains_on_train_alone(recipe: Recipe, layout: RowLayout) -> None:
    rows = [[*row, row[0], row[-1]] for row in random_rows(1)]
    ends = [row[-2:] for row in rows]
    exchanged = [[*row[:-2], *end] for row, end in zip(rows, [*ends[3:], *ends[:3]], strict=True)]
    first, second = (graphcl.fit(recipe, data=histories(some, row_layout=layout)) for some in (rows, exchanged))
    for key, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[key]), key
    assert first.metrics["test/ndcg@5"] != second.metrics["test/ndcg@5"]
    moved = graphcl.fit(recipe, data=histories([[row[1], row[0], *row[2:]] for row in rows], row_layout=layout))
    assert any(not torch.equal(t, moved.model.state_dict()[key]) for key, t in first.model.state_dict().items())
