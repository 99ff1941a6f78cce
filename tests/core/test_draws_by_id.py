"""Draws that follow from ids: uniform, and the same in any batch."""

from __future__ import annotations

import pytest
import torch

from graphcl.core.seeds import generator, uniform_by_id


def test_draws_by_id_are_uniform_and_the_same_in_any_batch() -> None:
    ids = torch.randperm(2000, generator=generator(0, "ids"))
    every = uniform_by_id(ids, 5, generator=generator(0))
    some = uniform_by_id(ids[700:900], 5, generator=generator(0))
    assert torch.equal(some, every[700:900])
    assert not torch.equal(every, uniform_by_id(ids, 5, generator=generator(1)))
    assert len(every.unique()) == every.numel()
    assert float(every.min()) >= 0
    assert float(every.max()) < 1
    tenths = torch.histc(every.float(), bins=10, min=0, max=1) / every.numel()
    assert tenths.tolist() == pytest.approx([0.1] * 10, abs=0.012)
    assert abs(float(torch.corrcoef(every.T)[0, 1])) < 0.06
    in_order = every.index_select(0, ids.argsort())
    assert abs(float(torch.corrcoef(torch.stack([in_order[:-1, 0], in_order[1:, 0]]))[0, 1])) < 0.06
