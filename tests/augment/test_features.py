from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data, HeteroData

from graphcl.augment.features import DropFeatures, MaskFeatures, ShuffleFeatures
from graphcl.core.errors import UserError

AUGMENTERS = [MaskFeatures(0.3), MaskFeatures(0.3, centrality="degree"), DropFeatures(0.3), ShuffleFeatures()]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def graph(nodes: int = 200, width: int = 300) -> Data:
    x = torch.rand(nodes, width, generator=seeded(5)) + 1.0
    return Data(x=x, edge_index=torch.randint(0, nodes, (2, 50), generator=seeded(6)), y=torch.arange(nodes))


@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
def test_pure_and_only_x_changes(augmenter):
    before, now = graph(), graph()
    result = augmenter(now, generator=seeded())
    assert torch.equal(before.x, now.x)
    assert torch.equal(result.edge_index, before.edge_index)
    assert torch.equal(result.y, before.y)
    assert not torch.equal(result.x, before.x)
    for key in ("x", "edge_index", "y"):
        assert result[key].untyped_storage().data_ptr() != now[key].untyped_storage().data_ptr()
    assert torch.equal(result.x, augmenter(now, generator=seeded()).x)
    assert not torch.equal(result.x, augmenter(now, generator=seeded(1)).x)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_p_is_the_masked_share_of_columns_for_all_nodes(p):
    x = graph().x
    masked = MaskFeatures(p)(graph(), generator=seeded()).x
    gone = masked == 0
    assert (gone.all(0) == gone.any(0)).all()
    assert gone.any(0).float().mean().item() == pytest.approx(p, abs=0.06 if 0 < p < 1 else 0)
    assert torch.equal(masked[:, ~gone.any(0)], x[:, ~gone.any(0)])


@pytest.mark.parametrize("p", [0.0, 0.3, 0.9])
def test_p_is_the_dropped_share_of_entries_and_the_rest_is_rescaled(p):
    x = graph().x
    dropped = DropFeatures(p)(graph(), generator=seeded()).x
    gone = dropped == 0
    assert gone.float().mean().item() == pytest.approx(p, abs=0.01)
    torch.testing.assert_close(dropped[~gone], x[~gone] / (1 - p))


def test_masking_hides_what_is_not_finite():
    data = Data(x=torch.full((2, 3), float("nan")), edge_index=torch.empty(2, 0, dtype=torch.int64))
    assert torch.equal(MaskFeatures(1.0)(data, generator=seeded()).x, torch.zeros(2, 3))


def test_shuffling_is_a_permutation_within_each_graph():
    parts = [Data(x=torch.arange(n, dtype=torch.float32)[:, None] + 100 * n, num_nodes=n) for n in (4, 7, 1)]
    batch = Batch.from_data_list(parts)
    shuffled = ShuffleFeatures()(batch, generator=seeded()).x
    assert not torch.equal(shuffled, batch.x)
    start = 0
    for n in (4, 7, 1):
        assert torch.equal(shuffled[start : start + n].sort(0).values, batch.x[start : start + n])
        start += n


def test_types_have_columns_of_their_own():
    data = HeteroData()
    data["a"].x, data["b"].x = torch.ones(3, 40), torch.ones(2, 60)
    data["c"].num_nodes = 5
    result = MaskFeatures(0.5)(data, generator=seeded())
    assert 0 < result["a"].x.sum() < 120
    assert 0 < result["b"].x.sum() < 120
    assert result["c"].num_nodes == 5


@pytest.mark.parametrize("augmenter", AUGMENTERS, ids=repr)
def test_missing_integer_and_sparse_features_are_refused(augmenter):
    with pytest.raises(UserError, match="no node features 'x'"):
        augmenter(Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=3), generator=seeded())
    for x in (torch.ones(3, 2, dtype=torch.int64), torch.ones(3, 2).to_sparse()):
        with pytest.raises(UserError, match="dense tensor of floats"):
            augmenter(Data(x=x, edge_index=torch.empty(2, 0, dtype=torch.int64)), generator=seeded())
