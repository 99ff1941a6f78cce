"""What is computed for the batch's rows alone is what would have been computed for all of them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor

from graphcl.engine.flow import StepFlow
from graphcl.engine.observe import Observer
from graphcl.engine.phases import needed_rows
from graphcl.engine.prepare import make_task
from graphcl.engine.training import Training

from .tiny import interactions, tiny_recipe
from .toy import CPU

#: Recipe -> overrides that take its noise away: noise is drawn for the rows that are computed.
RECIPES = {
    "bpr_mf": (),
    "lightgcn": (),
    "xsimgcl": ("views.noisy.augment.propagation_noise.eps=0.0",),
    "simgcl": ("views.a.augment.propagation_noise.eps=0.0", "views.b.augment.propagation_noise.eps=0.0"),
    "sgl": (),
    "lightgcl": (),
    "directau": (),
    "ncl": (),
}


def training(name: str) -> Training:
    recipe = tiny_recipe(name, *RECIPES[name])
    return Training(recipe, make_task(recipe, interactions()), observer=Observer(), run=None, device=CPU)


def loss_and_gradients(
    name: str, *, restricted: bool, size: int = 8
) -> tuple[Tensor, Mapping[str, Tensor | None], StepFlow]:
    made = training(name)
    (phase,) = made.phases
    batch = next(iter(made.task.batches(size, generator=torch.Generator().manual_seed(1))))
    flow = StepFlow(made.model, made.views, batch, types=made.task.types, epoch=0, step=0,
                    needs=phase.needs if restricted else None)
    loss, _ = phase.loss(flow)
    gradients = torch.autograd.grad(loss, list(phase.parameters.values()), allow_unused=True)
    return loss.detach(), dict(zip(phase.parameters, gradients, strict=True)), flow


@pytest.mark.parametrize("name", RECIPES)
def test_loss_and_gradients_are_the_same(name: str) -> None:
    whole, expected, _ = loss_and_gradients(name, restricted=False)
    part, found, _ = loss_and_gradients(name, restricted=True)
    torch.testing.assert_close(part, whole, rtol=1e-6, atol=1e-7)
    for parameter, gradient in expected.items():
        torch.testing.assert_close(found[parameter], gradient, rtol=1e-5, atol=1e-8)


def test_a_batch_of_every_node_restricts_to_all_of_them() -> None:
    whole, _, _ = loss_and_gradients("ncl", restricted=False, size=0)
    part, _, flow = loss_and_gradients("ncl", restricted=True, size=0)
    rows = flow.encoding("main", "main").rows
    assert rows is not None
    assert len(rows) == 27
    torch.testing.assert_close(part, whole, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "view", "restricted"),
    [
        ("lightgcn", "main", True),  # batch rows only
        ("xsimgcl", "noisy", True),  # nodes and a layer, rows only
        ("sgl", "main", True),
        ("sgl", "b", False),  # all nodes are candidates
        ("lightgcl", "graph", False),
        ("lightgcl", "svd", True),  # anchors of the batch, over layers it borrows
    ],
)
def test_encodings_are_restricted_where_nothing_else_is_read(name: str, view: str, restricted: bool) -> None:
    _, _, flow = loss_and_gradients(name, restricted=True)
    rows = flow.encoding("main", view).rows
    assert (rows is not None) is restricted
    if rows is not None:
        assert len(flow.encoding("main", view).nodes) == len(rows) < 27
        assert torch.equal(rows, rows.unique())


def test_what_a_state_reads_whole_is_not_restricted() -> None:
    labels = ["bpr", "info_nce", "info_nce#2", "l2"]
    layer_zero = tiny_recipe("ncl")  # which every encoding has whole
    assert ("main", "main") in needed_rows(layer_zero, ("user", "item"), labels)
    nodes = tiny_recipe("ncl", "states.prototypes.rows=main.nodes[*]")
    assert ("main", "main") not in needed_rows(nodes, ("user", "item"), labels)
