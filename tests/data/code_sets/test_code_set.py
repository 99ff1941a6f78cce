"""Folders and files of code -> graphs, what is skipped and why, and what comes back from disk."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

pytest.importorskip("tree_sitter", reason="tree-sitter is not installed: pip install 'graphcl[code]'")

from graphcl.core.build import build
from graphcl.core.errors import UserError
from graphcl.data.code_sets import parallel
from graphcl.data.code_sets.code_set import CodeSet, CodeSetData
from graphcl.data.code_sets.forest import Forest
from graphcl.data.code_sets.parallel import parsed
from graphcl.data.code_sets.parse import Reading
from graphcl.data.code_sets.worker import Text, parse_texts


def load(path: Path, **options: Any) -> CodeSet:
    return build("data", "code_set", {"path": str(path), **options}).load(seed=0)


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_a_folder_is_a_class(tmp_path: Path) -> None:
    files = {"sort/a.py": "x = 1", "sort/in/b.py": "y = 2", "add/c.c": "int z;", "d.go": "package m"}
    data = load(write(tmp_path, files))
    assert data.ids == ["add/c.c", "d.go", "sort/a.py", "sort/in/b.py"]
    assert data.class_names == ["add", "sort"]
    assert data.labels.tolist() == [0, -1, 1, 1]
    assert data.split is None
    assert data.report.notes[-1] == "4 programs of 3 to 5 nodes (4 on average), 2 classes"


def test_parts_of_a_folder(tmp_path: Path) -> None:
    files = {f"{part}/{label}/f.py": f"{label} = 1" for part in ("train", "val", "test") for label in "ab"}
    data = load(write(tmp_path, files))
    assert data.split is not None
    assert data.split.sizes() == {"train": 2, "valid": 2, "test": 2}
    assert data.labels.tolist() == [0, 1] * 3


def test_what_is_skipped_is_counted_with_its_reason(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.py": "x = 1", "b.py": "y = (", "empty.py": " \n", "binary.py": b"a\0b", "notes.txt": "no",
        "big.js": "var a=1;" * 700_000, "minified.js": "var a=1;" * 10_000, ".git/c.py": "z = 1",
        "latin.py": "s = 'größe'".encode("latin-1"), "bom.py": b"\xef\xbb\xbfx = 1",
    }  # fmt: skip
    data = load(write(tmp_path, files))
    assert data.ids == ["a.py", "b.py", "bom.py", "latin.py"]
    assert data.report.notes[:6] == [
        "skipped 1 file, no code (the first: notes.txt)",
        "skipped 1 text, of more than 1,000,000 bytes (the first: big.js)",
        "skipped 1 text, binary (the first: binary.py)",
        "skipped 1 text, empty (the first: empty.py)",
        "skipped 1 text, minified (the first: minified.js)",
        "with syntax errors, kept as far as they could be read: 1",
    ]


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist; give a folder of code"):
        load(tmp_path / "none")
    with pytest.raises(UserError, match=r"holds no code: skipped 1 file, no code \(the first: a.txt\); files"):
        load(write(tmp_path / "texts", {"a.txt": "hello"}))
    with pytest.raises(UserError, match="no code could be read: skipped 1 text, empty"):
        load(write(tmp_path / "empty", {"a.py": ""}))


def test_json_lines_in_parts(tmp_path: Path) -> None:
    rows = [
        {"code": "int a;", "label": 7, "split": "test", "id": "p"},
        {"code": "int b;", "label": 5, "split": "train"},
    ]
    text = "\n".join([json.dumps(rows[0]), "no json", json.dumps(rows[1]), '{"label": 3}'])
    path = write(tmp_path, {"programs.jsonl": text}) / "programs.jsonl"
    data = load(path, language="c")
    assert data.ids == ["3", "p"]
    assert data.class_names == ["5", "7"]
    assert data.split is not None
    assert (data.split.train.tolist(), data.split.test.tolist()) == ([0], [1])
    assert data.report.notes[0] == "skipped 2 lines, no JSON object with 'code' (the first: line 2)"
    with pytest.raises(UserError, match="line 1: the language is not said"):
        load(path)
    text += '\n{"code": "fn f() {}", "language": "Rust"}\n{"code": "x = 1", "language": "Python"}'
    data = load(write(tmp_path, {"more.jsonl": text}) / "more.jsonl", language="c")
    assert len(data) == 3
    assert any("skipped 1 line, in a language that is none of c, cpp," in note and "line 5: rust" in note
               for note in data.report.notes)
    with pytest.raises(UserError, match="no line is a JSON object"):
        load(write(tmp_path, {"none.jsonl": "x"}) / "none.jsonl")
    with pytest.raises(UserError, match="cannot be read"):
        load(write(tmp_path, {"damaged.jsonl.gz": b"\x1f\x8bxx"}) / "damaged.jsonl.gz")


CODE = {
    "a.py": "def f(a):\n    b = a + a\n    return b\n",
    "b.py": "for i in g(): print(i)",
    "c.c": "int main() { return k; }",
}


def test_a_batch_is_that_of_its_graphs_and_has_their_edges(tmp_path: Path) -> None:
    packed = load(write(tmp_path, CODE)).packed
    numbers = torch.tensor([2, 0])
    batch = packed.batch(numbers)
    expected = Batch.from_data_list([packed[2], packed[0]])
    for name in ("kind", "words", "parent_index", "name", "own", "edge_index", "edge_kind", "batch", "ptr"):
        assert torch.equal(batch[name], expected[name]), name
    graph = packed[0]
    kinds = [graph.code.kinds[kind] for kind in graph.kind.tolist()]
    assert kinds[:5] == ["module", "function_definition", "identifier", "parameters", "identifier"]
    use = graph.edge_index[:, graph.edge_kind == 2].T.tolist()
    assert all(graph.name[a] == graph.name[b] and a < b for a, b in use)
    assert len(use) == 3  # a -> a -> a, b -> b
    assert graph.name[graph.own].tolist() == [0, 1, 2, 1, 1, 2]


def test_a_run_keeps_all_of_it(tmp_path: Path) -> None:
    data = load(write(tmp_path / "code", CODE), edges=["child"], words=2)
    data.save(tmp_path / "kept")
    again = CodeSetData.read(tmp_path / "kept")
    assert again.packed.layout == data.packed.layout
    assert again.ids == data.ids
    one, other = data.packed.batch(), again.packed.batch()
    assert all(torch.equal(one[name], other[name]) for name in ("kind", "words", "edge_index", "own"))
    assert set(one.edge_kind.tolist()) == {0, 3}


def test_code_to_embed_is_read_as_the_code_that_was_trained_on(tmp_path: Path) -> None:
    data = load(write(tmp_path / "code", CODE), buckets=64)
    new = write(tmp_path / "new", {"n.py": "b = a + a", "m.rb": "x = y"})
    unseen = build("data", "code_set", {"path": str(new)}).load_unseen(data)
    assert unseen.packed.layout == data.packed.layout
    kinds = [data.packed.layout.kinds[kind] for kind in unseen.packed[1].kind.tolist()]
    assert kinds[1:4] == ["expression_statement", "assignment", "identifier"]
    assert "?" in [data.packed.layout.kinds[kind] for kind in unseen.packed[0].kind.tolist()]
    assert unseen.labels.tolist() == [-1, -1]


def test_several_processes_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    monkeypatch.setattr(parallel, "CHUNK", 3)
    monkeypatch.setattr(parallel, "_FEW", 0)
    texts = [Text("python", code=f"x{n} = {n}\n" * (n % 4)) for n in range(8)]
    one, several = Forest.joined([(0, parse_texts(texts, Reading()))]), parsed(texts, Reading(), processes=2)
    assert several.kinds == one.kinds
    assert several.skipped == one.skipped == {0: "empty", 4: "empty"}
    assert all(np.array_equal(getattr(several, n), getattr(one, n)) for n in ("item", "sizes", "kind", "name", "words"))
    (kept,) = (tmp_path / "code").iterdir()
    monkeypatch.setattr(parallel, "_in_processes", lambda *_: pytest.fail("what was kept is parsed again"))
    assert np.array_equal(parsed(texts, Reading()).words, one.words)
    kept.write_bytes(b"damaged")
    monkeypatch.undo()
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path))
    assert parallel._kept(kept) is None


def test_a_text_that_kills_the_parser_is_skipped_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [Text("python", code=code) for code in ("a", "b", "deadly", "c")]
    real = parallel.subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        if b"deadly" in options["input"]:
            command = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
        return real(command, **options)

    monkeypatch.setattr(parallel.subprocess, "run", run)
    forest = Forest.joined(parallel._chunk(texts, Reading(), 0, 4))
    assert forest.skipped == {2: "on which the parser died"}
    assert forest.item.tolist() == [0, 1, 3]


def test_a_process_that_fails_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel.sys, "executable", "/bin/false")
    with pytest.raises(UserError, match="parsing code failed"):
        parallel._chunk([Text("python", code="a")] * 4, Reading(), 0, 4)


def test_the_library_needs_no_file() -> None:
    data = build("data", "code_set", {"nodes": 20}).load(seed=0)
    assert {"asyncio", "email", "json"} <= set(data.class_names)
    assert len(data) > 100
    assert int(data.packed.sizes.max()) == 20


def test_real_programs(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first programs of each part of POJ-104: nearly all parse, and few bytes are kept of a node."""
    source = shared_data / "code" / "poj104" / "programs.jsonl.gz"
    with gzip.open(source, "rt") as lines:
        rows = [line for number, line in enumerate(lines) if number % 200 == 0]
    (tmp_path / "poj104").mkdir()
    (tmp_path / "poj104" / "programs.jsonl.gz").write_bytes(gzip.compress("".join(rows).encode()))
    data = CodeSetData.from_card("poj104", data_root=tmp_path).load(seed=0)
    assert len(data) == len(rows) == 102
    assert data.split is not None
    assert 150 < float(data.packed.sizes.float().mean()) < 260
    kept = sum(getattr(data.packed, n).nbytes for n in ("kind", "parent", "name", "words", "word_ptr"))
    assert kept < 18 * len(data.packed.kind)
