from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.data import cards
from graphcl.data.graphs.node_graph import NodeGraph, NodeGraphData, NodeSplitOptions

#: all but those whose dense features take 365 MB and 1.2 GB
NODE_CARDS = [
    name
    for name in cards.card_names()
    if cards.load_card(name).task == "node" and name not in ("flickr", "physics")
]


def test_the_offline_default_says_what_it_is() -> None:
    data = NodeGraphData.from_card("karate").load(seed=0)
    assert data.graph.num_nodes == 34
    assert data.graph.edge_index.shape == (2, 156)
    assert torch.equal(data.graph.x, torch.eye(34))
    assert data.class_names == ["Mr. Hi", "Officer"]
    assert data.labels.bincount().tolist() == [17, 17]
    said = "\n".join(data.report.lines())
    assert "data karate" in said
    assert "features: identity" in said
    assert "train 10, valid 7, test 17" in said


def test_training_data_holds_features_and_edges_only() -> None:
    data = NodeGraphData().load(seed=1)
    assert sorted(data.graph.keys()) == ["edge_index", "num_nodes", "x"]


def test_the_seed_draws_the_split() -> None:
    hashes = [NodeGraphData.from_card("karate").load(seed=seed).report.split_hash for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("name", NODE_CARDS)
def test_every_card_loads_with_the_counts_it_states(name: str, shared_data: Path) -> None:
    card = cards.load_card(name)
    if not card.counts:  # what is in python-stdlib depends on the Python
        assert name == "python-stdlib"
        return
    if not card.package and cards.find(card, shared_data / "graphs") is None:
        pytest.skip(f"{name} is not among the public data sets in {shared_data}")
    data = NodeGraphData.from_card(name, data_root=shared_data / "graphs").load(seed=0)
    assert card.counts == {
        "nodes": data.graph.num_nodes,
        "edges": data.graph.edge_index.shape[1],
        "features": data.graph.num_features,
        "classes": int(data.labels.max()) + 1,
    }
    assert card.licence
    assert card.citation


def test_cora_public_split_and_normalised_rows(shared_data: Path) -> None:
    data = NodeGraphData.from_card("cora", data_root=shared_data, split={"by": "public"}).load(seed=0)
    assert data.report.split["sizes"] == {"train": 140, "valid": 500, "test": 1000}
    assert data.labels[data.splits.at(0).train].bincount().tolist() == [20] * 7
    assert torch.allclose(data.graph.x.sum(dim=1), torch.ones(2708))
    with pytest.raises(UserError, match="comes with 1 split"):
        data.splits.at(1)


def test_a_changed_pickle_is_not_read(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cora"
    shutil.copytree(shared_data / "graphs" / "Planetoid" / "Cora" / "raw", folder)
    file = folder / "ind.cora.y"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(UserError, match=r"ind\.cora\.y is not the public file"):
        NodeGraphData("cora", data_root=tmp_path).load(seed=0)


def test_paths(tmp_path: Path) -> None:
    np.savez(tmp_path / "g.npz", edge_index=np.array([[0, 1], [1, 2]]), y=np.arange(40) % 2)
    data = NodeGraphData(path=str(tmp_path / "g.npz")).load(seed=0)
    assert data.graph.x.shape == (40, 40)  # 37 nodes at the end have no edge
    assert "nodes without an edge, kept: 37" in data.report.notes
    with pytest.raises(UserError, match="does not exist"):
        NodeGraphData(path=str(tmp_path / "no.npz")).load(seed=0)
    (tmp_path / "g.pt").write_bytes(b"")
    with pytest.raises(UserError, match=r"neither a \.npz, a \.graphml nor a folder"):
        NodeGraphData(path=str(tmp_path / "g.pt")).load(seed=0)


def test_names_that_do_not_exist_or_are_for_another_task() -> None:
    with pytest.raises(UserError, match="unknown data set 'coraa'; nearest: 'cora'"):
        NodeGraphData("coraa").load(seed=0)
    with pytest.raises(UserError, match="for the task 'recommend', not for 'node'"):
        NodeGraphData("gowalla").load(seed=0)
    with pytest.raises(UserError, match="comes without a split"):
        NodeGraphData(split=NodeSplitOptions(by="public")).load(seed=0)
    with pytest.raises(UserError, match="'split'"):
        build("data", "node_graph", {"split": {"by": "sorted"}})


def test_pyg_by_class_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    data = NodeGraphData("pyg:KarateClub", split=NodeSplitOptions(stratified=True)).load(seed=0)
    assert data.graph.num_nodes == 34
    assert int(data.labels.max()) == 3
    with pytest.raises(UserError, match="no data set class 'Planetoit'; nearest: 'Planetoid'"):
        NodeGraphData("pyg:Planetoit/Cora").load(seed=0)


def test_pyg_reads_its_own_layout_from_the_cache(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    raw = tmp_path / "pyg" / "Planetoid" / "Cora" / "raw"
    shutil.copytree(shared_data / "graphs" / "Planetoid" / "Cora" / "raw", raw)
    raw.chmod(0o755)
    raw.parent.chmod(0o755)
    theirs = NodeGraphData("pyg:Planetoid/Cora", split=NodeSplitOptions(by="public")).load(seed=0)
    ours = NodeGraphData("cora", split=NodeSplitOptions(by="public"), data_root=shared_data).load(seed=0)
    assert theirs.report.split_hash == ours.report.split_hash
    assert torch.equal(theirs.graph.x, ours.graph.x)
    assert torch.equal(theirs.graph.edge_index, ours.graph.edge_index)


@pytest.mark.parametrize("sparse", [True, False])
def test_saved_and_read_again(sparse: bool, tmp_path: Path) -> None:
    x = np.eye(50, 30) if sparse else np.random.default_rng(0).normal(size=(50, 4))
    masks = {f"{part}_mask": np.arange(50) % 3 == number for number, part in enumerate(("train", "valid", "test"))}
    np.savez(tmp_path / "g.npz", x=x, edge_index=np.array([[0, 1], [1, 2]]), y=np.arange(50) // 3 % 2, **masks)
    before = NodeGraphData(path=str(tmp_path / "g.npz"), split=NodeSplitOptions(by="given")).load(seed=0)
    before.save(tmp_path / "data")
    if sparse:  # 30 entries of 1,500
        assert (tmp_path / "data" / "graph.safetensors").stat().st_size < 3000
    after = NodeGraphData.read(tmp_path / "data")
    assert torch.equal(after.graph.x, before.graph.x)
    assert torch.equal(after.graph.edge_index, before.graph.edge_index)
    assert after.graph.num_nodes == 50
    assert torch.equal(after.labels, before.labels)
    assert after.splits.at(0).digest() == before.splits.at(0).digest()
    assert after.report == before.report
    with pytest.raises(UserError, match="exists already"):
        before.save(tmp_path / "data")
    (tmp_path / "data" / "graph.safetensors").write_bytes(b"cut")
    with pytest.raises(UserError, match="is damaged"):
        NodeGraphData.read(tmp_path / "data")
    with pytest.raises(UserError, match="cannot read"):
        NodeGraphData.read(tmp_path)


def test_a_random_split_survives_the_round_trip(tmp_path: Path) -> None:
    before: NodeGraph = NodeGraphData.from_card("karate").load(seed=5)
    before.save(tmp_path / "data")
    after = NodeGraphData.read(tmp_path / "data")
    assert [after.splits.at(k).digest() for k in range(3)] == [before.splits.at(k).digest() for k in range(3)]
    assert after.class_names == before.class_names


def test_held_out_links_are_drawn_by_the_seed_and_kept(tmp_path: Path) -> None:
    def load(seed: int) -> NodeGraph:
        return NodeGraphData.from_card("karate", split={"edges": [0.1, 0.2]}).load(seed=seed)

    data = load(0)
    assert data.links is not None
    assert data.links.sizes() == {"valid": 8, "test": 16}
    assert data.graph.edge_index.shape == (2, 2 * (78 - 24))
    assert data.links.digest() == load(0).links.digest() != load(1).links.digest()
    assert any("edges held out of training: valid 8, test 16" in note for note in data.report.notes)
    data.save(tmp_path / "data")
    again = NodeGraphData.read(tmp_path / "data")
    assert again.links is not None
    assert again.links.digest() == data.links.digest()


def test_degree_features_do_not_know_held_out_edges() -> None:
    data = NodeGraphData.from_card("karate", split={"edges": [0.1, 0.2]}, features="degree").load(seed=0)
    seen = torch.bincount(data.graph.edge_index[1], minlength=34)
    assert torch.allclose(data.graph.x.flatten().expm1(), seen.float(), atol=1e-4)


def test_a_graph_without_labels_loads_and_says_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "g.npz", x=np.eye(4), edge_index=np.array([[0, 1], [1, 2]]))
    data = NodeGraphData(path=str(tmp_path / "g.npz")).load(seed=0)
    assert data.labels.tolist() == [-1] * 4
    assert data.report.split == {}
    data.save(tmp_path / "data")
    assert NodeGraphData.read(tmp_path / "data").labels.tolist() == [-1] * 4
    with pytest.raises(UserError, match="comes without a split"):
        data.with_split("public")


def test_a_split_that_came_with_the_data_and_is_not_used_is_said(tmp_path: Path) -> None:
    masks = {f"{part}_mask": np.arange(30) // 10 == number for number, part in enumerate(("train", "valid", "test"))}
    np.savez(tmp_path / "g.npz", edge_index=np.array([[0, 1], [1, 2]]), y=np.arange(30) % 2, **masks)
    drawn, given = (
        NodeGraphData(path=str(tmp_path / "g.npz"), split=NodeSplitOptions(by=by)).load(seed=0)
        for by in ("random", "given")
    )
    note = "the data comes with a split, which is not used; data.split.by=given takes it"
    assert (note in drawn.report.notes, note in given.report.notes) == (True, False)
    assert given.splits.at(0).train.tolist() == list(range(10))


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("graphcl.data.graphs.tensors.save_file", full)
    with pytest.raises(UserError, match="No space left"):
        NodeGraphData.from_card("karate").load(seed=0).save(tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
