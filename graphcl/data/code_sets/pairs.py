"""The data part of code search: functions, and what is said of them, as records of two graphs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Positive, Processes, UserPath
from graphcl.core.registry import register
from graphcl.core.seeds import generator
from graphcl.core.words import counted
from graphcl.data.code_sets.code_set import LIBRARY, Buckets, Words, note_skipped
from graphcl.data.code_sets.forest import Forest
from graphcl.data.code_sets.packed import PackedCode
from graphcl.data.code_sets.parallel import parsed
from graphcl.data.code_sets.parse import Reading
from graphcl.data.code_sets.query import TEXT, WORD, text_forest
from graphcl.data.code_sets.sources import Sources, read_code, read_library
from graphcl.data.records import PARTS, Records, split_records
from graphcl.data.report import DataReport
from graphcl.graph.code import EDGE_KINDS, UNKNOWN, CodeLayout

#: A function of fewer words of documentation says too little.
_LEAST_WORDS = 3
#: Functions with documentation that training needs.
FEWEST = 10


@dataclass(frozen=True, eq=False)
class CodePairs(Records):
    """Records of the fields ``code`` and ``text``.

    Attributes:
        ids: Of each record where its function is.
    """

    fields: Mapping[str, PackedCode]
    ids: list[str] = field(default_factory=list)

    def graphs(self, numbers: Tensor) -> dict[str, GraphBatch]:
        """See :meth:`Records.graphs`."""
        return {name: packed.batch(numbers) for name, packed in self.fields.items()}

    @property
    def layout(self) -> CodeLayout:
        """What the numbers of both fields mean."""
        return self.fields["code"].layout


@register("data", "code_pairs", example={"nodes": 20, "least_nodes": 12}, task="retrieval")
class CodePairsData:
    """Functions of a folder of code with what is said of them: the docstring, or the comment before.

    Needs the extra `code`. By name: ``stdlib`` (packages of Python's standard library; offline). By path: a folder of
    code, or a ``.jsonl`` or ``.jsonl.gz`` file whose lines have ``code`` (or ``code_tokens``) and ``text`` (or ``nl``).
    """

    #: what reads other data in the place of ``embed --data``
    unseen_by = 'graphcl search RUN "TEXT" --data FOLDER'

    def __init__(
        self,
        name: str = LIBRARY,
        path: UserPath = "",
        language: str = "",
        nodes: Count = 200,
        least_nodes: Count = 10,
        words: Words = 6,
        buckets: Buckets = 8192,
        ratios: Annotated[list[Positive], Field(min_length=3, max_length=3)] = [0.8, 0.1, 0.1],  # noqa: B006
        processes: Processes = 0,
    ) -> None:
        """
        Args:
            name: The set that ships with Python.
            path: A folder of code, or a file of JSON lines; wins over name.
            language: Of JSON lines that do not say; of a folder only the files of this one.
            nodes: Most nodes of a function, and most words of a text.
            least_nodes: Functions of fewer nodes are left out.
            words: Most words of a leaf.
            buckets: That words are hashed into.
            ratios: Shares of train, valid and test.
            processes: That parse at a time; 0 is one for each core.
        """
        self.name, self.path, self.language, self.ratios = name, path, language, ratios
        self.least_nodes, self.processes = least_nodes, processes
        # Without docstrings: else the answer is in the code.
        self.how = Reading(buckets, words, nodes, True, False)

    def load(self, *, seed: int) -> CodePairs:
        """Read, parse and deal into parts.

        Args:
            seed: Of the run; deals the parts.

        Raises:
            UserError: the data cannot be found or used, or too little is said of the code.
            MissingExtra: a grammar is not installed.
        """
        sources, forest, docs, report = self._read()
        said = np.array([len(doc.split()) >= _LEAST_WORDS for doc in docs])
        report.note(f"functions of which nothing is said, searched but not trained on: {int((~said).sum()):,}")
        if said.sum() < FEWEST:
            told = f"of {counted(len(forest), 'function')} {said.sum()} have documentation of {_LEAST_WORDS} words"
            raise UserError(f"{sources.source}: {told}; at least {FEWEST} are needed")
        forest, docs = forest.only(said), [docs[n] for n in np.flatnonzero(said)]
        kinds = (UNKNOWN, TEXT, WORD, *forest.kinds)
        texts = text_forest(docs, self.how)
        fields = {"code": self._packed(forest, kinds), "text": self._packed(texts, kinds)}
        parts = split_records(len(forest), self.ratios, generator(seed, "code pairs"))
        report.split = {"by": "random", "sizes": {part: numbers.numel() for part, numbers in parts.items()}}
        digest = hashlib.sha256(repr([(part, parts[part].tolist()) for part in PARTS]).encode())
        for packed in fields.values():
            digest.update(packed.words.numpy().tobytes() + packed.kind.numpy().tobytes())
        report.split_hash = digest.hexdigest()
        report.note(f"{len(forest):,} functions with what is said of them")
        return CodePairs(fields, parts, report, places(sources, forest))

    def corpus(self, layout: CodeLayout) -> tuple[PackedCode, list[str], DataReport]:
        """All functions, those of which nothing is said too, as the graphs that were trained on; and where they are.

        Args:
            layout: Of the training data.

        Raises:
            UserError: the data cannot be found or used.
        """
        self.how = Reading(layout.buckets, layout.words, self.how.nodes, True, False)
        sources, forest, _, report = self._read()
        return self._packed(forest, layout.kinds), places(sources, forest), report

    def _packed(self, forest: Forest, kinds: tuple[str, ...]) -> PackedCode:
        return PackedCode.of(forest, self.how.buckets, self.how.words, EDGE_KINDS, kinds)

    def _read(self) -> tuple[Sources, Forest, list[str], DataReport]:
        """The texts, their functions, and what is said of each."""
        sources = self._located()
        report = DataReport(source=sources.source, format="code")
        whole = bool(sources.docs)  # each text is a function
        how = Reading(self.how.buckets, self.how.words, self.how.nodes, not whole, False)
        forest = parsed(sources.texts, how, processes=self.processes)
        forest = note_skipped(sources, forest, report, self.least_nodes, how)
        docs = [sources.docs[item] for item in forest.item] if whole else forest.docs
        return sources, forest, docs, report

    def _located(self) -> Sources:
        if not self.path:
            if self.name != LIBRARY:
                raise UserError(f"data.name: {self.name!r} is no set of code and texts; take {LIBRARY}, or data.path")
            return read_library()
        path = Path(self.path)
        if not path.exists():
            raise UserError(f"data.path: {path} does not exist; give a folder of code, or a file of JSON lines")
        return read_code(path, self.language)


def places(sources: Sources, forest: Forest) -> list[str]:
    """``file:line name`` of each function."""
    found = zip(forest.item.tolist(), forest.line.tolist(), forest.titles, strict=True)
    return [f"{sources.ids[item]}:{line} {title}".strip() for item, line, title in found]


def queries(texts: list[str], layout: CodeLayout) -> PackedCode:
    """What is asked, as the graphs that were trained on."""
    how = Reading(layout.buckets, layout.words)
    return PackedCode.of(text_forest(texts, how), layout.buckets, layout.words, layout.edges, layout.kinds)


def all_of(packed: PackedCode) -> list[Tensor]:
    """Numbers of all graphs, some at a time."""
    return list(torch.arange(len(packed)).split(256))
