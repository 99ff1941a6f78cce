"""Code found by what it does: the functions of a folder in the order of their likeness to a text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from graphcl.core.errors import UserError
from graphcl.data.code_sets.pairs import CodePairs, all_of, queries
from graphcl.engine.embed import embed_records
from graphcl.engine.prepare import data_reader
from graphcl.engine.unseen import load_model
from graphcl.engine.views import Views
from graphcl.serve.opened import OpenedRun, open_run
from graphcl.tasks.base import Batch


class Hit(NamedTuple):
    """A function.

    Attributes:
        place: ``file:line name``.
        cosine: Of its embedding with the text's.
    """

    place: str
    cosine: float


class CodeSearch:
    """The functions of a folder, embedded by a run over records of code and text (``code_search``, ``cocosoda``).

    Args:
        opened: The run.
        options: Of its data part, where the functions to be searched are others: ``{"path": "src/"}``.

    Raises:
        UserError: the run knows no code, or the functions cannot be read.
    """

    def __init__(self, opened: OpenedRun, options: Mapping[str, Any] | None = None) -> None:
        if not isinstance(opened.data, CodePairs):
            raise UserError(f"{opened.folder.path}: the run knows no code and texts; train code_search")
        self._task, self._layout = opened.task, opened.data.layout
        self._model = load_model(opened.folder, opened.recipe, opened.task)
        self._views = Views(opened.recipe, opened.task, seed=opened.seed, device=torch.device("cpu"))
        packed, self.places, self.report = data_reader(opened.recipe, options).corpus(self._layout)
        self._code = self._embedded("code", [(ids, packed.batch(ids)) for ids in all_of(packed)])

    @classmethod
    def open(
        cls, run: str | Path, options: Mapping[str, Any] | None = None, *, allow_plugins: bool = False
    ) -> CodeSearch:
        """Of a run's folder."""
        return cls(open_run(run, allow_plugins=allow_plugins), options)

    def search(self, text: str, k: int = 10) -> list[Hit]:
        """The ``k`` functions most like a text, the most like first.

        Raises:
            UserError: the text has no word.
        """
        packed = queries([text], self._layout)
        if not packed.words.numel():
            raise UserError(f"there is no word in {text!r}")
        asked = self._embedded("text", [(torch.arange(1), packed.batch())])
        cosine, order = (self._code @ asked[0]).sort(descending=True, stable=True)
        return [Hit(self.places[n], c) for n, c in zip(order[:k].tolist(), cosine[:k].tolist(), strict=True)]

    def _embedded(self, field: str, graphs: list[tuple[Tensor, Any]]) -> Tensor:
        """[n, d] rows of unit length."""
        batches = [Batch(ids, {"batch": torch.arange(len(ids))}, {field: graph}) for ids, graph in graphs]
        return normalize(embed_records(self._model, self._views, self._task, batches)[field], dim=1)
