from __future__ import annotations

import pytest
import torch
from torch_geometric.data import HeteroData

from graphcl.graph.bipartite import build_bipartite


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.fixture
def bipartite(generator: torch.Generator) -> HeteroData:
    """9 users (the last without edges), 6 items (the last without edges), repeated pairs, weights."""
    users = torch.randint(0, 8, (30,), generator=generator)
    items = torch.randint(0, 5, (30,), generator=generator)
    return build_bipartite(users, items, 9, 6, torch.rand(30, generator=generator) + 0.1)
