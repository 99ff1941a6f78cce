from __future__ import annotations

import math

import pytest
import torch

from graphcl.objective.kernels import row_extreme

from . import reference


@pytest.mark.parametrize("kind", ["cosine", "dot", "neg_sqdist"])
@pytest.mark.parametrize("block_bytes", [1, None])
def test_hardest_negatives_are_those_of_a_sort(kind: str, block_bytes: int | None) -> None:
    generator = torch.Generator().manual_seed(0)
    a, c = torch.randn(20, 3, generator=generator), torch.randn(7, 3, generator=generator)
    keep = torch.rand(20, 7, generator=generator) > 0.5
    found = row_extreme(a, c, 3, similarity=kind, temperature=0.5, mask=keep, block_bytes=block_bytes)  # type: ignore[arg-type]
    for i in range(20):
        logits = {j: reference.similarity(a[i], c[j], kind) / 0.5 for j in range(7) if keep[i, j]}
        best = sorted(logits, key=lambda j: -logits[j])[:3]
        missing = 3 - len(best)
        assert found.indices[i].tolist() == best + [-1] * missing
        expected = [logits[j] for j in best] + [-math.inf] * missing
        assert found.values[i].tolist() == pytest.approx(expected, abs=1e-5)


def test_fewer_candidates_than_k() -> None:
    found = row_extreme(torch.ones(2, 3), torch.ones(1, 3), 4)
    assert found.indices.tolist() == [[0, -1, -1, -1]] * 2
    assert row_extreme(torch.ones(0, 3), torch.ones(1, 3), 2).indices.shape == (0, 2)
    assert row_extreme(torch.ones(2, 3), torch.ones(0, 3), 2).indices.tolist() == [[-1, -1]] * 2


def test_no_gradient_is_kept() -> None:
    a = torch.ones(2, 3, requires_grad=True)
    assert not row_extreme(a, torch.ones(4, 3), 2).values.requires_grad
