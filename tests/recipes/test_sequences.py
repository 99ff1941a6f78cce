"""The recipes of sequences: what they learn, whose histories a view is made of, and the step that looks ahead."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import Tensor

import graphcl
from graphcl.core.errors import ConfigError, UserError
from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.engine.embed import embed
from graphcl.engine.observe import Observer
from graphcl.engine.training import Training
from graphcl.objective.kernels import differentiable
from graphcl.tasks.sequence import Sequence
from tests.tasks.small_histories import histories

ITEMS = 17
SMALL = ("encoder.dim=16", "train.batch_size=32", "train.threads=1", "train.device=cpu", "eval.baselines=[]")


@functools.cache
def rule(row_layout: str = "packed", **options: Any) -> Sequence:
    """Histories in which item k is followed by 5 k + 2, as far as they go: the next one is certain."""
    rows = []
    for user in range(136):
        row = [user % ITEMS]
        while len(row) < 4 + user % 5:
            row.append((5 * row[-1] + 2) % ITEMS)
        rows.append(row)
    data = histories(rows, items=ITEMS, row_layout=row_layout)
    return Sequence(mask_history=False, k=(1, 5), baselines=(), data=data, **options)


class Notes(Observer):
    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        self.told.append(text)


def training(recipe: str, *overrides: str, observer: Observer | None = None, **sampling: Any) -> Training:
    loaded = graphcl.load(recipe, *SMALL, *overrides)
    task = rule(loaded["data.row_layout"], **sampling)
    return Training(loaded, task, observer=observer or Notes(), run=None, device=torch.device("cpu"), validate=False)


def judged(found: Training) -> dict[str, float]:
    return found.task.evaluate(embed(found.model, found.views, found.task, "test"), "test", seed=0)


@pytest.mark.parametrize("recipe", ["sasrec", "gru4rec", "cl4srec", "coserec", "duorec", "mclrec", "iclrec"])
def test_a_certain_rule_is_learnt(recipe: str) -> None:
    few = ["states.intents.k=17"] if recipe == "iclrec" else []
    found = training(recipe, "train.epochs=25", "train.lr=1e-2", "encoder.dropout=0.1", *few)
    before = judged(found)["recall@1"]
    found.train()
    assert before < 0.3
    assert judged(found)["recall@1"] > 0.9


#: few hidden items a step, and who precedes them is to be found out by their places
BERT = ("train.epochs=45", "train.lr=1e-2", "train.batch_size=16", "encoder.dropout=0",
        "encoder.attention_dropout=0", "encoder.num_layers=1")  # fmt: skip


def test_hidden_items_teach_the_rule_to_a_mask_at_the_end() -> None:
    found = training("bert4rec", *BERT)
    before = judged(found)["recall@1"]
    found.train()
    assert before < 0.3
    assert judged(found)["recall@1"] > 0.9
    found.model.recipe = found.model.recipe.override("embed.view=''")
    assert judged(found)["recall@1"] < 0.5  # without the mask the last item is asked, which tells of itself


def test_hidden_items_are_found_among_all_by_what_stood_there() -> None:
    """The term's value is the cross-entropy of the masked nodes' own items, which the encoder did not see."""
    found = training("bert4rec", "encoder.dropout=0", "encoder.attention_dropout=0")
    batch = next(iter(found.task.batches(8, generator=generator(0))))
    flow = found.stepper.flow(found.progress, batch)
    (group,) = found.model.term("info_nce")(flow)
    shown, true = flow.view("main").graph, batch.graphs["chain"].item
    masked = shown.item == ITEMS
    assert torch.equal(masked, shown.masked)
    assert torch.equal(shown.item[~masked], true[~masked])
    assert torch.bincount(shown.batch[masked], minlength=8).min() >= 1
    logits = found.model.towers["main"](View(shown)).nodes[masked] @ flow.tensor("table.item").T
    assert torch.equal(flow.rows("main.nodes[masked]").ids, masked.nonzero().view(-1))  # type: ignore[arg-type]
    torch.testing.assert_close(group.values, torch.nn.functional.cross_entropy(logits, true[masked], reduction="none"))


def test_rows_of_a_view_that_loses_nodes_are_refused() -> None:
    found = training("bert4rec", "views.main.augment=[{mask_items: {ratio: 0.5}}, {crop_chain: {ratio: 0.5}}]")
    batch = next(iter(found.task.batches(8, generator=generator(0))))
    with pytest.raises(UserError, match=r"rows \[masked\] of view 'main': an augmenter of the view adds or"):
        found.stepper.flow(found.progress, batch).rows("main.nodes[masked]")


def test_where_nothing_was_hidden_there_are_no_such_rows() -> None:
    choices = "{crop_chain: {ratio: 1.0}, mask_items: {ratio: 0.5}}"
    found = training("bert4rec", f"views.main.augment=[{{one_of: {{choices: {choices}, weights: [1, 0]}}}}]")
    batch = next(iter(found.task.batches(8, generator=generator(0))))
    flow = found.stepper.flow(found.progress, batch)
    assert len(flow.rows("main.nodes[masked]")) == 0
    assert found.model.term("info_nce")(flow)[0].values.shape == (0,)


def test_whole_histories_have_nothing_that_follows() -> None:
    with pytest.raises(UserError, match=r"batches have no rows \[next\] here; set data.row_layout=packed"):
        training("sasrec", "data.row_layout=whole")


@pytest.mark.parametrize(("recipe", "negatives"), [("sasrec_bce", 1), ("gsasrec", 4)])
def test_sampled_negatives_learn_it_too(recipe: str, negatives: int) -> None:
    """What a user has is never his negative, so that it may stand above: the rule's answer is among the first few."""
    found = training(recipe, "train.epochs=20", "train.lr=1e-2", "encoder.dropout=0.1",
                     f"eval.num_negatives={negatives}")  # fmt: skip
    before = judged(found)["recall@5"]
    found.train()
    assert before < 0.4
    assert judged(found)["recall@5"] > 0.9


OWN = ("terms.sampled_softmax.neg=table.item[negatives]", "terms.sampled_softmax.shared=false")


@pytest.mark.parametrize(("options", "sampling", "at"), [
    ((), {"shared_negatives": 30}, 1), ((), {"shared_negatives": 30, "negatives": "popularity"}, 1),
    (OWN, {"num_negatives": 8}, 5),
])  # fmt: skip
def test_a_sampled_softmax_learns_it(options: tuple[str, ...], sampling: dict[str, Any], at: int) -> None:
    """A target's own negatives are never of the user's history, of which nothing is then learnt."""
    found = training("sasrec_sampled", "train.epochs=25", "train.lr=1e-2", "encoder.dropout=0.1", *options, **sampling)
    before = judged(found)[f"recall@{at}"]
    found.train()
    assert before < 0.5
    assert judged(found)[f"recall@{at}"] > 0.9


@pytest.mark.parametrize("recipe", ["mclrec_code", "mclrec_second_order"])
def test_the_other_schedules_of_mclrec_train_both_sides(recipe: str) -> None:
    found = training(recipe, "train.epochs=1")
    start = {name: p.detach().clone() for name, p in found.model.named_parameters()}
    found.train()
    moved = {name.split(".")[1] for name, p in found.model.named_parameters() if not torch.equal(p, start[name])}
    assert moved == {"main", "w1", "w2"}


def test_a_view_of_same_target_is_made_of_histories_that_end_alike() -> None:
    found = training("duorec")
    batch = next(iter(found.task.batches(32, generator=generator(0))))
    flow = found.stepper.flow(found.progress, batch)
    one, other = (flow.view(name).graph for name in ("a", "b"))
    rows = flow.rows("b.graphs")
    assert torch.equal(rows.ids, batch.ids)  # type: ignore[arg-type]

    task: Any = found.task
    follows = {tuple(chain): set[int]() for chain in _chains(task.records(torch.arange(len(task.target_of)))["chain"])}
    for chain, target in zip(_chains(task.records(torch.arange(len(task.target_of)))["chain"]), task.target_of.tolist(),
                             strict=True):  # fmt: skip
        follows[tuple(chain)].add(target)
    wanted = task.target_of[batch.ids].tolist()
    assert all(target in follows[tuple(chain)] for chain, target in zip(_chains(other), wanted, strict=True))
    assert _chains(one) != _chains(other)
    with pytest.raises(UserError, match=r"views\.b\.source pairs whole examples, not their nodes"):
        flow.rows("b.nodes")


def _chains(graph: Any) -> list[list[int]]:
    return [chain.tolist() for chain in graph.item.tensor_split(graph.ptr[1:-1].tolist())]


def test_a_source_of_examples_needs_a_task_that_has_targets() -> None:
    with pytest.raises(UserError, match="source same_target: the examples of this task have no target each"):
        graphcl.fit(graphcl.load("grace", "views.b.source=same_target", "train.epochs=1", "eval.baselines=[]"))


def test_chains_that_are_too_short_to_change_are_counted_and_told() -> None:
    notes = Notes()
    training("cl4srec", "train.epochs=1", "views.a.augment.one_of.choices.mask_items.ratio=0.1", observer=notes).train()
    (said,) = [text for text in notes.told if "too short" in text]
    assert said.startswith("epoch 1: chains too short for an augmenter: ")
    assert "(view a: left as they are)" in said


def test_the_step_that_looks_ahead_has_the_gradient_of_finite_differences() -> None:
    """Of the learned augmenters, through one step of the encoder: three items, one layer, float64."""
    data = histories([[0, 1, 0, 1, 0], [1, 0, 1, 0, 1], [0, 2, 0, 1, 0]], items=3)
    loaded = graphcl.load(
        "mclrec_second_order", *SMALL, "encoder.dim=4", "encoder.num_layers=1", "encoder.dropout=0",
        "encoder.attention_dropout=0", "heads.w1.hidden=[3]", "heads.w2.hidden=[3]", "phases.phi.inner.lr=0.5",
    )
    found = Training(loaded, Sequence(baselines=(), data=data), observer=Notes(), run=None,
                     device=torch.device("cpu"), validate=False)  # fmt: skip
    found.model.double()
    phi = found.phases[1]
    batch = next(iter(found.task.batches(0, generator=generator(0))))

    def loss() -> Tensor:
        return phi.loss(found.stepper.flow(found.progress, batch, draw=0, phase=phi))[0]

    with differentiable():
        exact = torch.autograd.grad(loss(), list(phi.parameters.values()))
    assert max(float(gradient.abs().max()) for gradient in exact) > 1e-6
    for parameter, gradient in zip(phi.parameters.values(), exact, strict=True):
        flat, slopes = parameter.data.view(-1), gradient.reshape(-1)
        for place in range(0, flat.numel(), 3):
            kept, values = float(flat[place]), []
            for sign in (1, -1):
                flat[place] = kept + sign * 1e-5
                values.append(float(loss()))
            flat[place] = kept
            assert float(slopes[place]) == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-3, abs=1e-8)


def test_an_unknown_row_set_is_named() -> None:
    with pytest.raises(ConfigError, match="nodes\\[following\\]"):
        graphcl.load("sasrec", "terms.info_nce.anchors=main.nodes[following]")


@pytest.mark.parametrize(
    ("recipe", "overrides", "message"),
    [
        ("sasrec", [], r"encoder\.max_len: the tower reads 50 nodes of a chain and data\.max_len is 60; set"),
        ("bert4rec", ["encoder.max_len=60"], r"views\.asked\.augment\.append_mask\.max_len is 50 and data\.max_len"),
    ],
)
def test_limits_that_would_cut_histories_are_refused_before_training(
    recipe: str, overrides: list[str], message: str
) -> None:
    loaded = graphcl.load(recipe, "train.threads=1", "train.device=cpu", *overrides)
    task = Sequence(baselines=(), data=histories([[0, 1, 2, 3], [1, 2, 3, 0]], items=4, max_len=60))
    with pytest.raises(UserError, match=message):
        Training(loaded, task, observer=Notes(), run=None, device=torch.device("cpu"))
