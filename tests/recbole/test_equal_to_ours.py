"""Inside RecBole is what ``graphcl train`` trains: loss, terms and gradients are equal on RecBole's loader."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from graphcl.core import seeds
from graphcl.core.build import build
from graphcl.core.config.recipe import load_recipe
from graphcl.core.errors import UserError
from graphcl.data.histories import Histories
from graphcl.data.interactions import HeldOut, Ids, Interactions, Pairs
from graphcl.engine.checkpoint import Progress
from graphcl.engine.stepper import Stepper
from graphcl.from_recbole.names import NAMES, PREFIX
from graphcl.graph.chain import build_chains
from graphcl.recbole.data import ROW
from graphcl.tasks.base import Batch
from graphcl.tasks.recommend import Recommend
from graphcl.tasks.sequence import Sequence
from tests.recbole.conftest import Made

Make = Callable[..., Made]
GENERAL = ["bpr_mf", "lightgcn", "sgl", "simgcl", "xsimgcl", "ncl", "directau", "lightgcl"]
SEQUENTIAL = ["sasrec", "gru4rec", "cl4srec", "duorec", "coserec", "mclrec"]
TINY = {"data": "tiny", "MAX_ITEM_LIST_LENGTH": 10, "n_layers": 1, "train_batch_size": 64}
NOTHING = HeldOut(*[Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64))] * 2)


def ids(dataset: Any, field: str) -> Ids:
    return Ids.of([str(token) for token in dataset.field2id_token[field][1:]])


def our_general(made: Made, recipe: str) -> Stepper:
    """The engine's own, with no code of the adapter."""
    dataset = made.train._dataset
    rows = dataset.inter_feat
    pairs = Pairs(rows["user_id"].numpy() - 1, rows["item_id"].numpy() - 1)
    task = Recommend(data=Interactions(ids(dataset, "user_id"), ids(dataset, "item_id"), pairs, NOTHING))
    settings = {"data.path": "x", "encoder.dim": 16, "train.seed": made.config["seed"], "train.epochs": 1}
    return Stepper(load_recipe(recipe, settings=settings), task, device=torch.device("cpu"))


def our_batch(interaction: Any) -> Batch:
    users, pos, neg = (interaction[name] - 1 for name in ("user_id", "item_id", "neg_item_id"))
    rows = {
        "users": users, "items_pos": pos, "items_neg": neg, "batch": {"user": users, "item": torch.cat([pos, neg])},
        "positives": {"user": users, "item": pos}, "unique": {"user": users.unique(), "item": pos.unique()},
    }  # fmt: skip
    return Batch(torch.arange(len(users)), rows, targets=len(users))


def our_sequential(made: Made, recipe: str) -> Stepper:
    """Histories are read from RecBole's file, less the last two items of each user."""
    dataset = made.train._dataset
    token = {kind: {str(t): i - 1 for t, i in dataset.field2token_id[kind].items()} for kind in ("user_id", "item_id")}
    file = f"{made.config['data_path']}/tiny.inter"
    with open(file) as lines:
        events = [line.split("\t") for line in lines.read().splitlines()[1:]]
    events = [(token["user_id"][user], int(time), token["item_id"][item]) for user, item, _, time in events]
    order = np.lexsort([[time for _, time, _ in events], [user for user, _, _ in events]])
    users, items = (np.array([events[row][column] for row in order]) for column in (0, 2))
    kept = np.concatenate([np.flatnonzero(users == user)[:-2] for user in range(users.max() + 1)])
    data = Histories(ids(dataset, "user_id"), ids(dataset, "item_id"), Pairs(users[kept], items[kept]), NOTHING,
                     max_len=10, row_layout="prefix")  # fmt: skip
    settings = {"data.path": "x", "encoder.dim": 16, "train.seed": made.config["seed"], "train.epochs": 1,
                "data.row_layout": "prefix", "data.max_len": 10, "encoder.num_layers": 1}  # fmt: skip
    if recipe != "gru4rec":
        settings["encoder.max_len"] = 10
    if recipe == "coserec":
        settings |= {f"views.{view}.augment.one_of.choices.insert_items.max_len": 10 for view in "ab"}
    loaded = load_recipe(recipe, settings=settings)
    return Stepper(loaded, build("task", "sequence", loaded["eval"], data=data), device=torch.device("cpu"))


def gradients(model: Any, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_equal(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    assert set(theirs) == set(ours)
    for name in ours:
        torch.testing.assert_close(torch.as_tensor(theirs[name]), torch.as_tensor(ours[name]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("recipe", GENERAL)
def test_general(make: Make, recipe: str) -> None:
    made = make(PREFIX + NAMES[recipe])
    ours = our_general(made, recipe)
    interaction = next(iter(made.train))
    made.model.train()
    ours.model.train()
    loss, terms = ours.loss(our_batch(interaction), Progress())
    theirs, their_terms = made.model.stepper.loss(made.model.batch(interaction), made.model.progress)
    assert_equal(their_terms, terms)
    assert_equal(gradients(made.model.parts, theirs), gradients(ours.model, loss))


def test_calculate_loss_is_the_steppers(make: Make) -> None:
    made = make("LightGCL")
    interaction = next(iter(made.train))
    loss, _ = our_general(made, "lightgcl").loss(our_batch(interaction), Progress())
    assert abs(float(made.model.calculate_loss(interaction)) - float(loss)) < 1e-6


def test_phases_have_no_one_loss(make: Make) -> None:
    made = make("MCLRec", **TINY)
    with pytest.raises(UserError, match=r"trains in phases \(theta, phi\)"):
        made.model.calculate_loss(next(iter(made.train)))


def chains_of(interaction: Any, items: int) -> Any:
    padded, lengths = interaction["item_id_list"], interaction["item_length"]
    runs = [row[:length] - 1 for row, length in zip(padded, lengths, strict=True)]
    ptr = torch.cat([torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)])
    return build_chains(torch.cat(runs), ptr, num_items=items)


@pytest.mark.parametrize("recipe", SEQUENTIAL)
def test_sequential(make: Make, recipe: str) -> None:
    made = make(PREFIX + NAMES[recipe], **TINY)
    ours = our_sequential(made, recipe)
    interaction = next(iter(made.train))
    task: Sequence = ours.task  # type: ignore[assignment]
    made.model.train()
    ours.model.train()
    batch = made.model.batch(interaction)
    # The batch is RecBole's own rows, without padding ...
    chains = chains_of(interaction, len(task.data.items))
    assert batch.graphs["chain"].item.equal(chains.item)
    assert batch.graphs["chain"].ptr.equal(chains.ptr)
    assert batch.rows["next"].equal(interaction["item_id"] - 1)
    # ... and the examples of the same number in histories that were read without the adapter.
    same = task.training.batch(interaction[ROW], seeds.generator(ours.seed, "select", "negatives", 0))
    assert same.graphs["chain"].item.equal(chains.item)
    loss, terms = ours.loss(same, Progress())
    theirs, their_terms = made.model.stepper.loss(batch, made.model.progress)
    assert_equal(their_terms, terms)
    assert_equal(gradients(made.model.parts, theirs), gradients(ours.model, loss))


def test_padding_has_no_row(make: Make) -> None:
    made = make("LightGCL")
    tables = made.model.parts.towers["main"].tables
    assert len(tables["user"]) == made.model.n_users - 1
    assert len(tables["item"]) == made.model.n_items - 1


@pytest.mark.parametrize(("recipe", "settings"), [("lightgcl", {}), ("mclrec", TINY)])
def test_an_epoch_of_the_trainer_is_ours(make: Make, recipe: str, settings: dict[str, Any]) -> None:
    made = make(PREFIX + NAMES[recipe], **settings)
    ours = our_general(made, recipe) if recipe == "lightgcl" else our_sequential(made, recipe)
    batches = list(made.train)[:3]
    made.trainer._train_epoch(batches, 0)
    p = Progress()
    ours.begin_epoch(p)
    for interaction in batches:
        negatives = seeds.generator(ours.seed, p.stage, "negatives", p.step)
        task: Any = ours.task
        general = recipe == "lightgcl"
        ours.step(our_batch(interaction) if general else task.training.batch(interaction[ROW], negatives), p)
    theirs = dict(made.model.parts.named_parameters())
    for name, parameter in ours.model.named_parameters():
        torch.testing.assert_close(theirs[name], parameter, rtol=1e-5, atol=1e-6)
    assert made.model.progress.updates == p.updates == len(batches) * len(ours.phases)
