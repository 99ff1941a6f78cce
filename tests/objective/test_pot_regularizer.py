"""The regularizer in whole recipes: on the engine, from the command line's settings, against its plain functions."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric.data import Data

import graphcl
from graphcl.core.build import build
from graphcl.core.errors import ConfigError, UserError
from graphcl.core.seeds import generator
from graphcl.encode.features import GCN
from graphcl.encode.linear_layers import LinearLayer
from graphcl.engine.observe import Observer
from graphcl.engine.training import Training
from graphcl.objective.base import reduce_groups
from graphcl.objective.pot import Budget, Deletable, compactness_weights, lower_bound
from graphcl.objective.regularizers.pot import Pot
from tests.contract.toys import ToyTask, plain_graph, toy_flow

SMALL = ("encoder.dim=8", "train.epochs=3", "train.eval_every=3", "eval.baselines=[]", "train.threads=1")
ANY = "+regularizers={pot: {budget: {by: any}}}"


def training(*overrides: str, recipe: str = "grace") -> Training:
    loaded = graphcl.load(recipe, *SMALL, *overrides)
    from graphcl.engine.prepare import load_data, make_task

    return Training(loaded, make_task(loaded, load_data(loaded)), observer=Observer(), run=None,
                    device=torch.device("cpu"))  # fmt: skip


def trained(*overrides: str, recipe: str = "grace") -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    found = training(*overrides, recipe=recipe)
    found.train()
    return {name: p.detach().clone() for name, p in found.model.towers.named_parameters()}, found.progress.history


def differ(a: dict[str, Tensor], b: dict[str, Tensor]) -> float:
    return max(float((a[name] - b[name]).detach().abs().max()) for name in a)


def moved_by_pot(recipe: str, *overrides: str) -> None:
    """Switched on it is measured, and it changes the training."""
    weight = ("regularizers.pot.weight=5.0", "train.monitor=loss")
    off, _ = trained("+regularizers=pot", *overrides, *weight, "regularizers.pot.observe=true", recipe=recipe)
    on, history = trained("+regularizers=pot", *overrides, *weight, recipe=recipe)
    assert 0 <= history[-1]["pot/certified"] <= 1
    assert differ(off, on) > 1e-5


def pot(**options: Any) -> Pot:
    towers = {"main": GCN(dim=4, graph=plain_graph(), generator=generator(0))}
    return build("regularizer", "pot", {"budget": {"by": "any"}, **options}, towers=towers, task=ToyTask())


class TestInRecipes:
    def test_on_differs_from_weight_0_and_from_a_detached_bound(self) -> None:
        """Weight 0 is no regularizer; a bound without gradient is none either. Switched on it moves the weights."""
        off, _ = trained()
        on, _ = trained("+regularizers={pot: {budget: {by: any}, weight: 1.0}}")
        zero, _ = trained("+regularizers={pot: {budget: {by: any}, weight: 0.0}}")
        detached, _ = trained("+regularizers={pot: {budget: {by: any}, observe: true}}")
        step = differ(off, {name: p for name, p in training().model.towers.named_parameters()})  # of the whole training
        assert differ(off, zero) < 1e-6 * step
        assert differ(off, detached) == 0
        assert differ(off, on) > 0.05 * step

    def test_its_value_is_the_mean_of_both_directions(self) -> None:
        """Of the clean graph's edges, the views' features, and the other view's latents, held fixed."""
        run = training(ANY, "regularizers.pot.weight=2.0")
        flow = run.stepper.flow(run.progress, next(iter(run.task.batches(0, generator=generator(0)))))
        term = run.model.term("pot")
        value = reduce_groups(term(flow), term.reduce)
        graph = Deletable.of(run.task.graphs["graph"], loops=True)
        layers: list[LinearLayer] = run.model.towers["main"].linear_layers()  # type: ignore[operator]
        sides = []
        for one, other in (("a", "b"), ("b", "a")):
            x = flow.view(one).graph.x
            assert not torch.equal(x, run.task.graphs["graph"].x)  # masked
            weights = compactness_weights(flow.rows(f"{other}.nodes").values)
            sides.append(F.softplus(-lower_bound(layers, x, weights, graph, graph.degree).lower).mean())
        torch.testing.assert_close(value, (sides[0] + sides[1]) / 2)

    @pytest.mark.parametrize("recipe", ["gca", "progcl", "costa", "costa_single", "vicreg", "cca_ssg"])
    def test_it_works_in_other_recipes_unchanged(self, recipe: str) -> None:
        moved_by_pot(recipe)

    @pytest.mark.parametrize("recipe", ["bgrl", "gbt"])
    def test_with_batch_norm_the_encoder_in_evaluation_mode_is_bounded(self, recipe: str) -> None:
        with pytest.raises(UserError, match="set the regularizer's batch_norm=running"):
            training("+regularizers=pot", recipe=recipe)
        moved_by_pot(recipe, "regularizers.pot.batch_norm=running")

    def test_running_statistics_of_a_training_step_give_the_bound_of_evaluation_mode(self) -> None:
        run = training("+regularizers=pot", "regularizers.pot.batch_norm=running", recipe="bgrl")
        tower, term = run.model.towers["main"], run.model.term("pot")
        flow = run.stepper.flow(run.progress, next(iter(run.task.batches(0, generator=generator(0)))))
        reduce_groups(term(flow), term.reduce).backward()
        score = term.compactness(flow)[0].score
        layers = tower.eval().linear_layers()  # type: ignore[operator]
        x, weights = flow.view("a").graph.x, compactness_weights(flow.rows("b.nodes").values)
        expected = lower_bound(layers, x, weights, term._deletable, term._edge_budget("a.nodes", "sound")).lower
        torch.testing.assert_close(score, expected)

    def test_the_budget_follows_the_views_own_rate(self) -> None:
        said = training("+regularizers=pot").model.term("pot").describe()
        assert "rate 0.2" in said["deletions"]["a"]
        assert "rate 0.4" in said["deletions"]["b"]
        assert "rate 0.7" in training("+regularizers=pot", recipe="gca").model.term("pot").describe()["deletions"]["a"]

    def test_under_half_precision_the_bound_is_computed_in_single(self) -> None:
        _, history = trained("+regularizers=pot", "train.precision=bf16")
        assert 0 <= history[-1]["pot/certified"] <= 1

    def test_the_reference_says_that_it_is_none(self) -> None:
        _, history = trained("+regularizers=pot", "regularizers.pot.mode=reference")
        assert "pot/surrogate_positive_not_a_bound" in history[-1]
        said = training("+regularizers=pot", "regularizers.pot.mode=reference").model.term("pot").describe()
        assert said["score"] == "published surrogate: not a bound"
        assert "mean number" in said["deletions"]["a"]

    def test_nested_options_can_be_given_on_the_command_line(self) -> None:
        run = training("+regularizers=pot", "regularizers.pot.budget.by=count", "regularizers.pot.budget.amount=2")
        assert run.model.term("pot").budget == Budget("count", 2)

    def test_views_of_other_names_are_named(self) -> None:
        with pytest.raises(ConfigError, match=r"'regularizers\.pot\.anchors': address 'a\.nodes': no view 'a'"):
            graphcl.load("lightgcn", "+regularizers=pot")

    def test_a_budget_that_would_be_none_is_refused(self) -> None:
        """Neither where views drop no edge, nor where it is not said how much may go."""
        same = ("views.a.augment.drop_edges.p=0", "views.b.augment.drop_edges.p=0")
        with pytest.raises(UserError, match="views 'a' and 'b' drop no edges, so that a budget by their rate is 0"):
            training("+regularizers=pot", *same)
        training("+regularizers=pot", same[0])
        training("+regularizers=pot", *same, "regularizers.pot.budget.rate=0.1")
        for by in ("fraction", "count"):
            with pytest.raises(UserError, match=f"budget.by={by} needs to know how much: set budget.amount"):
                training("+regularizers=pot", f"regularizers.pot.budget.by={by}")
        with pytest.raises(UserError, match=r"budget\.amount says nothing with budget\.by=any"):
            Budget("any", 0.0)

    def test_lightgcn_type_recipes(self) -> None:
        """Two views of a bipartite graph: users against users, items against items."""
        _, history = trained(
            "+regularizers={pot: {budget: {by: any}, anchors: 'a.nodes[*]', others: 'b.nodes[*]', each: [user, item], "
            "reduce: mean_per_group}}",
            "data=generated",
            "eval.baselines=[popularity]",
            recipe="sgl",
        )
        assert 0 <= history[-1]["pot/certified"] <= 1


class TestOptions:
    def test_refresh_skips_the_gradient_and_keeps_the_value(self) -> None:
        run = training(ANY, "regularizers.pot.refresh=2")
        term, values = run.model.term("pot"), []
        for step in range(3):
            run.progress.step = step
            flow = run.stepper.flow(run.progress, next(iter(run.task.batches(0, generator=generator(0)))))
            value = reduce_groups(term(flow), term.reduce)
            grad = torch.autograd.grad(value, list(run.model.towers.parameters()), allow_unused=True)
            values.append((value.item(), any(g is not None and bool(g.any()) for g in grad)))
        assert [moves for _, moves in values] == [True, False, True]
        assert values[1][0] == pytest.approx(values[0][0])
        assert "last" in term.state_dict()

    def test_sampled_nodes_are_some_of_all(self) -> None:
        run = training(ANY, "regularizers.pot.nodes=9")
        flow = run.stepper.flow(run.progress, next(iter(run.task.batches(0, generator=generator(0)))))
        some = run.model.term("pot").compactness(flow)[0]
        run.model.term("pot").nodes = 0
        whole = run.model.term("pot").compactness(flow)[0]
        assert len(some.nodes) == 9
        torch.testing.assert_close(some.score, whole.score.index_select(0, some.nodes))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"anchors": "a.nodes[batch]"}, "is not all nodes of a view"),
            ({"anchors": "a.proj"}, "is not all nodes of a view"),
            ({"others": "teacher(b).nodes"}, "'teacher' is no tower that is trained"),
            ({"budget": {"by": "fraction", "amount": 1.5}}, "no fraction of the degree"),
            ({"budget": {"by": "count", "amount": 1.5}}, "no count of edges"),
            ({"budget": {"by": "any", "amount": 1}}, "says nothing with budget.by=any"),
            ({"budget": {"by": "fraction", "amount": -0.1}}, "greater than or equal to 0"),
            ({"budget": {}}, "set budget.rate"),
            ({"mode": "reference", "towers": 3}, "a GCN of two layers"),
        ],
    )
    def test_mistakes_are_named(self, options: dict[str, Any], message: str) -> None:
        layers = options.pop("towers", 2)
        towers = {"main": GCN(dim=4, num_layers=layers, graph=plain_graph(), generator=generator(0))}
        with pytest.raises(UserError, match=message):
            build("regularizer", "pot", {"budget": {"by": "any"}, **options}, towers=towers, task=ToyTask())

    def test_weighted_and_directed_graphs_are_refused(self) -> None:
        class Weighted:
            graphs = {"graph": plain_graph()}  # noqa: RUF012

        class Directed:
            graphs = {"graph": Data(plain_graph().x, torch.tensor([[0], [1]]))}  # noqa: RUF012

        towers = {"main": GCN(dim=4, graph=plain_graph(), generator=generator(0))}
        for task, message in ((Weighted(), "weighted"), (Directed(), "directed")):
            with pytest.raises(UserError, match=message):
                build("regularizer", "pot", {"budget": {"by": "any"}}, towers=towers, task=task)

    def test_a_batch_that_is_a_piece_of_the_graph_is_refused(self) -> None:
        term = pot()
        term._deletable = Deletable.of(Data(edge_index=torch.zeros(2, 0, dtype=torch.int64), num_nodes=99), loops=True)
        with pytest.raises(UserError, match="train without neighbour sampling"):
            term(toy_flow())

    def test_a_view_whose_rate_is_unknown_or_one_way_is_refused(self) -> None:
        for augment, message in (
            ({"drop_nodes": {"p": 0.1}}, "how often drop_nodes of view 'a' drops an edge is not known"),
            ({"drop_edges": {"p": 0.1, "symmetric": False}}, "drops the two directions of an edge apart"),
        ):
            views = {"a": {"augment": augment}, "b": {"augment": {}}}
            towers = {"main": GCN(dim=4, graph=plain_graph(), generator=generator(0))}
            with pytest.raises(UserError, match=message):
                build("regularizer", "pot", {}, towers=towers, task=ToyTask(), views=views)


class TestBudgets:
    degree = torch.tensor([0, 1, 4, 100])

    @pytest.mark.parametrize(
        ("budget", "expected"),
        [
            (Budget("any"), [0, 1, 4, 100]),
            (Budget("count", 2), [0, 1, 2, 2]),
            (Budget("fraction", 0.3), [0, 1, 2, 30]),
            (Budget("fraction", 0.0), [0, 0, 0, 0]),
            (Budget("mean", rate=0.3), [0, 0, 1, 30]),
            (Budget("any", total=3), [0, 1, 3, 3]),
            (Budget("quantile", rate=0.0), [0, 0, 0, 0]),
            (Budget("quantile", rate=1.0), [0, 1, 4, 100]),
        ],
    )
    def test_values(self, budget: Budget, expected: list[int]) -> None:
        assert budget.of(self.degree).tolist() == expected

    def test_the_quantile_is_the_smallest_that_holds_with_its_confidence(self) -> None:
        from scipy.stats import binom

        q = Budget("quantile", rate=0.3, delta=0.05).of(self.degree)
        for degree, most in zip(self.degree.tolist(), q.tolist(), strict=True):
            assert binom.sf(most, degree, 0.3) <= 0.05 / 4
            assert most == 0 or binom.sf(most - 1, degree, 0.3) > 0.05 / 4

    def test_drawn_views_keep_within_the_quantile(self) -> None:
        """Of 400 drawings of a random graph at most a share delta leaves the budget anywhere (2 standard errors)."""
        degree = torch.randint(1, 30, (200,), generator=generator(0))
        q = Budget("quantile", rate=0.4, delta=0.1).of(degree)
        draw = generator(1)
        lost = torch.stack([torch.binomial(degree.double(), torch.full((200,), 0.4, dtype=torch.float64),
                                           generator=draw) for _ in range(400)])  # fmt: skip
        outside = float((lost > q).any(1).double().mean())
        assert outside <= 0.1 + 2 * (0.1 * 0.9 / 400) ** 0.5

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("any", Budget("any")), ("0.3", Budget("fraction", 0.3)), ("30%", Budget("fraction", 0.3)),
         ("3", Budget("count", 3)), ("quantile", Budget("quantile"))],
    )  # fmt: skip
    def test_texts(self, text: str, expected: Budget) -> None:
        assert Budget.parse(text) == expected

    @pytest.mark.parametrize("text", ["1.5", "-1", "nan", "some", "150%", "inf"])
    def test_texts_that_are_none(self, text: str) -> None:
        with pytest.raises(UserError, match="budget"):
            Budget.parse(text)
