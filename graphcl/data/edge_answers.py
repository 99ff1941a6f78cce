"""What a language model says of links: of which it was asked, kept beside the views of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.errors import UserError
from graphcl.core.files import read_json, replacing, write_json
from graphcl.data.text_views import provenance_digest, require_same

_ROWS, _ABOUT, VERSION = "edges.parquet", "edges.json", 1


@dataclass(frozen=True)
class EdgeAnswers:
    """One row a question that was answered.

    Attributes:
        node: [Q] whose text was asked about.
        other: [Q] the candidate.
        approved: [Q] bool, whether they should be linked.
        about: Provenance; see :class:`graphcl.data.text_views.TextViews`.
    """

    node: Tensor
    other: Tensor
    approved: Tensor
    about: Mapping[str, Any]

    def save(self, folder: Path) -> None:
        """Write into a folder of views that is there."""
        rows = {name: pa.array(getattr(self, name).numpy()) for name in ("node", "other", "approved")}
        with replacing(folder / _ROWS) as temporary:
            pq.write_table(pa.table(rows), temporary)
        write_json(folder / _ABOUT, {"version": VERSION, **self.about})

    @classmethod
    def load(cls, folder: Path, graph: Data) -> EdgeAnswers:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: there are none, damaged, of another version, or of another graph.
        """
        _require(folder)
        about = read_json(folder / _ABOUT)
        if about.pop("version", None) != VERSION:
            raise UserError(f"{folder} holds answers about links of another version than {VERSION}; ask anew")
        require_same(about.get("graph", {}), graph, folder)
        try:
            table = pq.read_table(folder / _ROWS)
            columns = {name: torch.tensor(table[name].to_pylist()) for name in ("node", "other", "approved")}
        except (OSError, KeyError, pa.ArrowException) as error:
            raise UserError(f"{folder} is damaged: {str(error).splitlines()[0]}") from error
        return cls(columns["node"].long(), columns["other"].long(), columns["approved"].bool(), about)


def answers_digest(folder: Path) -> str:
    """SHA-256 of where a folder's answers about links come from, and since when.

    Raises:
        UserError: there are none.
    """
    _require(folder)
    return provenance_digest(folder, _ABOUT)


def _require(folder: Path) -> None:
    if not (folder / _ABOUT).is_file():
        raise UserError(f"{folder}: no language model was asked about links; graphcl augment --edges asks one")
