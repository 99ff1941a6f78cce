from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.build import check_raw
from graphcl.data.graphs.folder import read_folder

NODES = "id,label,age,size,split\nann,cat,1,2.5,train\nbob,dog,2,0,test\ncy,,3,1,\ndee,cat,4,1,valid\n"
EDGES = "source,target\nann,bob\nbob,cy\n"


def written(folder: Path, nodes: str = NODES, edges: str = EDGES) -> Path:
    (folder / "nodes.csv").write_text(nodes)
    (folder / "edges.csv").write_text(edges)
    return folder


def test_own_ids_labels_features_and_split(tmp_path: Path) -> None:
    graph = read_folder(written(tmp_path))
    assert graph.ids == ["ann", "bob", "cy", "dee"]
    assert graph.class_names == ["cat", "dog"]
    assert graph.y.tolist() == [0, 1, -1, 0]
    assert graph.x.tolist() == [[1, 2.5], [2, 0], [3, 1], [4, 1]]
    assert graph.edge_index.tolist() == [[0, 1], [1, 2]]
    assert graph.num_nodes == 4
    assert [graph.masks[part].flatten().nonzero().item() for part in ("train", "valid", "test")] == [0, 3, 1]


@pytest.mark.parametrize("name", ["val", "validation"])
def test_validation_nodes_go_by_other_names_too(tmp_path: Path, name: str) -> None:
    graph = read_folder(written(tmp_path, NODES.replace("valid", name)))
    assert [graph.masks[part].flatten().nonzero().item() for part in ("train", "valid", "test")] == [0, 3, 1]


def test_other_separators_and_numbers_as_ids(tmp_path: Path) -> None:
    graph = read_folder(written(tmp_path, "id;label\n007;a\n7;b\n", "src;dst\n7;007\n"))
    assert graph.ids == ["007", "7"]
    assert graph.edge_index.tolist() == [[1], [0]]
    assert graph.x is None


def test_an_empty_feature_becomes_nan_for_the_check(tmp_path: Path) -> None:
    graph = read_folder(written(tmp_path, "id,label,f\na,x,1\nb,y,\n", "source,target\na,b\n"))
    assert bool(torch.isnan(graph.x[1, 0]))


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        (NODES.replace("label", "lable"), EDGES, "no column 'label'; nearest: 'lable'"),
        (NODES.replace("bob,", "ann,"), EDGES, "'ann' occurs more than once"),
        (NODES.replace("2.5", "big"), EDGES, "line 2: column 'size' holds 'big'"),
        (NODES.replace("valid", "dev"), EDGES, "holds 'dev'"),
        (NODES, EDGES.replace("bob,cy", "bob,zoe"), "line 3: 'zoe' is not an id"),
        (NODES, EDGES.replace("bob,cy", "bob,"), "line 3: column 'target' is empty"),
        ("id,f\n1,1\n2,1\n", "source,target\n1.0,2.0\n", "'1.0' is not an id of nodes.csv, but '1' is: write ids"),
        ("id,label\n1,0.5\n2,1\n", "source,target\n1,2\n", "nodes.csv: label '0.5' is a real number; classes are"),
        (NODES, EDGES.replace("source", "from"), "needs the columns 'source' and 'target'"),
        ("id,label\n", EDGES, "has a header and no rows"),
        (NODES, "", "is empty"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, nodes: str, edges: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_folder(written(tmp_path, nodes, edges))


def test_labels_are_optional(tmp_path: Path) -> None:
    graph = read_folder(written(tmp_path, "id,f\na,1\nb,2\n", "source,target\na,b\n"))
    assert graph.y.tolist() == [-1, -1]
    assert graph.class_names == []


def test_no_edges_are_left_to_the_checks(tmp_path: Path) -> None:
    graph = read_folder(written(tmp_path, edges="source,target\n"))
    assert graph.edge_index.shape == (2, 0)
    with pytest.raises(UserError, match="4 nodes and no edges; there is nothing to contrast"):
        check_raw(graph)


def test_self_loops_alone_are_no_edges(tmp_path: Path) -> None:
    graph = read_folder(written(tmp_path, edges="source,target\nann,ann\n"))
    with pytest.raises(UserError, match="4 nodes and no edges but self-loops; there is nothing to contrast"):
        check_raw(graph)


def test_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text(NODES)
    with pytest.raises(UserError, match=r"no edges\.csv"):
        read_folder(tmp_path)
