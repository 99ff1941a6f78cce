"""Columns of a user's tables that are called otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core.errors import UserError
from graphcl.data.graph_sets.folder import read_graph_folder
from graphcl.data.graphs.folder import read_folder
from graphcl.data.graphs.locate import locate
from graphcl.data.graphs.roles import GraphColumns, GraphSetColumns

NODES = "paper,topic,abstract,age,id\np1,cat,on cats,1,9\np2,dog,on dogs,2,9\np3,cat,more cats,3,9\n"
EDGES = "citing,cited,how much\np1,p2,2\np2,p3,4\n"
COLUMNS = GraphColumns(id="paper", label="topic", text="abstract", source="citing", target="cited", weight="how much")


def written(folder: Path, nodes: str = NODES, edges: str = EDGES) -> Path:
    (folder / "nodes.csv").write_text(nodes)
    (folder / "edges.csv").write_text(edges)
    return folder


def test_named_columns_play_their_roles(tmp_path: Path) -> None:
    graph = read_folder(written(tmp_path), columns=COLUMNS)
    assert graph.ids == ["p1", "p2", "p3"], "a column id is not read where another one is named"
    assert [graph.class_names[label] for label in graph.y] == ["cat", "dog", "cat"]
    assert graph.text == ["on cats", "on dogs", "more cats"]
    assert graph.edge_index.tolist() == [[0, 1], [1, 2]]
    assert graph.edge_weight.tolist() == [2, 4]
    files = f"{tmp_path / 'edges.csv'},{tmp_path / 'nodes.csv'}"
    assert locate("", files, None, columns=COLUMNS)[0].ids == graph.ids, "in either order"


def test_the_others_are_features_in_their_order(tmp_path: Path) -> None:
    nodes = "age,paper,size,topic\n1,p1,4,a\n2,p2,5,b\n3,p3,6,a\n"
    graph = read_folder(written(tmp_path, nodes), columns=GraphColumns("paper", label="topic", source="citing",
                                                                       target="cited"))
    assert graph.feature_names == ["age", "size"]
    assert graph.x.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert graph.text is None


def test_a_label_that_is_named_comes_before_label_name(tmp_path: Path) -> None:
    nodes = "id,text,label_name,topic\np1,x,a,c\np2,y,b,d\np3,z,a,c\n"
    edges = "src,dst\np1,p2\n"
    assert read_folder(written(tmp_path, nodes, edges)).class_names == ["a", "b"]
    assert read_folder(tmp_path, columns=GraphColumns(label="topic")).class_names == ["c", "d"]


def test_one_end_is_named_and_the_other_usual(tmp_path: Path) -> None:
    written(tmp_path, "id\np1\np2\n", "begin,dst\np1,p2\n")
    assert read_folder(tmp_path, columns=GraphColumns(source="begin")).edge_index.tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": "papr"}, r"nodes.csv has no column 'papr'; nearest: 'paper'; set data.columns.id=paper"),
        ({"id": "zzz"}, r"nodes.csv has no column 'zzz'; it has paper, topic, abstract, age, id"),
        ({"id": "paper", "text": "paper"}, r"column 'paper' is named by data.columns.id and data.columns.text"),
        (
            {"id": "paper", "text": "abstract"},
            r"edges.csv: needs the columns 'source' and 'target', it has citing, cited, how much; others are named by "
            r"data.columns.source=COLUMN data.columns.target=COLUMN",
        ),
        (
            {"id": "paper", "label": "topic", "source": "citing", "target": "cited"},
            r"column 'abstract' holds 'on cats'; columns other than .* \(data.columns names others\)",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_folder(written(tmp_path), columns=GraphColumns(**columns))


def test_a_missing_column_names_those_that_are_there_and_the_option(tmp_path: Path) -> None:
    message = r"nodes.csv: no column 'id'; it has paper, topic; data.columns.id=COLUMN names it"
    with pytest.raises(UserError, match=message):
        read_folder(written(tmp_path, "paper,topic\np1,a\n"))
    message = r"nodes.csv: no column 'label'; nearest: 'labels'; data.columns.label=labels takes it"
    with pytest.raises(UserError, match=message):
        read_folder(written(tmp_path, "id,labels\np1,a\n"))


def test_sets_of_graphs_too(tmp_path: Path) -> None:
    written(tmp_path, "atom,molecule,charge\na,m1,1\nb,m1,2\nc,m2,3\n", "begin,end\na,b\n")
    (tmp_path / "graphs.csv").write_text("molecule,active\nm1,yes\nm2,no\n")
    columns = GraphSetColumns("atom", "molecule", "molecule", "active", "begin", "end")
    raw = read_graph_folder(tmp_path, columns)
    assert (raw.ids, raw.class_names) == (["m1", "m2"], ["no", "yes"])
    assert (raw.y.tolist(), raw.graph_of.tolist()) == ([1, 0], [0, 0, 1])
    assert raw.feature_names == ["charge"]
    with pytest.raises(UserError, match=r"graphs.csv: no column 'id'; it has .*; data.columns.graph_id=COLUMN names"):
        read_graph_folder(tmp_path)
