"""What experts say of every node, and its embeddings: made once, kept in a folder, used by any recipe.

A folder holds ``texts.parquet`` (``id``, and a column for each expert), ``embeddings.safetensors`` (a tensor [N, d] for
each expert) and ``views.json`` (where they come from).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.files import creating, read_json, write_json

VERSION = 1
_TEXTS, _EMBEDDINGS, _ABOUT = "texts.parquet", "embeddings.safetensors", "views.json"


class Beside(Protocol):
    """What is kept in a folder of views, too."""

    def save(self, folder: Path) -> None:
        """Write into a folder that is there."""


@dataclass(frozen=True)
class TextViews:
    """Texts and embeddings by expert, in node order.

    Attributes:
        texts: Expert -> N texts.
        embeddings: Expert -> [N, d] float32, all of one space.
        about: Provenance: ``backend``, ``model``, ``prompts`` (expert -> hash), ``label_knowledge`` (whether class
            names were told), ``missing`` (expert -> nodes that fell back to their own text), ``encoder``, ``date``,
            ``graph`` (its digests), ...
    """

    texts: Mapping[str, list[str]]
    embeddings: Mapping[str, Tensor]
    about: Mapping[str, Any]

    @property
    def experts(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self.texts)

    def save(self, folder: Path, ids: list[str], *, replace: bool = False, beside: Sequence[Beside] = ()) -> None:
        """Write to a folder, whole or not at all.

        Args:
            folder: New, or one that ``replace`` allows to be replaced.
            ids: Of the nodes.
            replace: Whether a folder that is there gives way, when the new one is complete.
            beside: What else is written into it.

        Raises:
            UserError: the folder exists, or cannot be written.
        """
        columns = {"id": ids, **self.texts}
        with creating(folder, replace=replace) as temporary:
            pq.write_table(pa.table({name: pa.array(rows, pa.string()) for name, rows in columns.items()}),
                           temporary / _TEXTS)
            save_file({name: rows.contiguous() for name, rows in self.embeddings.items()}, temporary / _EMBEDDINGS)
            for other in beside:
                other.save(temporary)
            write_json(temporary / _ABOUT, {"version": VERSION, **self.about})

    @classmethod
    def load(cls, folder: Path, graph: Data | None = None) -> TextViews:
        """Read what :meth:`save` wrote.

        Args:
            folder: Of the views.
            graph: Refuse views that were made of another one, or with other edges: these may be held out here.

        Raises:
            UserError: not such a folder, damaged, of another version, or of another graph.
        """
        if not (folder / _ABOUT).is_file():
            where = "" if folder.is_absolute() else f" (looked for in {Path.cwd()})"
            raise UserError(f"{folder} holds no views{where}; graphcl augment --out makes them")
        about = read_json(folder / _ABOUT)
        version = about.pop("version", None) if isinstance(about, dict) else None
        if version != VERSION:
            other = f"{folder} holds views of version {version}, this graphcl reads version {VERSION}"
            raise UserError(f"{other}; make them anew")
        try:
            table = pq.read_table(folder / _TEXTS)
            embeddings = load_file(folder / _EMBEDDINGS)
        except (OSError, SafetensorError, pa.ArrowException) as error:
            raise UserError(f"{folder} is damaged: {str(error).splitlines()[0]}") from error
        texts = {name: table[name].to_pylist() for name in table.column_names if name != "id"}
        views = cls(texts, {name: embeddings[name] for name in texts if name in embeddings}, about)
        if set(embeddings) != set(texts):
            raise UserError(f"{folder} is damaged: texts and embeddings are of other experts")
        if graph is not None:
            require_same(about.get("graph", {}), graph, folder)
        return views


def graph_digests(graph: Data) -> dict[str, str]:
    """SHA-256 of the texts and of the edges that experts see."""
    texts = hashlib.sha256(json.dumps(list(graph.get("text") or [])).encode()).hexdigest()
    edges = hashlib.sha256(graph.edge_index.to(torch.int64).contiguous().numpy().tobytes()).hexdigest()
    return {"texts": texts, "edges": edges}


def provenance_digest(folder: Path, name: str = _ABOUT) -> str:
    """SHA-256 of where a folder's views come from (of ``edges.json``, its answers about links), and since when.

    Raises:
        UserError: there are none.
    """
    try:
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"cannot read {folder / name}: {error.strerror or error}") from error


def of_graph(folder: Path, graph: Data) -> bool:
    """Whether the views in a folder were made of this graph.

    Raises:
        UserError: there are no views; see :meth:`TextViews.load`.
    """
    return TextViews.load(folder).about.get("graph") == graph_digests(graph)


def require_same(made_of: Mapping[str, str], graph: Data, folder: Path) -> None:
    """See that what a folder holds was made of this graph.

    Raises:
        UserError: of other texts, or of other edges.
    """
    for what, digest in graph_digests(graph).items():
        if made_of.get(what) != digest:
            hint = "; experts must not see edges that are held out" if what == "edges" else ""
            raise UserError(f"{folder}: the views were made of a graph with other {what}{hint}; make them anew")
