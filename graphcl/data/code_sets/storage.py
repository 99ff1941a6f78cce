"""Programs on disk, as a run keeps them: numbers as safetensors, the rest as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from graphcl.data.code_sets.code_set import CodeSet
from graphcl.data.code_sets.packed import PackedCode
from graphcl.data.graph_sets.storage import fields_of, header_of, labels_of
from graphcl.data.graphs.tensors import read_tensors, write_tensors
from graphcl.graph.code import CodeLayout

_TENSORS = ("kind", "parent", "name", "words", "word_ptr", "node_ptr", "declared")


def save_code(data: CodeSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    tensors = {name: getattr(data.packed, name) for name in _TENSORS}
    header = {**header_of(data), "layout": data.packed.layout._asdict()}
    write_tensors(folder, {**tensors, **labels_of(data)}, header)


def load_code(folder: Path) -> CodeSet:
    """Read what :func:`save_code` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> CodeSet:
    kept = header["layout"]
    layout = CodeLayout(tuple(kept["kinds"]), kept["buckets"], kept["words"], tuple(kept["edges"]))
    packed = PackedCode(**{name: tensors[name] for name in _TENSORS}, layout=layout)
    return CodeSet(packed, **fields_of(tensors, header))
