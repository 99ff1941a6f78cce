from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.build import clean_edges
from graphcl.data.graphs.planetoid import read_planetoid
from graphcl.data.report import DataReport


def edges_of(name: str, folder: Path) -> torch.Tensor:
    return clean_edges(read_planetoid(folder, name), directed=True, report=DataReport())[0]


def test_cora_agrees_with_torch_geometric(shared_data: Path) -> None:
    from torch_geometric.io import read_planetoid_data
    from torch_geometric.utils import coalesce

    folder = shared_data / "graphs" / "Planetoid" / "Cora" / "raw"
    ours, theirs = read_planetoid(folder, "cora"), read_planetoid_data(str(folder), "cora")
    assert ours.num_nodes == 2708
    assert edges_of("cora", folder).shape == (2, 10556)
    assert torch.equal(edges_of("cora", folder), coalesce(theirs.edge_index))
    assert torch.equal(ours.x, theirs.x)
    assert torch.equal(ours.y, theirs.y)
    for part, key in (("train", "train_mask"), ("valid", "val_mask"), ("test", "test_mask")):
        assert torch.equal(ours.masks[part].flatten(), theirs[key])
    assert [int(ours.masks[part].sum()) for part in ("train", "valid", "test")] == [140, 500, 1000]


def test_citeseer_keeps_the_nodes_that_its_index_skips(shared_data: Path) -> None:
    folder = shared_data / "graphs" / "Planetoid" / "CiteSeer" / "raw"
    graph = read_planetoid(folder, "citeseer")
    assert graph.num_nodes == 3327
    assert edges_of("citeseer", folder).shape == (2, 9104)
    unknown = graph.y < 0
    assert int(unknown.sum()) == 15
    assert float(graph.x[unknown].abs().sum()) == 0
    assert not any(bool((mask.flatten() & unknown).any()) for mask in graph.masks.values())


def test_missing_and_mismatched_files(shared_data: Path, tmp_path: Path) -> None:
    raw = shared_data / "graphs" / "Planetoid"
    with pytest.raises(UserError, match=r"lacks ind\.cora\.x"):
        read_planetoid(tmp_path, "cora")
    for file in (raw / "Cora" / "raw").iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    shutil.copyfile(raw / "CiteSeer" / "raw" / "ind.citeseer.tx", tmp_path / "ind.cora.tx")
    with pytest.raises(UserError, match="do not fit each other"):
        read_planetoid(tmp_path, "cora")
    (tmp_path / "ind.cora.test.index").write_text("not numbers")
    with pytest.raises(UserError, match="do not fit each other"):
        read_planetoid(tmp_path, "cora")
