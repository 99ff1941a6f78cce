from __future__ import annotations

import numpy as np
import torch

from graphcl.core import seeds


def test_a_seed_depends_on_every_part_of_its_purpose():
    found = {seeds.derive(0, "a", 1), seeds.derive(0, "a", 2), seeds.derive(1, "a", 1), seeds.derive(0, "b", 1)}
    assert len(found) == 4
    assert seeds.derive(0, "ab", "c") != seeds.derive(0, "a", "bc")


def test_generators_of_one_purpose_agree():
    first = torch.rand(5, generator=seeds.generator(3, "views", 7))
    assert torch.equal(first, torch.rand(5, generator=seeds.generator(3, "views", 7)))


def test_the_global_generators_are_left_as_they_were():
    torch.manual_seed(1)
    np.random.seed(1)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(1)
    np.random.seed(1)
    with seeds.global_rng(0, "library"):
        inside = torch.rand(3)
        np.random.rand(7)
    with seeds.global_rng(0, "library"):
        assert torch.equal(inside, torch.rand(3))
    assert torch.equal(expected[0], torch.rand(3))
    assert np.array_equal(expected[1], np.random.rand(3))
