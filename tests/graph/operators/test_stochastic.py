from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphcl.core.errors import UserError
from graphcl.graph.bipartite import build_bipartite
from graphcl.graph.operators import (
    BipartiteOperator,
    DropoutOperator,
    LowRankOperator,
    NoisyOperator,
    build_operator,
    drop_entries,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def dense(operator) -> torch.Tensor:
    return operator.propagate(torch.eye(operator.shape[1]))


@pytest.fixture
def large() -> BipartiteOperator:
    generator = seeded(4)
    users, items = (torch.randint(0, n, (20_000,), generator=generator) for n in (400, 300))
    return build_operator(build_bipartite(users, items, 400, 300))


def test_noise_has_length_eps_and_stays_in_the_orthant(bipartite):
    operator = build_operator(bipartite)
    x = torch.randn(15, 8, generator=seeded(1))
    clean, noisy = operator.propagate(x), NoisyOperator(operator, 0.1, seeded()).propagate(x)
    noise = (noisy - clean)[clean.abs().sum(1) > 0]
    torch.testing.assert_close(noise.norm(dim=1), torch.full((len(noise),), 0.1))
    assert (noise.sign() == clean[clean.abs().sum(1) > 0].sign()).all()
    assert (noisy[clean.abs().sum(1) == 0] == 0).all()


def test_noise_is_constant_for_the_gradient_and_new_at_every_product(bipartite):
    operator = build_operator(bipartite)
    noisy = NoisyOperator(operator, 0.1, seeded())
    x = torch.randn(15, 8, generator=seeded(1), requires_grad=True)
    first, second = noisy.propagate(x), noisy.propagate(x)
    assert not torch.equal(first, second)
    out = torch.randn(15, 8, generator=seeded(2))
    clean = torch.autograd.grad(operator.propagate(x), x, out)[0]
    assert torch.equal(torch.autograd.grad(first, x, out)[0], clean)
    assert noisy.propagate(x, torch.tensor([2, 7])).shape == (2, 8)
    assert torch.equal(NoisyOperator(operator, 0.1, seeded()).propagate(x), first)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("p", [0.0, 0.1, 0.7])
def test_p_is_the_dropped_share_and_the_rest_is_rescaled(large, p, shared):
    before, after = dense(large), dense(drop_entries(large, p, shared=shared, generator=seeded()))
    stored, kept = before != 0, after != 0
    dropped = 1 - kept.sum().item() / stored.sum().item()
    assert dropped == pytest.approx(p, abs=0.02)
    torch.testing.assert_close(after[kept], before[kept] / (1 - p))


def test_one_draw_for_both_directions_or_two(large):
    shared = dense(drop_entries(large, 0.5, shared=True, generator=seeded()))
    assert torch.equal(shared, shared.T)
    free = dense(drop_entries(large, 0.5, generator=seeded()))
    assert not torch.equal(free, free.T)


@pytest.mark.parametrize("norm", ["gcn", "row", "none"])
def test_shared_draws_of_other_operators(bipartite, norm):
    operator = build_operator(bipartite, norm)
    kept = dense(drop_entries(operator, 0.5, shared=True, generator=seeded())) != 0
    assert torch.equal(kept, kept.T)
    assert 0 < kept.sum() < (dense(operator) != 0).sum()


def test_transpose_of_a_draw_is_that_draw(large):
    for shared in (False, True):
        drawn = drop_entries(large, 0.5, shared=shared, generator=seeded())
        torch.testing.assert_close(dense(drawn.T), dense(drawn).T)


def test_gradient_is_the_transpose_of_the_same_draw(bipartite):
    operator = DropoutOperator(build_operator(bipartite).to(dtype=torch.float64), 0.5, False, seeded())

    def product(x: torch.Tensor) -> torch.Tensor:
        operator.generator.manual_seed(3)
        return operator.propagate(x)

    assert torch.autograd.gradcheck(product, torch.randn(15, 2, dtype=torch.float64, requires_grad=True))


def test_every_product_draws_anew_and_rows_agree_with_the_whole(bipartite):
    operator = build_operator(bipartite)
    rows = torch.tensor([0, 4, 11])
    x = torch.randn(15, 4, generator=seeded(1))
    dropped = DropoutOperator(operator, 0.5, False, seeded())
    first, second = dropped.propagate(x), dropped.propagate(x)
    assert not torch.equal(first, second)
    assert torch.equal(DropoutOperator(operator, 0.5, False, seeded()).propagate(x, rows), first[rows])


def test_the_operator_itself_is_untouched(large):
    before = dense(large)
    drop_entries(large, 0.5, shared=True, generator=seeded()).first.values.zero_()
    drop_entries(large, 0.0, generator=seeded()).first.values.zero_()
    assert torch.equal(dense(large), before)


def test_what_has_no_entries_of_edges_is_refused(large):
    low_rank = LowRankOperator(torch.ones(3, 1), torch.ones(1), torch.ones(3, 1))
    with pytest.raises(UserError, match="LowRankOperator"):
        drop_entries(low_rank, 0.5, generator=seeded())
    edges = to_undirected(torch.tensor([[0, 1], [1, 2]]))[:, :-1]
    with pytest.raises(UserError, match="shared=false"):
        drop_entries(build_operator(Data(edge_index=edges, num_nodes=3)), 0.5, shared=True, generator=seeded())
