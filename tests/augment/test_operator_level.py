from __future__ import annotations

import pytest
import torch

from graphcl.augment.operator import DropoutEntries, LowRank, PropagationNoise, RandomLowRank
from graphcl.core.errors import UserError
from graphcl.graph.bipartite import build_bipartite
from graphcl.graph.operators import BipartiteOperator, build_operator

AUGMENTERS = [
    LowRank(2),
    RandomLowRank(2),
    PropagationNoise(0.1),
    DropoutEntries(0.5),
    DropoutEntries(0.5, shared=True),
]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def graph():
    generator = seeded(3)
    users, items = (torch.randint(0, n, (60,), generator=generator) for n in (12, 9))
    return build_bipartite(users, items, 12, 9)


def dense(operator) -> torch.Tensor:
    return operator.propagate(torch.eye(operator.shape[1]))


@pytest.mark.parametrize("norm", ["sym", "gcn", "row"])
@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
def test_pure_and_deterministic(augmenter, norm, graph):
    operator = build_operator(graph, norm)
    before = dense(operator)
    first, second = (augmenter(operator, generator=seeded()) for _ in range(2))
    assert first.shape == operator.shape
    assert torch.equal(dense(first), dense(second))
    assert torch.equal(dense(operator), before)
    assert not torch.equal(dense(augmenter(operator, generator=seeded())), before)


def test_low_rank_of_a_bipartite_graph_is_that_of_its_rectangle(graph):
    operator = build_operator(graph)
    R = dense(operator)[:12, 12:]
    U, S, Vh = torch.linalg.svd(R)
    best = (U[:, :3] * S[:3]) @ Vh[:3]
    view = LowRank(3, n_iter=30)(operator, generator=seeded())
    assert isinstance(view, BipartiteOperator)
    assert view.mirrored
    torch.testing.assert_close(dense(view)[:12, 12:], best, atol=1e-4, rtol=0)
    torch.testing.assert_close(dense(view)[12:, :12], best.T, atol=1e-4, rtol=0)
    assert dense(view)[:12, :12].abs().max() == 0


def test_row_normalised_directions_are_decomposed_by_themselves(graph):
    operator = build_operator(graph, "row")
    view = LowRank(9, n_iter=2)(operator, generator=seeded())
    torch.testing.assert_close(dense(view), dense(operator), atol=1e-5, rtol=0)


def test_the_random_view_has_the_spectrum_but_not_the_data(graph):
    operator = build_operator(graph)
    real, control = (part(2)(operator, generator=seeded()) for part in (LowRank, RandomLowRank))
    spectra = [torch.linalg.svdvals(dense(view)[:12, 12:])[:2] for view in (real, control)]
    torch.testing.assert_close(*spectra)
    assert (dense(real) - dense(control)).abs().max() > 0.05


def test_a_random_view_of_rank_zero_sends_nothing(graph):
    view = RandomLowRank(0)(build_operator(graph), generator=seeded())
    assert torch.equal(dense(view), torch.zeros(21, 21))


def test_what_has_no_singular_values_is_refused(graph):
    operator = build_operator(graph)
    with pytest.raises(UserError, match=r"choose 1\.\.9"):
        LowRank(10)(operator, generator=seeded())
    noisy = PropagationNoise(0.1)(operator, generator=seeded())
    with pytest.raises(UserError, match="put the low-rank augmenter first"):
        LowRank(2)(noisy, generator=seeded())


def test_augmenters_chain(graph):
    operator = build_operator(graph)
    view = PropagationNoise(0.1)(LowRank(2)(operator, generator=seeded()), generator=seeded())
    assert view.propagate(torch.ones(21, 4)).shape == (21, 4)
