"""What holds of every augmenter of operators and of latents: pure, seeded, with gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphcl.core.build import build
from graphcl.core.registry import Part
from graphcl.core.seeds import generator
from graphcl.graph.operators import Operator, build_operator
from graphcl.objective.base import Rows as LatentRows

from .toys import DIM, GRAPHS, make, parts, strength

OPERATOR_LEVEL = [part for part in parts("augmenter") if part.meta["level"] == "operator"]
LATENT_LEVEL = [part for part in parts("augmenter") if part.meta["level"] == "latent"]
on_operators = pytest.mark.parametrize("part", OPERATOR_LEVEL, ids=lambda part: part.name)


def test_there_are_some() -> None:
    assert len(OPERATOR_LEVEL) > 2
    assert LATENT_LEVEL


def dense(operator: Operator) -> Tensor:
    return operator.propagate(torch.eye(operator.shape[1]))


@on_operators
@pytest.mark.parametrize("kind", ["plain", "bipartite"])
def test_an_operator_keeps_its_shape_and_leaves_its_source_alone(part: Part, kind: str) -> None:
    source = build_operator(GRAPHS[kind](), "sym")
    before = dense(source).clone()
    result = make(part)(source, generator=generator(1))
    assert result.shape == source.shape
    assert bool(torch.isfinite(dense(result)).all())
    assert torch.equal(dense(source), before)
    x = torch.randn(source.shape[1], DIM, generator=generator(2))
    kept = x.clone()
    result.propagate(x)
    assert torch.equal(x, kept)


@on_operators
@pytest.mark.parametrize("kind", ["plain", "bipartite"])
def test_an_operator_follows_from_the_seed(part: Part, kind: str) -> None:
    source = build_operator(GRAPHS[kind](), "sym")
    x = torch.randn(source.shape[1], DIM, generator=generator(2))
    first, again, other = (
        make(part)(source, generator=generator(seed)).propagate(x) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    if part.meta.get("stochastic", True):
        assert not torch.equal(first, other)


@on_operators
def test_a_stochastic_operator_differs_from_its_source_and_at_strength_zero_does_not(part: Part) -> None:
    source = build_operator(GRAPHS["bipartite"](), "sym")
    x = torch.randn(source.shape[1], DIM, generator=generator(2))
    assert not torch.allclose(make(part)(source, generator=generator(1)).propagate(x), source.propagate(x))
    name = strength(part)
    if name is not None:
        weak = make(part, **{name: 0.0})(source, generator=generator(1))
        assert torch.equal(weak.propagate(x), source.propagate(x))


@on_operators
def test_its_gradient_reaches_what_is_propagated(part: Part) -> None:
    source = build_operator(GRAPHS["bipartite"](), "sym")
    x = torch.randn(source.shape[1], DIM, generator=generator(2)).requires_grad_()
    make(part)(source, generator=generator(1)).propagate(x).square().sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())
    assert bool(x.grad.any())


def test_latents_are_pure_and_seeded() -> None:
    for part in LATENT_LEVEL:
        module = build("augmenter", part.name, part.example or {}, in_dim=DIM, generator=generator(0, "init"))
        latent = torch.randn(5, DIM, generator=generator(3))
        counts = dict.fromkeys(getattr(module, "reads", {}), 6) | dict.fromkeys(getattr(module, "beside", {}), 5)
        reads = {name: LatentRows(torch.randn(n, DIM, generator=generator(4, name))) for name, n in counts.items()}
        before = latent.clone()
        first, again = (values(module(latent, **reads, generator=generator(1))) for _ in range(2))
        assert torch.equal(latent, before)
        assert first.shape[0] == 5 or getattr(module, "own_rows", False)
        assert first.data_ptr() != latent.data_ptr()
        assert torch.equal(first, again)


def values(made: Tensor | LatentRows) -> Tensor:
    """Of a latent whose rows say what they are, the rows."""
    return made.values if isinstance(made, LatentRows) else made
