"""Graphs whose nodes have texts: read from tables, made into features, kept, and applied to new nodes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.data.graphs.node_graph import NodeGraph, NodeGraphData, NodeSplitOptions
from graphcl.data.graphs.texts import packed_texts, unpacked_texts
from graphcl.data.text_encoders import TextOptions

TEXTS = {
    "a": "graphs and nodes", "b": 'nodes, "quoted"\nand a second line', "c": "", "d": "графы и узлы 🙂 graphs",
    "e": "nodes of graphs", "f": "图 图 узлы",
}
SPLIT = NodeSplitOptions(ratios=[0.4, 0.2, 0.4])
LOOSE = TextOptions(dim=3, max_df=1.0)


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def written(folder: Path, texts: dict[str, str] = TEXTS, edges: str = "source,target\na,b\nb,c\nd,e\n") -> Path:
    rows = [f"{name},{quoted(text)},{'x' if at % 2 else 'y'},left out" for at, (name, text) in enumerate(texts.items())]
    (folder / "nodes.csv").write_text("id,text,label,note\n" + "\n".join(rows) + "\n", encoding="utf-8")
    (folder / "edges.csv").write_text(edges)
    return folder


def loaded(folder: Path, text: TextOptions = LOOSE, **options: object) -> NodeGraph:
    return NodeGraphData(path=str(folder), split=SPLIT, text=text, **options).load(seed=0)  # type: ignore[arg-type]


def test_a_table_with_texts_is_a_graph_in_one_step(tmp_path: Path) -> None:
    data = loaded(written(tmp_path))
    assert data.graph.text == list(TEXTS.values())
    assert data.graph.x.shape == (6, 3)
    assert data.class_names == ["x", "y"]
    assert not data.graph.x[2].any()
    assert data.feature_names == []
    assert not data.identity
    said = "\n".join(data.report.notes)
    assert "nodes with an empty text, kept: 1" in said
    assert "features: TF-IDF of 3 words, SVD to 3, fitted on these texts, no label" in said


def test_json_lines_and_names_of_labels(tmp_path: Path) -> None:
    rows = [{"id": i, "label": i % 2, "label_name": "ab"[i % 2], "text": f"word{i % 3} some word", "year": 1990 + i,
             "topic": "none"} for i in range(12)]
    with gzip.open(tmp_path / "nodes.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "edges.csv").write_text("src,dst\n0,1\n1,2\n")
    data = loaded(tmp_path)
    assert data.class_names == ["a", "b"]
    assert data.ids == [str(i) for i in range(12)]
    assert data.labels.tolist() == [0, 1] * 6


def test_the_public_split_of_cora_is_that_of_planetoid(shared_data: Path) -> None:
    """Classes are numbered by name here, so that the two are compared by the classes' sizes, and by edges across."""
    public = NodeSplitOptions(by="public")
    tag, planetoid = (
        NodeGraphData.from_card(name, data_root=shared_data, split=public).load(seed=0) for name in ("cora-tag", "cora")
    )
    for part in ("train", "valid", "test"):
        sizes = [sorted(d.labels[getattr(d.splits.at(0), part)].bincount().tolist()) for d in (tag, planetoid)]
        assert sizes[0] == sizes[1]
        nodes = [(d.graph.edge_index, getattr(d.splits.at(0), part)) for d in (tag, planetoid)]
        inside = [int(torch.isin(edges, chosen).all(dim=0).sum()) for edges, chosen in nodes]
        assert inside[0] == inside[1]


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ("a,x,\na,y,\n", "a,a\n", "line 3: node id 'a' occurs more than once"),
        ("a,x,\n,y,\n", "a,a\n", "line 3: the node has no id"),
        ("a,x,\nb,y,\n", "a,z\n", "'z' is not an id of nodes.csv"),
        ("a,,\nb,,\n", "a,b\n", r"^\S+: all texts are empty"),
    ],
)
def test_bad_rows_are_named(tmp_path: Path, nodes: str, edges: str, message: str) -> None:
    (tmp_path / "nodes.csv").write_text("id,text,label\n" + nodes)
    (tmp_path / "edges.csv").write_text("source,target\n" + edges)
    with pytest.raises(UserError, match=message):
        loaded(tmp_path)


@pytest.mark.parametrize("length", [100_000, 300_000])
def test_very_long_texts_are_read_whole(tmp_path: Path, length: int) -> None:
    long = ("graphs, nodes\n" * length)[:length]
    data = loaded(written(tmp_path, {"a": long, **{name: text for name, text in TEXTS.items() if name != "a"}}))
    assert data.graph.text[0] == long
    assert bool(torch.isfinite(data.graph.x).all())


def test_without_labels_there_is_a_graph_and_no_split(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text("id,text\na,some words\nb,some more words\n")
    (tmp_path / "edges.csv").write_text("source,target\na,b\n")
    data = loaded(tmp_path)
    assert bool((data.labels == -1).all())
    assert data.report.split == {}


def test_a_run_keeps_texts_and_the_fitted_encoder(tmp_path: Path) -> None:
    data = loaded(written(tmp_path))
    data.save(tmp_path / "kept")
    kept = NodeGraphData.read(tmp_path / "kept")
    assert kept.graph.text == data.graph.text
    assert torch.equal(kept.graph.x, data.graph.x)
    assert kept.text_encoder is not None
    assert torch.equal(kept.text_encoder.encode(data.graph.text), data.graph.x)


def test_new_nodes_are_encoded_as_in_training(tmp_path: Path) -> None:
    """Words that only the new graph has say nothing: the encoder is fitted on the training graph alone."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    data = loaded(written(tmp_path / "old"))
    texts = {"n": TEXTS["a"], "m": "unseen unseen words", "o": "unseen words nodes"}
    new = written(tmp_path / "new", texts, "source,target\nn,m\n")
    unseen = NodeGraphData(path=str(new), text=LOOSE).load_unseen(data)
    assert torch.allclose(unseen.graph.x[0], data.graph.x[0])
    assert not unseen.graph.x[1].any()
    assert "as in training" in "\n".join(unseen.report.notes)


def test_new_nodes_without_texts_are_refused(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    data = loaded(written(tmp_path / "old"))
    (tmp_path / "new" / "nodes.csv").write_text("id,f\na,1\nb,2\n")
    (tmp_path / "new" / "edges.csv").write_text("source,target\na,b\n")
    with pytest.raises(UserError, match="the nodes have no texts; a table of nodes has them in the column 'text'"):
        NodeGraphData(path=str(tmp_path / "new")).load_unseen(data)


def test_texts_beside_features_of_a_graph_in_memory() -> None:
    graph = Data(x=torch.ones(6, 2), edge_index=torch.tensor([[0, 1], [1, 2]]), y=torch.tensor([0, 1, 0, 1, 0, 1]),
                 text=["red cat", "red dog", "blue dog", "", "cat", "dog"])
    split = NodeSplitOptions(ratios=[0.4, 0.2, 0.4], stratified=True)
    kept = NodeGraphData(split=split, given=graph).load(seed=0)
    assert torch.equal(kept.graph.x, graph.x)
    assert kept.graph.text == graph.text
    made = NodeGraphData(features="text", text=LOOSE, split=split, given=graph).load(seed=0)
    assert made.graph.x.shape == (6, 3)
    graph.text = "one string"
    with pytest.raises(UserError, match="a text that is a str; give a list of strings"):
        NodeGraphData(given=graph).load(seed=0)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8))
def test_packing_is_undone(texts: list[str]) -> None:
    assert unpacked_texts(packed_texts(texts)) == texts
