"""Tensors of a graph, or of many, in a folder: one safetensors file beside the header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from graphcl.core.files import creating
from graphcl.data.stored import reading, write_header

_FILE = "graph.safetensors"
T = TypeVar("T")


def write_tensors(folder: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Tensors and plain values as a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    with creating(folder) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary / _FILE)
        write_header(temporary, header)


def read_tensors(folder: Path, rebuild: Callable[[dict[str, Tensor], dict[str, Any]], T]) -> T:
    """``rebuild`` of what :func:`write_tensors` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    with reading(folder) as header:
        return rebuild(load_file(folder / _FILE), header)


def sparse_packed(x: Tensor) -> dict[str, Tensor]:
    """``x``, or its non-zero entries by flat position where that is smaller."""
    entries = x.flatten().nonzero().flatten()
    if 3 * entries.numel() >= x.numel():  # an entry takes 12 bytes, 4 of them its value
        return {"x": x}
    return {"x.entries": entries, "x.values": x.flatten()[entries], "x.shape": torch.tensor(x.shape)}


def sparse_unpacked(tensors: Mapping[str, Tensor]) -> Tensor:
    """The inverse of :func:`sparse_packed`."""
    if "x" in tensors:
        return tensors["x"]
    rows, columns = tensors["x.shape"].tolist()
    x = torch.zeros(rows * columns)
    return x.index_copy_(0, tensors["x.entries"], tensors["x.values"]).view(rows, columns)
