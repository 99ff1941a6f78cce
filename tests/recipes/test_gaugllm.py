"""What GAugLLM's recipes are worth on a small graph of texts."""

from __future__ import annotations

import functools
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

import graphcl
from graphcl.data.graphs.labelled import NodeGraph
from graphcl.data.graphs.node_graph import NodeGraphData, NodeSplitOptions
from graphcl.engine.fitted import Fitted
from graphcl.engine.observe import Observer
from graphcl.engine.prepare import make_task
from graphcl.engine.training import Training
from graphcl.engine.unseen import embed_unseen

RECIPES = {
    "gaugllm": "heads.proj.dim=32",
    "gaugllm_bgrl": "heads.pred.hidden=64",
    "gaugllm_gbt": "train.warmup_epochs=4",
    "gaugllm_graphmae": "encoder.heads=2",
    "gaugllm_graphcl": "train.patience=0",
    "graphcl_node": "train.patience=0",
}
NODES, TOPICS = 150, 3


@functools.cache
def papers() -> NodeGraph:
    """Short texts with as many words of other topics as of their own; three of four links are within a topic."""
    draw = random.Random(0)
    words = [[f"{letter}{first}{second}" for first in "aeiou" for second in "bdfg"] for letter in "klm"]
    texts, pairs = [], []
    for node in range(NODES):
        said = [draw.choice(words[node % TOPICS if draw.random() < 0.35 else draw.randrange(TOPICS)]) for _ in range(9)]
        texts.append(f"{' '.join(said[:4])} : {' '.join(said[4:])}.")
        for _ in range(3):
            within = draw.random() < 0.75
            other = draw.randrange(NODES // TOPICS) * TOPICS + (node % TOPICS if within else draw.randrange(TOPICS))
            pairs.append((node, other))
    y = [("kilo", "lima", "mike")[node % TOPICS] for node in range(NODES)]
    graph = Data(edge_index=torch.tensor(pairs).t(), text=texts, y=y, num_nodes=NODES)
    split = NodeSplitOptions(ratios=[0.1, 0.2, 0.7], stratified=True)
    return NodeGraphData(given=graph, split=split).load(seed=0)


def trained(name: str, *overrides: str, epochs: int = 40) -> Fitted:
    settings = ("encoder.dim=32", RECIPES[name], "train.lr=5e-3", f"train.epochs={epochs}", "train.warmup_epochs=0",
                "train.eval_every=1000", "train.threads=1", "eval.baselines=[raw_features]")
    return graphcl.fit(graphcl.load(name, *settings, *overrides), data=papers())


@pytest.mark.parametrize("name", RECIPES)
def test_it_learns_from_texts_and_links(name: str) -> None:
    metrics = trained(name).metrics
    assert metrics["test/accuracy"] > metrics["baseline/raw_features/accuracy"] + 0.25


class Values(Observer):
    """The terms at every step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def stepped(self, *, terms: dict[str, float], **_: Any) -> None:
        self.seen.append(sum(value for name, value in terms.items() if name != "expert_entropy"))


def losses(name: str, *overrides: str) -> tuple[float, ...]:
    values = Values()
    recipe = graphcl.load(name, "encoder.dim=8", "train.epochs=3", "train.lr=0.05", "train.threads=1",
                          "eval.baselines=[]", "eval.random_encoder=false", *overrides)
    graphcl.fit(recipe, data=papers(), observers=[values])
    return tuple(values.seen)


def test_each_switch_changes_the_loss() -> None:
    experts, edits = "views.*.augment.prompt_experts", "views.b.augment.edge_modifier"
    changes = (
        "", f"{experts}.mix=uniform", f"{experts}.experts=[raw]", f"{experts}.experts=[raw,summary]",
        f"{experts}.temperature=1.0", f"{experts}.class_names=true", f"{edits}.decide=embedding",
        f"{edits}.decide=random", f"{edits}.k=2", f"{edits}.p_drop=0.9", f"{edits}.p_add=0.9", f"{edits}.least=1",
        f"{edits}.undrawn=keep", "~views.b.augment=edge_modifier",
    )
    runs = {change: losses("gaugllm", *change.split()) for change in changes}
    assert len(set(runs.values())) == len(runs)


def test_the_selector_learns_with_the_optimiser_of_the_encoder() -> None:
    """In the published code its schedule is bound to another optimiser, so that its rate never changes."""
    recipe = graphcl.load("gaugllm", "encoder.dim=8", "train.epochs=6", "train.lr_schedule=cosine", "train.threads=1",
                          "eval.baselines=[]", "eval.random_encoder=false")
    task = make_task(recipe, papers())
    training = Training(recipe, task, observer=Observer(), run=None, device=torch.device("cpu"))
    training.train()
    (phase,) = training.phases
    ours = {id(parameter) for parameter in training.model.augmenters["prompt_experts"].parameters()}
    assert len(ours) == 4
    held = {id(p): group["lr"] for group in phase.optimizer.param_groups for p in group["params"]}
    assert ours <= held.keys()
    assert {held[one] for one in ours} == set(held.values()) != {recipe["train.lr"]}


def test_the_discriminator_is_trained() -> None:
    """In the published code every step draws another one."""
    start, later = (trained("graphcl_node", epochs=epochs).model.term("discriminate").bilinear for epochs in (1, 20))
    assert float((later - start).detach().norm() / start.detach().norm()) > 0.05


def test_the_entropy_term_keeps_experts_apart_from_nothing() -> None:
    free, kept = (
        trained("gaugllm", f"regularizers.expert_entropy.weight={weight}", "eval.random_encoder=false").metrics
        for weight in (0.0, 5.0)
    )
    assert kept["valid/expert_entropy/entropy"] > free["valid/expert_entropy/entropy"] + 0.2
    weights = [value for name, value in kept.items() if name.startswith("valid/expert_entropy/")]
    assert sum(weights) - kept["valid/expert_entropy/entropy"] == pytest.approx(1.0)


def test_one_named_view_is_embedded_and_the_record_says_which(tmp_path: Path) -> None:
    small = ("encoder.dim=8", "train.epochs=2", "train.threads=1", "eval.baselines=[]", "eval.random_encoder=false")
    fitted = graphcl.fit(graphcl.load("gaugllm", *small), data=papers(), out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "protocol.json").read_text())
    assert record["embedded"] == "view mixed"
    assert record["augmenters"]["prompt_experts"]["backend"] == "offline"
    assert record["augmenters"]["b.edge_modifier"]["decided_by"] == "offline-confirmed"
    raw = graphcl.fit(graphcl.load("gaugllm", *small, "embed.view=''"), data=papers(), out=tmp_path / "raw")
    assert json.loads((tmp_path / "raw" / "protocol.json").read_text())["embedded"] == "the graph as it is"
    assert not torch.equal(raw.embeddings[""], fitted.embeddings[""])


def test_new_nodes_are_embedded_by_the_experts_of_training() -> None:
    data = papers()
    fitted = trained("gaugllm", "eval.random_encoder=false", epochs=5)
    same = Data(edge_index=data.graph.edge_index, text=data.graph.text, num_nodes=NODES)
    found, _ = embed_unseen(fitted.model, data, given=same)
    torch.testing.assert_close(found[""], fitted.embeddings[""])
    fewer = Data(edge_index=torch.tensor([[0, 1], [1, 2]]), text=data.graph.text[:3], num_nodes=3)
    assert embed_unseen(fitted.model, data, given=fewer)[0][""].shape == (3, 32)
    again, _ = embed_unseen(fitted.model, data, given=same)
    assert torch.equal(again[""], found[""])
