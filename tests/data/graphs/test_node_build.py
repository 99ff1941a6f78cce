from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.build import MAX_IDENTITY, assemble, check_raw, clean_edges, node_features, row_normalize
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.report import DataReport

EDGES = torch.tensor([[0, 1, 1, 2, 2], [1, 0, 2, 2, 0]])


def raw(**changes: object) -> RawGraph:
    values = {
        "edge_index": EDGES,
        "num_nodes": 5,
        "x": torch.ones(5, 2),
        "y": torch.tensor([0, 1, 0, -1, 1]),
        "source": "toy",
    }
    return RawGraph(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"edge_index": torch.empty(2, 0, dtype=torch.long)}, "no edges"),
        ({"edge_index": torch.tensor([[0], [5]])}, r"names node 5.*0\.\.4"),
        ({"edge_index": torch.tensor([[-1], [0]])}, "names node -1"),
        ({"y": torch.zeros(4, dtype=torch.long)}, "4 rows of labels for 5 nodes"),
        ({"y": torch.tensor([1, 1, 1, -1, 1])}, "all of one class.*leave the labels out"),
        ({"x": torch.tensor([[0.0, 1.0]] * 4 + [[0.0, float("nan")]])}, "feature 1 of node 4 is nan"),
        ({"x": torch.full((5, 1), float("inf"))}, "feature 0 of node 0 is inf"),
        ({"masks": {"train": torch.zeros(3, 1, dtype=torch.bool)}}, "3 rows of train"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as info:
        check_raw(raw(**changes))
    assert str(info.value).startswith("toy: ")
    assert "\n" not in str(info.value)


def test_edges_are_mirrored_once_and_it_is_said() -> None:
    report = DataReport()
    edge_index = clean_edges(raw(), directed=False, report=report)[0]
    assert edge_index.t().tolist() == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]
    assert "self-loops left out (towers add their own): 1" in report.notes[0]
    assert "mirrored to 6" in report.notes[1]


def test_directed_edges_keep_their_direction() -> None:
    edge_index = clean_edges(raw(), directed=True, report=DataReport())[0]
    assert edge_index.t().tolist() == [[0, 1], [1, 0], [1, 2], [2, 0]]


def test_repeated_edges_are_counted() -> None:
    report = DataReport()
    both = torch.cat([EDGES[:, :2], EDGES[:, :2]], dim=1)
    assert clean_edges(raw(edge_index=both), directed=False, report=report)[0].shape == (2, 2)
    assert report.notes == ["repeated edges left out: 2"]


def test_isolated_nodes_are_kept_also_at_the_end() -> None:
    report = DataReport()
    graph = raw()
    edge_index = clean_edges(graph, False, report)[0]
    data = assemble(torch.ones(5, 2), edge_index, graph, check_raw(graph), report)
    assert data.num_nodes == 5
    assert "nodes without an edge, kept: 2" in report.notes
    assert "nodes without a label, trained on but in no split: 1" in report.notes
    assert "5 nodes, 6 directed edges, 2 features, 2 classes" in report.notes


def test_features_given_identity_degree() -> None:
    edges = clean_edges(raw(), False, DataReport())[0]
    x = torch.arange(10.0).reshape(5, 2)
    assert torch.equal(node_features(raw(x=x), edges, "given", False, DataReport()), x)
    report = DataReport()
    assert torch.equal(node_features(raw(x=None), edges, "given", False, report), torch.eye(5))
    assert "the data has none" in report.notes[0]
    degree = node_features(raw(), edges, "degree", False, DataReport())
    assert torch.allclose(degree.expm1().flatten(), torch.tensor([2.0, 2.0, 2.0, 0.0, 0.0]))
    with pytest.raises(UserError, match=r"data\.features=degree"):
        node_features(raw(x=None, num_nodes=MAX_IDENTITY + 1), edges, "given", False, DataReport())


def test_row_normalize_leaves_zero_rows_and_the_input_alone() -> None:
    x = torch.tensor([[1.0, 3.0], [0.0, 0.0], [-1.0, 1.0]])
    before = x.clone()
    assert row_normalize(x).tolist() == [[0.25, 0.75], [0.0, 0.0], [-0.5, 0.5]]
    assert torch.equal(x, before)


@pytest.mark.parametrize("labels", [None, torch.full((5,), -1)])
def test_labels_may_be_absent(labels: torch.Tensor | None) -> None:
    graph, report = raw(y=labels), DataReport()
    found = check_raw(graph)
    assert found.tolist() == [-1] * 5
    assemble(torch.ones(5, 2), clean_edges(graph, False, report)[0], graph, found, report)
    assert "5 nodes, 6 directed edges, 2 features, no labels" in report.notes
