from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData

from graphcl.augment import MaskNodes, mask_nodes
from graphcl.core.errors import UserError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def graph(nodes: int = 2000) -> Data:
    x = torch.arange(1, nodes + 1).float()[:, None].expand(nodes, 3).clone()
    return Data(x=x, edge_index=torch.randint(0, nodes, (2, 50), generator=seeded(6)), y=torch.arange(nodes))


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_p_is_the_share_of_hidden_nodes_whose_rows_are_zero(p: float) -> None:
    before = graph()
    result = MaskNodes(p)(before, generator=seeded())
    assert float(result.masked.float().mean()) == pytest.approx(p, abs=0.03 if 0 < p < 1 else 0)
    assert torch.equal(result.masked, result.blank)
    assert torch.equal((result.x == 0).all(1), result.masked)
    assert torch.equal(result.x[~result.masked], before.x[~result.masked])
    assert torch.equal(result.edge_index, before.edge_index)
    assert "masked" not in before
    assert torch.equal(before.x, graph().x)


def test_replaced_nodes_show_the_row_of_another_and_are_hidden_all_the_same() -> None:
    before = graph()
    result = mask_nodes(before, 0.5, replace=0.2, generator=seeded())
    replaced = result.masked & ~result.blank
    assert float(replaced.sum() / result.masked.sum()) == pytest.approx(0.2, abs=0.04)
    assert bool((result.x[result.blank] == 0).all())
    rows = result.x[replaced][:, 0]
    assert bool(((rows >= 1) & (rows <= 2000)).all())
    assert float((rows != before.x[replaced][:, 0]).float().mean()) > 0.98
    assert len(rows.unique()) > 0.9 * len(rows)


def test_a_second_mask_adds_to_the_first() -> None:
    once = mask_nodes(graph(), 0.5, generator=seeded(1))
    twice = mask_nodes(once, 0.5, generator=seeded(2))
    assert bool(twice.masked[once.masked].all())
    assert float(twice.masked.float().mean()) == pytest.approx(0.75, abs=0.03)
    assert bool((twice.x[twice.blank] == 0).all())


def test_types_and_batches_have_masks_of_their_own() -> None:
    data = HeteroData()
    data["a"].x, data["b"].x = torch.ones(300, 2), torch.ones(200, 4)
    data["c"].num_nodes = 5
    result = mask_nodes(data, 0.5, generator=seeded())
    assert [result[name].masked.shape for name in "ab"] == [(300,), (200,)]
    assert "masked" not in result["c"]
    assert bool((result["b"].x.sum(1) == 0).eq(result["b"].masked).all())
    batch = mask_nodes(Batch.from_data_list([graph(5), graph(7)]), 0.5, generator=seeded())
    assert batch.masked.shape == (12,)
    assert batch.num_graphs == 2


def test_features_that_cannot_be_hidden_are_refused() -> None:
    with pytest.raises(UserError, match="no node features 'x'"):
        mask_nodes(Data(num_nodes=3), 0.5, generator=seeded())
    with pytest.raises(UserError, match="dense tensor of floats"):
        mask_nodes(Data(x=torch.ones(3, 2, dtype=torch.int64)), 0.5, generator=seeded())
