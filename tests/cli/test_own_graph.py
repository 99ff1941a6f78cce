"""An own graph in files: trained on, and new nodes embedded with the run; whatever can be wrong with the files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from graphcl.cli import main
from tests.cli.conftest import Command

SMALL = ["encoder.dim=4", "train.epochs=2", "train.threads=1", "eval.baselines=[]"]


def node_rows(count: int = 30) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": [f"n{number}" for number in range(count)],
            "label": ["left" if number < count // 2 else "right" for number in range(count)],
            "age": draw.normal(size=count).round(3) + (np.arange(count) < count // 2),
            "size": draw.normal(size=count).round(3),
        }
    )


def edge_rows(count: int = 30) -> pd.DataFrame:
    half = count // 2
    pairs = [(a, half * (a // half) + (a + step) % half) for a in range(count) for step in (1, 2)]
    return pd.DataFrame({"source": [f"n{a}" for a, _ in pairs], "target": [f"n{b}" for _, b in pairs]})


def write(folder: Path, nodes: pd.DataFrame, edges: pd.DataFrame) -> str:
    folder.mkdir(exist_ok=True)
    nodes.to_csv(folder / "nodes.csv", index=False)
    edges.to_csv(folder / "edges.csv", index=False)
    return f"{folder / 'nodes.csv'},{folder / 'edges.csv'}"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(tmp_path_factory.mktemp("graph"), node_rows(), edge_rows())


@pytest.fixture(scope="module")
def run(files: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert main.run(["train", "grace", f"data.path={files}", *SMALL, "--out", str(folder), "--quiet"]) == 0
    return folder


def vectors(path: Path) -> dict[str, np.ndarray]:
    table = pd.read_parquet(path)
    return {row.id: np.asarray(row.vector) for row in table.itertuples()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return list(a) == list(b) and all(np.allclose(a[key], b[key], atol=1e-6) for key in a)


@pytest.fixture
def own(graphcl: Command, run: Path, tmp_path: Path) -> dict[str, np.ndarray]:
    """Embeddings of the graph that was trained on."""
    assert graphcl("embed", run, "--out", tmp_path / "own.parquet").code == 0
    return vectors(tmp_path / "own.parquet")


def test_the_same_nodes_again_have_the_same_embeddings(
    graphcl: Command, run: Path, files: str, own: dict[str, np.ndarray], tmp_path: Path
) -> None:
    outcome = graphcl("embed", run, "--data", files, "--out", tmp_path / "again.parquet")
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"30 node embeddings of width 4 written to {tmp_path / 'again.parquet'}\n"
    assert "30 nodes, 120 directed edges, 2 features, no labels" in outcome.err
    assert same(vectors(tmp_path / "again.parquet"), own)
    assert np.abs(own["n0"]).max() > 1e-3


@pytest.mark.parametrize("form", ["folder", "swapped", "parquet", "tsv", "graphml", "columns"])
def test_every_form_of_the_same_graph_says_the_same(
    graphcl: Command, run: Path, own: dict[str, np.ndarray], tmp_path: Path, form: str
) -> None:
    nodes, edges = node_rows(), edge_rows()
    if form == "folder":
        given = str(Path(write(tmp_path / "g", nodes, edges).split(",")[0]).parent)
    elif form == "swapped":
        given = ",".join(reversed(write(tmp_path / "g", nodes, edges).split(",")))
    elif form == "columns":  # in another order, one more, and no labels
        given = write(tmp_path / "g", nodes.assign(name="x")[["name", "size", "id", "age"]], edges)
    elif form == "parquet":
        nodes.to_parquet(tmp_path / "nodes.parquet")
        edges.to_parquet(tmp_path / "edges.parquet")
        given = f"{tmp_path / 'nodes.parquet'},{tmp_path / 'edges.parquet'}"
    elif form == "tsv":
        nodes.to_csv(tmp_path / "nodes.tsv", sep="\t", index=False)
        edges.to_csv(tmp_path / "edges.tsv", sep="\t", index=False)
        given = f"{tmp_path / 'nodes.tsv'},{tmp_path / 'edges.tsv'}"
    else:
        graph = nx.Graph()
        for _, row in nodes.iterrows():
            graph.add_node(row["id"], size=float(row["size"]), age=float(row["age"]))
        graph.add_edges_from(edges.to_numpy().tolist())
        nx.write_graphml(graph, tmp_path / "g.graphml")
        given = str(tmp_path / "g.graphml")
    outcome = graphcl("embed", run, "--data", given, "--out", tmp_path / "e.parquet", "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    assert same(vectors(tmp_path / "e.parquet"), own)


def test_npz_is_matched_by_position_and_it_is_said(
    graphcl: Command, run: Path, own: dict[str, np.ndarray], tmp_path: Path
) -> None:
    nodes, edges = node_rows(), edge_rows()
    place = {name: number for number, name in enumerate(nodes["id"])}
    np.savez(tmp_path / "g.npz", x=nodes[["age", "size"]].to_numpy(),
             edge_index=np.array([edges["source"].map(place), edges["target"].map(place)]))  # fmt: skip
    outcome = graphcl("embed", run, "--data", tmp_path / "g.npz", "--out", tmp_path / "e.npz")
    assert "features are matched by position" in outcome.err
    with np.load(tmp_path / "e.npz") as arrays:
        assert np.allclose(arrays["node"], np.stack(list(own.values())), atol=1e-6)
        assert arrays["node_ids"][:3].tolist() == ["0", "1", "2"]


def test_new_nodes_with_no_edge_at_all(graphcl: Command, run: Path, tmp_path: Path) -> None:
    given = write(tmp_path / "g", node_rows().head(3), edge_rows().head(0))
    outcome = graphcl("embed", run, "--data", given, "--out", tmp_path / "e.parquet")
    assert outcome.code == 0, outcome.err
    assert list(vectors(tmp_path / "e.parquet")) == ["n0", "n1", "n2"]
    assert "nodes without an edge, kept: 3" in outcome.err


def test_isolated_trailing_loops_repeats_and_directions(graphcl: Command, run: Path, tmp_path: Path) -> None:
    extra = pd.DataFrame({"source": ["n0", "n0", "n1"], "target": ["n0", "n1", "n0"]})
    nodes = pd.concat([node_rows(), node_rows(2).assign(id=["alone", "last"])])
    given = write(tmp_path / "g", nodes, pd.concat([edge_rows(), extra]))
    outcome = graphcl("embed", run, "--data", given, "--out", tmp_path / "e.parquet")
    for said in ("self-loops left out (towers add their own): 1", "repeated edges left out: 1",
                 "nodes without an edge, kept: 2", "mirrored to 120"):  # fmt: skip
        assert said in outcome.err
    assert list(vectors(tmp_path / "e.parquet"))[-2:] == ["alone", "last"]


def test_settings_of_the_data_may_differ(graphcl: Command, run: Path, tmp_path: Path) -> None:
    nodes, edges = write(tmp_path / "g", node_rows(), edge_rows()).split(",")
    renamed = node_rows().assign(id=node_rows()["id"].replace("n0", "né"))
    Path(nodes).write_bytes(renamed.to_csv(index=False).encode("latin-1"))
    Path(edges).write_text(edge_rows().replace("n0", "n1").to_csv(index=False))
    arguments = ["embed", run, "--data", f"{nodes},{edges}", "--out", tmp_path / "e.csv"]
    outcome = graphcl(*arguments)
    assert outcome.code == 2
    assert "nodes.csv is not utf-8: byte " in outcome.error
    assert "data.encoding=latin-1" in outcome.error
    assert graphcl(*arguments, "data.encoding=latin-1").code == 0
    assert pd.read_csv(tmp_path / "e.csv")["id"][0] == "né"
    assert "only data.* can differ" in graphcl(*arguments, "train.epochs=3", "--overwrite").error
    misspelt = graphcl(*arguments, "data.encodin=x", "--overwrite")
    assert "unknown key 'data.encodin'; nearest: 'data.encoding'" in misspelt.error
    assert "need --data" in graphcl("embed", run, "--out", tmp_path / "x.csv", "data.encoding=utf-8").error


NODES = node_rows().to_csv(index=False)
EDGES = edge_rows().to_csv(index=False)

#: Name -> (nodes.csv, edges.csv, what is said of them in training and in embedding alike).
BAD = {
    "unknown node": (NODES, EDGES + "n1,zoe\n", "edges.csv line 62: 'zoe' is not an id of nodes.csv\n"),
    "unknown nodes": (
        NODES, EDGES + "n1,zoe\nn1,n2\nn3,max\nn4,max\n",
        "edges.csv line 62: 'zoe' is not an id of nodes.csv (nor are 2 more of column 'target')",
    ),
    "repeated id": (NODES + "n3,left,1,1\n", EDGES, "nodes.csv line 32: node id 'n3' occurs more than once"),
    "nan feature": (NODES + "n99,left,nan,1\n", EDGES, "feature 'age' of node 'n99' is nan; give finite numbers"),
    "empty feature": (NODES + "n99,left,,1\n", EDGES, "feature 'age' of node 'n99' is nan; give finite numbers"),
    "text feature": (NODES + "n99,left,old,1\n", EDGES, "nodes.csv line 32: column 'age' holds 'old'"),
    "no id column": (NODES.replace("id,", "idd,", 1), EDGES, "nodes.csv: no column 'id'; nearest: 'idd'"),
    "no target column": (NODES, EDGES.replace("target", "targt"), "nearest to 'target': 'targt'"),
    "ragged": (NODES + "n99,left,1,1,1\n", EDGES, "nodes.csv line 32 has 5 fields where line 1 has 4"),
    "no separator": (NODES, EDGES.replace(",", "#"), "edges.csv has one column: no separator found in line 1"),
    "empty file": (NODES, "", "edges.csv is empty"),
    "no nodes": ("id,label,age,size\n", EDGES, "nodes.csv has a header and no rows"),
    "negative weight": (NODES, "source,target,weight\nn1,n2,-1\n", "the weight of edge 0 is -1; give finite ones"),
    "text weight": (NODES, "source,target,weight\nn1,n2,much\n", "line 2: column 'weight' holds 'much', no number"),
}


def bad_files(folder: Path, name: str) -> str:
    nodes, edges, _ = BAD[name]
    (folder / "nodes.csv").write_text(nodes)
    (folder / "edges.csv").write_text(edges)
    return f"{folder / 'nodes.csv'},{folder / 'edges.csv'}"


@pytest.mark.parametrize("name", BAD)
def test_a_graph_that_cannot_be_used(graphcl: Command, run: Path, tmp_path: Path, name: str) -> None:
    given = bad_files(tmp_path, name)
    training = graphcl("train", "grace", f"data.path={given}", *SMALL, "--out", tmp_path / "run", "--quiet")
    embedding = graphcl("embed", run, "--data", given, "--out", tmp_path / "e.parquet", "--quiet")
    for outcome in (training, embedding):
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), outcome.err
        assert BAD[name][2] in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edges.csv", "nodes.csv"]


@pytest.mark.parametrize(
    ("nodes", "edges", "says"),
    [
        (NODES, "source,target\n", "30 nodes and no edges; there is nothing to contrast"),
        (NODES.replace("right", "left"), EDGES, "all of one class, and there is nothing to tell apart"),
        (NODES.replace("label", "lable"), EDGES, "no column 'label'; nearest: 'lable'"),
    ],
)
def test_what_only_training_refuses(graphcl: Command, tmp_path: Path, nodes: str, edges: str, says: str) -> None:
    (tmp_path / "nodes.csv").write_text(nodes)
    (tmp_path / "edges.csv").write_text(edges)
    outcome = graphcl("train", "grace", f"data.path={tmp_path}", *SMALL, "--out", tmp_path / "run", "--quiet")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert says in outcome.err


def test_overlapping_masks_are_refused(graphcl: Command, tmp_path: Path) -> None:
    masks = {f"{part}_mask": np.arange(30) < 20 for part in ("train", "valid", "test")}
    np.savez(tmp_path / "g.npz", edge_index=np.array([[0, 1], [1, 2]]), y=np.arange(30) % 2, **masks)
    arguments = ["train", "grace", f"data.path={tmp_path / 'g.npz'}", "data.split.by=given", *SMALL]
    outcome = graphcl(*arguments, "--out", tmp_path / "run", "--quiet")
    assert outcome.code == 2
    assert "node 0 is in more than one of train, valid, test" in outcome.err


def test_features_without_a_column_are_refused(graphcl: Command, run: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "g.npz", edge_index=np.array([[0, 1], [1, 2]]), x=np.zeros((30, 0)))
    for arguments in (
        ["train", "grace", f"data.path={tmp_path / 'g.npz'}", *SMALL, "--out", tmp_path / "run"],
        ["embed", run, "--data", tmp_path / "g.npz", "--out", tmp_path / "e.csv"],
    ):
        outcome = graphcl(*arguments, "--quiet")
        assert outcome.code == 2
        assert "the features have no column; leave them out, or set data.features=degree" in outcome.err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"age": "aged"}, "lacks 1 of the 2 features of the run: 'age'; nearest to 'age': 'aged'"),
        ({"age": "a", "size": "b"}, "lacks 2 of the 2 features of the run: 'age', 'size'"),
    ],
)
def test_missing_features_are_named(graphcl: Command, run: Path, tmp_path: Path, change: dict, says: str) -> None:
    given = write(tmp_path / "g", node_rows().rename(columns=change), edge_rows())
    outcome = graphcl("embed", run, "--data", given, "--out", tmp_path / "e.csv", "--quiet")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert says in outcome.err


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nowhere.csv,edges.csv", "no file nowhere.csv"),
        ("nowhere", "data.path: nowhere does not exist"),
        ("a,b,c", "names 3 files; two tables make a graph: nodes.csv,edges.csv"),
        ("graph.pt", "is neither a .npz, a .graphml nor a folder"),
        ("nodes.csv", "give both tables: data.path=nodes.csv,edges.csv"),
        ("broken.graphml", "broken.graphml cannot be read as GraphML"),
        ("nodes.csv,graph.pt", "graph.pt is no table of a graph: it ends in none of .csv, .tsv, .parquet"),
    ],
)
def test_paths_that_are_no_graph(
    graphcl: Command, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("graph.pt").write_bytes(b"x")
    Path("nodes.csv").write_text(NODES)
    Path("broken.graphml").write_text("<graphml><node")
    outcome = graphcl("embed", run, "--data", path, "--out", "e.csv")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert says in outcome.err


def test_ids_alone_are_a_graph_where_features_are_degrees(graphcl: Command, files: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ["train", "grace", f"data.path={files}", "data.features=degree", *SMALL, "--out", run, "--quiet"]
    assert graphcl(*arguments).code == 0
    given = write(tmp_path / "g", node_rows()[["id"]], edge_rows())
    outcome = graphcl("embed", run, "--data", given, "--out", tmp_path / "e.csv", "--json", "--quiet")
    assert json.loads(outcome.out)["shapes"] == {"node": [30, 4]}


def test_runs_that_know_no_new_nodes(graphcl: Command, finished: Path, files: str, tmp_path: Path) -> None:
    outcome = graphcl("embed", finished, "--data", files, "--out", tmp_path / "e.csv")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "task 'recommend' embeds what it was trained on" in outcome.err
    tables = tmp_path / "tables"
    encoder = ["encoder={lightgcn: {dim: 4}}", *SMALL[1:]]
    assert graphcl("train", "grace", f"data.path={files}", *encoder, "--out", tables, "--quiet").code == 0
    outcome = graphcl("embed", tables, "--data", files, "--out", tmp_path / "e.csv")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "tower 'main' (lightgcn) learns an embedding for each node" in outcome.err


def test_a_damaged_checkpoint_is_said(graphcl: Command, run: Path, files: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "checkpoints" / "best.safetensors").write_bytes(b"cut")
    outcome = graphcl("embed", copy, "--data", files, "--out", tmp_path / "e.csv")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)


# --- many graphs ------------------------------------------------------------------------------------


def write_set(folder: Path, count: int, *, labels: bool = True) -> Path:
    """Rings and stars of four nodes, with a feature ``f``."""
    folder.mkdir()
    ring, star = [(0, 1), (1, 2), (2, 3), (3, 0)], [(0, 1), (0, 2), (0, 3)]
    names = [f"g{number}" for number in range(count)]
    graphs = pd.DataFrame({"id": names, "label": [number % 2 for number in range(count)]})
    four = range(4)
    nodes = [(f"{name}-{node}", name, float(node + number % 2)) for number, name in enumerate(names) for node in four]
    edges = [(f"{name}-{a}", f"{name}-{b}") for number, name in enumerate(names) for a, b in (ring, star)[number % 2]]
    (graphs if labels else graphs[["id"]]).to_csv(folder / "graphs.csv", index=False)
    pd.DataFrame(nodes, columns=["id", "graph", "f"]).to_csv(folder / "nodes.csv", index=False)
    pd.DataFrame(edges, columns=["source", "target"]).to_csv(folder / "edges.csv", index=False)
    return folder


def test_new_graphs_of_a_graph_run(graphcl: Command, tmp_path: Path) -> None:
    trained, run = write_set(tmp_path / "old", 12), tmp_path / "run"
    arguments = ["train", "graphcl", f"data.path={trained}", "eval.folds=3", *SMALL, "--out", run, "--quiet"]
    assert graphcl(*arguments).code == 0
    graphcl("embed", run, "--out", tmp_path / "own.parquet")
    fewer = write_set(tmp_path / "new", 3, labels=False)
    outcome = graphcl("embed", run, "--data", fewer, "--out", tmp_path / "new.parquet")
    assert outcome.code == 0, outcome.err
    assert "3 graphs, no labels, 12 nodes" in outcome.err
    own, new = vectors(tmp_path / "own.parquet"), vectors(tmp_path / "new.parquet")
    assert list(new) == ["g0", "g1", "g2"]
    assert all(np.allclose(new[name], own[name], atol=1e-5) for name in new)
    (fewer / "nodes.csv").write_text((fewer / "nodes.csv").read_text().replace("graph,f", "graph,ff"))
    outcome = graphcl("embed", run, "--data", fewer, "--out", tmp_path / "x.parquet", "--quiet")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "lacks 1 of the 1 feature of the run: 'f'; nearest to 'f': 'ff'" in outcome.err


def test_the_one_type_of_nodes_goes_by_the_name_that_the_table_gives_it(
    graphcl: Command, run: Path, tmp_path: Path
) -> None:
    done = graphcl("embed", run, "--type", "node", "--out", tmp_path / "e.csv", "--quiet")
    assert (done.code, (tmp_path / "e.csv").read_text().splitlines()[1].split(",")[0]) == (0, '"node"'), done.err
    wrong = graphcl("embed", run, "--type", "user", "--out", tmp_path / "f.csv", "--quiet")
    assert (wrong.code, wrong.err.strip().endswith("no embeddings of type 'user'; known: node")) == (2, True), wrong.err
