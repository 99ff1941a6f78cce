from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphcl.augment.sketch import Sketch, projection_blocks, sketch


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def latent(nodes: int = 50, width: int = 6, seed: int = 1) -> Tensor:
    return torch.randn(nodes, width, generator=seeded(seed))


def dense(seed: int, k: int, nodes: int, block_bytes: int) -> Tensor:
    """All of P."""
    number = int(torch.randint(2**62, (), generator=seeded(seed)))
    rows = max(1, block_bytes // (4 * nodes))
    return torch.cat([block for _, block in projection_blocks(number, k, nodes, rows, torch.device("cpu"))])


@pytest.mark.parametrize("block_bytes", [1, 600, 1 << 20])
@pytest.mark.parametrize("k", [1, 7, 25])
def test_by_blocks_it_is_the_dense_product_and_so_is_its_gradient(k: int, block_bytes: int) -> None:
    z = latent().requires_grad_()
    result = sketch(z, k, generator=seeded(3), block_bytes=block_bytes)
    projection = dense(3, k, 50, block_bytes)
    torch.testing.assert_close(result, projection @ z)
    weight = latent(k, 6, seed=2)
    (result * weight).sum().backward()
    torch.testing.assert_close(z.grad, projection.T @ weight)


def test_it_can_be_differentiated_twice() -> None:
    z = latent(8, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: sketch(x, 4, generator=seeded()), (z,))
    assert torch.autograd.gradgradcheck(lambda x: sketch(x, 4, generator=seeded()), (z,))


def test_entries_are_independent_normals_of_variance_one_over_k() -> None:
    projection = dense(0, 200, 300, 1 << 14)
    assert float(projection.mean()) == pytest.approx(0, abs=0.001)
    assert float(projection.std()) == pytest.approx(1 / math.sqrt(200), rel=0.02)
    between = (projection @ projection.T * 200 / 300).fill_diagonal_(0)
    assert float(between.abs().max()) < 0.35  # 6 standard deviations of a mean of 300 products


def test_covariances_are_kept_on_average() -> None:
    z = latent(40, 3)
    draws = [sketch(z, 20, generator=seeded(seed)) for seed in range(400)]
    mean = torch.stack([s.T @ s for s in draws]).mean(0)
    # A single one is off by 30 %: the mean of 400 by less than 10 % of the trace.
    torch.testing.assert_close(mean, z.T @ z, rtol=0, atol=0.1 * float((z.T @ z).trace()) / 3)
    assert all(bool((s.T @ s - z.T @ z).abs().max() > 0.5) for s in draws[:5])


def test_equal_draws_mix_the_rows_of_two_latents_alike() -> None:
    a, b = latent(), latent(seed=2)
    one, other, joined = (sketch(x, 10, generator=seeded(4)) for x in (a, b, torch.cat([a, b], 1)))
    torch.testing.assert_close(torch.cat([one, other], 1), joined)
    assert not torch.equal(sketch(a, 10, generator=seeded(5)), one)


@pytest.mark.parametrize(("nodes", "ratio", "rows"), [(50, 0.5, 25), (5, 0.5, 2), (1, 0.5, 1), (3, 1.0, 3)])
def test_the_ratio_is_the_share_of_rows(nodes: int, ratio: float, rows: int) -> None:
    assert Sketch(ratio)(latent(nodes), generator=seeded()).shape == (rows, 6)


def test_no_rows_and_memory_of_one_block() -> None:
    assert sketch(latent(0), 1, generator=seeded()).tolist() == [[0.0] * 6]
    sizes = []
    for part, block in projection_blocks(0, 3000, 6000, 16, torch.device("cpu")):
        sizes.append(block.numel())
        assert part.stop - part.start == len(block)
    assert max(sizes) == 16 * 6000
    assert sum(sizes) == 3000 * 6000
