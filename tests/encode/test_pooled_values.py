"""Means of stretches, worked by hand, and what CAB-KWS holds its bottlenecks to."""

from __future__ import annotations

import torch

import graphcl
from graphcl.core import seeds
from graphcl.core.config.recipe import Recipe
from graphcl.encode.base import View
from graphcl.encode.pooled_values import PooledValues
from graphcl.engine.flow import StepFlow
from graphcl.engine.model import Model
from graphcl.engine.prepare import load_data, make_task
from graphcl.engine.views import Views
from graphcl.graph.window import build_windows
from graphcl.objective.base import reduce_groups


def test_stretches_are_averaged_each_by_itself() -> None:
    table = torch.tensor([[1.0, 0.0], [3.0, 2.0], [5.0, 4.0], [9.0, 8.0], [7.0, 1.0]])
    graph = build_windows(table, torch.tensor([0, 4]), torch.tensor([4, 5]))
    tower = PooledValues(2, graph=graph)
    made = tower(View(graph))
    assert made.graphs is not None
    assert made.graphs.tolist() == [[2.0, 1.0, 7.0, 6.0], [7.0, 1.0, 0.0, 0.0]]
    assert torch.equal(made.nodes, table)
    assert (tower.out_dim, tower.graphs_dim) == (2, 4)
    assert not list(tower.parameters())


def step(*overrides: str) -> tuple[Recipe, StepFlow]:
    recipe = graphcl.load("cab_kws", "data.bands=8", "heads.made.dim=64", *overrides)
    task = make_task(recipe, load_data(recipe))
    model = Model(recipe, task, seed=0)
    views = Views(recipe, task, seed=0, device=torch.device("cpu"))
    batch = next(iter(task.batches(16, generator=seeds.generator(0))))
    return recipe, StepFlow(model, views, batch, types=(), epoch=0, step=0)


def test_the_loss_of_cab_kws_is_its_three_squares() -> None:
    """|b(x) - b(x')|^2 + |rec(b(x)) - pool(x)|^2 + |rec(b(x')) - pool(x')|^2, each the mean over columns."""
    recipe, flow = step()
    parts = [reduce_groups(flow.model.term(label)(flow), "mean") for label in recipe["terms"]]
    a, b, made_a, made_b = (flow.rows(of).values for of in ("a.bottleneck", "b.bottleneck", "a.made", "b.made"))
    expected = [(a - b).square().mean()]
    for view, made in (("a", made_a), ("b", made_b)):
        graph = flow.view(view).graph
        targets = []
        for start, stop in zip(graph.ptr[:-1].tolist(), graph.ptr[1:].tolist(), strict=True):
            piece = torch.arange(stop - start) * 8 // (stop - start)
            targets.append(torch.stack([graph.x[start:stop][piece == k].mean(0) for k in range(8)]).flatten())
        expected.append((made - torch.stack(targets)).square().mean())
    for found, wanted in zip(parts, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_one_average_of_sounds_scaled_by_themselves_says_nothing() -> None:
    """Why the recipe averages stretches: the paper's single mean would be 0 for every sound, scaled by bands."""
    for pieces, says in ((1, False), (8, True)):
        _, flow = step(f"towers.frames.pieces={pieces}", f"heads.made.dim={8 * pieces}", "data.scale=series")
        assert bool(flow.rows("frames(a).graphs").values.abs().max() > 0.1) == says
