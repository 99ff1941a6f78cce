from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.graphs.stdlib import read_stdlib


@pytest.fixture(scope="module")
def library() -> RawGraph:
    return read_stdlib()


def edges_of(graph: RawGraph, name: str) -> set[str]:
    assert graph.ids is not None
    row = graph.ids.index(name)
    return {graph.ids[end] for end in graph.edge_index[1, graph.edge_index[0] == row].tolist()}


def test_modules_their_texts_and_their_packages(library: RawGraph) -> None:
    assert library.ids is not None
    assert library.text is not None
    assert library.y is not None
    assert library.num_nodes > 200
    assert len(set(library.ids)) == library.num_nodes == len(library.text)
    row = library.ids.index("asyncio.locks")
    assert library.class_names[library.y[row]] == "asyncio"
    assert library.text[row].startswith("Synchronization primitives.")
    assert "Lock: Primitive lock objects." in library.text[row]
    assert library.y[library.ids.index("ast")] == -1
    assert int(library.y[library.y >= 0].bincount().min()) >= 5


def test_relative_and_absolute_imports_are_edges(library: RawGraph) -> None:
    assert {"asyncio.base_events", "asyncio.locks"} <= edges_of(library, "asyncio")  # from .locks import *
    assert "asyncio.exceptions" in edges_of(library, "asyncio.locks")  # from . import exceptions
    assert {"json.decoder", "json.encoder", "codecs"} <= edges_of(library, "json")
    assert "xml.dom" in edges_of(library, "xml.dom.minidom")
    assert not (library.edge_index[0] == library.edge_index[1]).any()


def test_it_is_the_same_every_time(library: RawGraph) -> None:
    again = read_stdlib()
    assert again.text == library.text
    assert torch.equal(again.edge_index, library.edge_index)


def test_no_sources_are_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no sources of the standard library"):
        read_stdlib(tmp_path)


def test_nothing_is_imported_or_run(tmp_path: Path) -> None:
    (tmp_path / "ast.py").write_text('"""Doc."""\nimport os\nraise SystemExit(1)\n')
    (tmp_path / "os.py").write_text("def f():\n    if x:\n        from ast import parse\n")
    graph = read_stdlib(tmp_path)
    assert graph.ids == ["ast", "os"]
    assert graph.text == ["Doc.", "f"]
    assert graph.edge_index.tolist() == [[0, 1], [1, 0]]
