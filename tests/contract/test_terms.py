"""What holds of every term and regularizer: a value per anchor, with a graph, in whatever order the batch comes."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

from graphcl.core.build import build
from graphcl.core.config.addresses import is_address
from graphcl.core.registry import Part
from graphcl.core.schema import describe
from graphcl.core.seeds import generator
from graphcl.objective.base import Anchored, Term, reduce_groups

from .toys import DIM, GRAPHS, ToyFlow, ToyTask, parts, toy_flow

ALL = [*parts("term"), *parts("regularizer")]
all_terms = pytest.mark.parametrize("part", ALL, ids=lambda part: part.name)
TRIPLES = [(0, 1, 2), (1, 3, 0), (2, 5, 7), (3, 0, 4), (5, 8, 6)]


def make(part: Part, **options: object) -> Term:
    graph = GRAPHS["plain"]()
    tower = build("tower", "lightgcn", {"dim": 4, "num_layers": 1}, graph=graph, generator=generator(0))
    context = {"towers": nn.ModuleDict({"main": tower}), "task": ToyTask(), "generator": generator(0)}
    context["width_of"] = lambda address: DIM
    return build(part.kind, part.name, {**(part.example or {}), **options}, **context)


def value(term: Term, flow: ToyFlow) -> torch.Tensor:
    return reduce_groups(term(flow), term.reduce)


def addresses(part: Part) -> list[str]:
    options = describe(part.cls)["options"]
    given = [v for name, v in (part.example or {}).items() if is_address(options[name]["schema"])]
    return [address for v in given for address in (v if isinstance(v, list) else [v])]


@all_terms
def test_it_is_a_finite_scalar_with_a_graph(part: Part) -> None:
    term = make(part)
    assert isinstance(term, Term)
    groups = term(toy_flow())
    assert all(isinstance(group, Anchored) and group.values.dim() == 1 for group in groups)
    for group in groups:
        assert group.weight is None or group.weight.shape == group.values.shape
        assert group.ids is None or group.ids.shape == group.values.shape
    result = value(term, toy_flow())
    assert result.shape == ()
    assert bool(torch.isfinite(result))
    assert result.requires_grad


def held_fixed(part: Part, flow: ToyFlow) -> list[torch.Tensor]:
    """The latents that the term says it reads without gradient."""
    options = describe(part.cls)["options"]
    given = {name: option.get("default") for name, option in options.items()} | dict(part.example or {})
    return [flow.tensor(given[name]) for name in part.cls.detached]


@all_terms
def test_its_gradient_reaches_every_address_it_reads(part: Part) -> None:
    flow = toy_flow()
    value(make(part), flow).backward()
    leaves = {key: leaf for key, leaf in flow.leaves.items() if leaf.requires_grad}
    assert leaves
    held = held_fixed(part, flow)
    for key, leaf in leaves.items():
        if any(leaf is one for one in held):
            assert leaf.grad is None, f"{key} is said to be read without gradient"
            continue
        assert leaf.grad is not None, f"no gradient at {key}"
        assert bool(torch.isfinite(leaf.grad).all())
        assert bool(leaf.grad.any()), f"the gradient is zero at {key}"
    read = {address for address in addresses(part) if not address.startswith(("state.", "input."))}
    assert len(leaves) >= len({flow.rows(address).base.data_ptr() for address in read})


@all_terms
def test_an_empty_batch_has_a_value_with_a_graph(part: Part) -> None:
    flow = toy_flow([])
    result = value(make(part), flow)
    assert result.shape == ()
    assert bool(torch.isfinite(result))
    assert result.requires_grad
    result.backward()
    for leaf in flow.leaves.values():
        assert leaf.grad is None or bool(torch.isfinite(leaf.grad).all())


@all_terms
@pytest.mark.parametrize("size", [1, 2])
def test_a_tiny_batch_is_finite(part: Part, size: int) -> None:
    flow = toy_flow(TRIPLES[:size])
    result = value(make(part), flow)
    result.backward()
    assert bool(torch.isfinite(result))
    assert all(bool(torch.isfinite(leaf.grad).all()) for leaf in flow.leaves.values() if leaf.grad is not None)


def by_id(groups: list[Anchored]) -> list[dict[int, float]]:
    """Each group's values (and weights), summed over the rows of an id; without ids, over all."""
    found: list[dict[int, float]] = []
    for group in groups:
        ids = [-1] * len(group.values) if group.ids is None else group.ids.tolist()
        total: dict[int, float] = {}
        for number, v in zip(ids, group.values.tolist(), strict=True):
            total[number] = total.get(number, 0.0) + v
        found.append(total)
    return found


@all_terms
@pytest.mark.parametrize("repeats", [False, True])
def test_the_order_of_the_batch_does_not_matter(part: Part, repeats: bool) -> None:
    batch = [*TRIPLES, (0, 3, 4), (0, 1, 2)] if repeats else TRIPLES
    mixed = random.Random(1).sample(batch, len(batch))
    term = make(part)
    first, again = by_id(term(toy_flow(batch))), by_id(term(toy_flow(mixed)))
    for one, other in zip(first, again, strict=True):
        assert one.keys() == other.keys()
        assert all(other[key] == pytest.approx(one[key], abs=1e-5) for key in one)
    torch.testing.assert_close(value(term, toy_flow(batch)), value(term, toy_flow(mixed)))


@all_terms
def test_it_depends_on_what_it_reads(part: Part) -> None:
    term = make(part)
    assert value(term, toy_flow()).item() != value(term, toy_flow(seed=1)).item()
    assert value(term, toy_flow()).item() == value(term, toy_flow()).item()


@all_terms
def test_a_constant_latent_is_finite(part: Part) -> None:
    """Collapsed and zero rows: where logarithms and norms break."""
    for constant in (0.0, 1.0, 1e4):
        flow = toy_flow()
        value(make(part), flow)
        for leaf in flow.leaves.values():
            leaf.data.fill_(constant)
        result = value(make(part), flow)
        result.backward()
        assert bool(torch.isfinite(result)), constant
        grads = [leaf.grad for leaf in flow.leaves.values() if leaf.grad is not None]
        assert all(bool(torch.isfinite(grad).all()) for grad in grads), constant


@all_terms
def test_weight_and_reduce_are_options_of_every_term(part: Part) -> None:
    options = describe(part.cls)["options"]
    assert {"weight", "reduce", "each", "weights"} <= set(options)
    term = make(part, weight=0.25, reduce="sum")
    assert (term.weight, term.reduce) == (0.25, "sum")
    groups = term(toy_flow())
    torch.testing.assert_close(reduce_groups(groups, "sum"), torch.stack([g.values.sum() for g in groups]).sum())
