from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.engine.views import Views
from graphcl.graph.chain import build_chains
from graphcl.tasks.base import Batch

from .toy import CPU, RECIPE, toy_recipe, toy_task


def views(folder: Path, spec: str, *overrides: str) -> Views:
    recipe = toy_recipe(folder, RECIPE.replace("a: [toy_noise]", f"a: {spec}"), *overrides)
    return Views(recipe, toy_task(recipe), seed=recipe["train.seed"], device=CPU)


def x(views: Views, epoch: int, step: int, name: str = "a") -> Tensor:
    return views.draw(name, epoch=epoch, step=step).graph.x


@pytest.mark.parametrize(
    ("redraw", "same_epoch", "next_epoch"),
    [("step", False, False), ("epoch", True, False), ("once", True, True)],
)
def test_when_a_view_is_drawn_anew(tmp_path: Path, redraw: str, same_epoch: bool, next_epoch: bool) -> None:
    drawn = views(tmp_path, f"{{augment: [toy_noise], redraw: {redraw}}}")
    first = x(drawn, 0, 0).clone()
    assert torch.equal(first, x(drawn, 0, 0))
    assert torch.equal(first, x(drawn, 0, 1)) is same_epoch
    assert torch.equal(first, x(drawn, 1, 2)) is next_epoch


def test_a_stochastic_view_is_drawn_each_step_and_a_plain_one_once(tmp_path: Path) -> None:
    drawn = views(tmp_path, "[toy_noise]")
    assert not torch.equal(x(drawn, 0, 0), x(drawn, 0, 1))
    assert drawn.draw("clean", epoch=0, step=0) is drawn.draw("clean", epoch=5, step=9)


def test_what_is_drawn_depends_on_seed_view_and_step_alone(tmp_path: Path) -> None:
    """Not on what was drawn before, so that a resumed run sees the same views."""
    through = views(tmp_path, "[toy_noise]")
    for step in range(5):
        last = x(through, 0, step)
    fresh = views(tmp_path, "[toy_noise]")
    assert torch.equal(last, x(fresh, 0, 4))
    assert not torch.equal(last, x(fresh, 0, 4, "b"))
    assert not torch.equal(last, x(views(tmp_path, "[toy_noise]", "train.seed=1"), 0, 4))


def test_two_augmenters_of_one_kind_draw_differently(tmp_path: Path) -> None:
    drawn = views(tmp_path, "[toy_noise, toy_noise]")
    once, clean = x(views(tmp_path, "[toy_noise]"), 0, 0), drawn.clean().graph.x
    assert not torch.allclose(x(drawn, 0, 0) - clean, 2 * (once - clean))


def test_drawing_leaves_the_task_s_graph_alone(tmp_path: Path) -> None:
    recipe = toy_recipe(tmp_path)
    task = toy_task(recipe)
    before = {name: tensor.clone() for name, tensor in task.data.items() if isinstance(tensor, Tensor)}
    drawn = Views(recipe, task, seed=0, device=CPU)
    for step in range(3):
        drawn.draw("a", epoch=0, step=step).operator("gcn")
    assert all(torch.equal(before[name], task.data[name]) for name in before)


def test_operators_of_an_unchanged_graph_are_built_once(tmp_path: Path) -> None:
    drawn = views(tmp_path, "[]")
    assert drawn.draw("a", epoch=0, step=0).operator("gcn") is drawn.draw("clean", epoch=1, step=1).operator("gcn")
    assert drawn.clean().operator("gcn") is drawn.draw("clean", epoch=0, step=0).operator("gcn")
    noisy = drawn.draw("b", epoch=0, step=0)
    assert noisy.operator("gcn") is not drawn.clean().operator("gcn")


def test_a_field_the_records_lack_is_named(tmp_path: Path) -> None:
    drawn = views(tmp_path, "{of: text}")
    with pytest.raises(UserError, match="'of: text', but the task's records have the fields graph"):
        drawn.draw("a", epoch=0, step=0)


def test_what_an_augmenter_prepares_is_made_once_of_the_graph_before_any_augmentation(tmp_path: Path) -> None:
    drawn = views(tmp_path, "[toy_noise, toy_prepared]")
    for step in range(3):
        x(drawn, 0, step)
    (module,) = [a.module for a in drawn._plans["a"].augmenters if a.label == "toy_prepared"]
    assert len(module.seen) == 1
    assert module.seen[0] is drawn.clean().graph
    assert module.used == [float(module.seen[0].x.sum())] * 3


def test_a_batch_with_graphs_of_its_own_prepares_for_each(tmp_path: Path) -> None:
    drawn = views(tmp_path, "[toy_prepared]")
    graphs = [drawn.clean().graph.clone() for _ in range(2)]
    graphs[1].x = graphs[1].x + 1
    for step, graph in enumerate(graphs):
        drawn.draw("a", epoch=0, step=step, batch=Batch(torch.arange(2), graphs={"graph": graph}))
    (module,) = [a.module for a in drawn._plans["a"].augmenters]
    assert module.used == [float(graph.x.sum()) for graph in graphs]


def test_what_draws_nothing_is_done_once_for_all_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from graphcl.augment import diffusion

    calls: list[int] = []
    diffuse = diffusion.diffuse
    monkeypatch.setattr(diffusion, "diffuse", lambda *args, **kept: calls.append(1) or diffuse(*args, **kept))
    fixed = views(tmp_path, "[ppr, propagation_noise]")
    first, second = (fixed.draw("a", epoch=0, step=step) for step in (0, 1))
    assert len(calls) == 1
    assert first.operator("none").operator is second.operator("none").operator
    drawn = views(tmp_path, "[ppr, {drop_edges: {p: 0.5}}]")
    first, second = (drawn.draw("a", epoch=0, step=step).graph for step in (0, 1))
    assert len(calls) == 2
    assert not torch.equal(first.edge_orig_id, second.edge_orig_id)
    after = views(tmp_path, "[{drop_edges: {p: 0.5}}, ppr]")  # of another graph each step
    first, second = (after.draw("a", epoch=0, step=step).graph for step in (0, 1))
    assert len(calls) == 4
    assert not torch.equal(first.edge_weight, second.edge_weight)


def test_views_share_what_comes_first_and_draws_nothing(tmp_path: Path) -> None:
    """A diffusion is computed once for a view and its corruption, and so are its operators."""
    three = "a: [ppr], b: [ppr, shuffle_features], c: [{ppr: {alpha: 0.5}}]"
    text = RECIPE.replace("a: [toy_noise], b: [toy_noise]", three)
    recipe = toy_recipe(tmp_path, text)
    drawn = Views(recipe, toy_task(recipe), seed=0, device=CPU)
    calls = []
    for plan in drawn._plans.values():
        for augmenter in plan.augmenters:
            augmenter.module.register_forward_hook(lambda module, *_: calls.append(type(module).__name__))
    a, b, c = (drawn.draw(name, epoch=0, step=0) for name in "abc")
    later = drawn.draw("b", epoch=0, step=1)
    assert sorted(calls) == ["PPR", "PPR", "ShuffleFeatures", "ShuffleFeatures"]
    assert torch.equal(a.graph.edge_weight, b.graph.edge_weight)
    assert a.operator("none") is b.operator("none") is later.operator("none")
    assert a.operator("none") is not c.operator("none")
    assert not torch.equal(b.graph.x, later.graph.x)
    assert torch.equal(b.graph.x.sort(0).values, a.graph.x.sort(0).values)


def test_an_augmenter_of_features_keeps_the_operators_and_one_of_edges_does_not(tmp_path: Path) -> None:
    drawn = views(tmp_path, "[shuffle_features]")
    assert drawn.draw("a", epoch=0, step=0).operator("gcn") is drawn.clean().operator("gcn")
    drawn = views(tmp_path, "[{drop_edges: {p: 0.5}}, shuffle_features]")
    found = drawn.draw("a", epoch=0, step=0)
    assert found.operator("gcn") is not drawn.clean().operator("gcn")
    assert found.graph.num_edges < drawn.clean().graph.num_edges


def of_chains(folder: Path, a: str, b: str) -> tuple[Views, Batch]:
    """Views of a batch of chains, and the task's own chains, which know other neighbours of item 0."""
    recipe = toy_recipe(folder, RECIPE.replace("a: [toy_noise], b: [toy_noise]", f"a: [{a}], b: [{b}]"))
    train = build_chains(torch.tensor([0, 7]), torch.tensor([0, 2]), num_items=9)
    batch = build_chains(torch.arange(8).repeat(60), torch.arange(61) * 8, num_items=9)
    task = SimpleNamespace(graphs={"chain": train})
    return Views(recipe, task, seed=0, device=CPU), Batch(torch.arange(60), graphs={"chain": batch})  # type: ignore[arg-type]


def test_views_of_two_places_pick_different_augmenters_for_each_chain(tmp_path: Path) -> None:
    choices = "choices: {crop_chain: {ratio: 0.5}, mask_items: {ratio: 0.5}, reorder_chain: {ratio: 1.0}}"
    a, b = (f"{{one_of: {{per: chain, place: {place}, {choices}}}}}" for place in (0, 1))
    drawn, batch = of_chains(tmp_path, a, b)

    def picks(name: str, step: int) -> Tensor:
        """[60]: 0 for a cropped chain, 1 for one with hidden items, 2 for another."""
        graph = drawn.draw(name, epoch=0, step=step, batch=batch).graph
        hidden = torch.zeros(60, dtype=torch.int64).index_add(0, graph.batch, (graph.item == 9).long())
        return torch.where(graph.ptr.diff() < 8, 0, torch.where(hidden > 0, 1, 2))

    first, second = picks("a", 0), picks("b", 0)
    assert bool((first != second).all())
    assert set(first.tolist()) == set(second.tolist()) == {0, 1, 2}
    assert not torch.equal(first, picks("a", 1))
    assert torch.equal(first, picks("a", 0))


def test_similar_items_are_of_the_task_s_chains_not_of_the_batch(tmp_path: Path) -> None:
    drawn, batch = of_chains(tmp_path, "{substitute_items: {ratio: 1.0}}", "{insert_items: {ratio: 1.0}}")
    for name in ("a", "b"):
        graph = drawn.draw(name, epoch=0, step=0, batch=batch).graph
        assert set(graph.item[graph.pos == 0].tolist()) == {7}
        assert graph.ptr.diff().unique().tolist() == [8 if name == "a" else 10]
