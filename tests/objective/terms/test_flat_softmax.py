from __future__ import annotations

import math

import torch

from graphcl.core.seeds import generator
from graphcl.objective.terms.flat_softmax import flat_softmax


def test_it_is_the_mean_over_all_entries_by_loops() -> None:
    x, y = (torch.randn(n, 3, generator=generator(n)) for n in (4, 5))
    values = flat_softmax(x, y)
    for i in range(4):
        logits = [float(x[i] @ y[j]) for j in range(5)]
        total = math.log(sum(map(math.exp, logits)))
        assert math.isclose(float(values[i]), sum(total - logit for logit in logits) / 5, rel_tol=1e-5)


def test_it_is_least_where_a_row_is_flat() -> None:
    """The defect that it is here to show: rows that match their partner cost more than rows that match nobody."""
    matched = flat_softmax(3 * torch.eye(4), 3 * torch.eye(4))
    flat = flat_softmax(torch.zeros(4, 4), 3 * torch.eye(4))
    assert bool((matched > flat).all())
    torch.testing.assert_close(flat, torch.full((4,), math.log(4)))
