"""The data part of source code: programs, or their functions, as graphs of their syntax trees."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Count, Processes, UserPath
from graphcl.core.registry import register
from graphcl.core.words import counted, spanned
from graphcl.data.cards import FromCard, open_card
from graphcl.data.class_folders import Skipped, classes_of
from graphcl.data.code_sets.forest import Forest
from graphcl.data.code_sets.packed import PackedCode
from graphcl.data.code_sets.parallel import parsed
from graphcl.data.code_sets.parse import Reading
from graphcl.data.code_sets.sources import Sources, read_code, read_code_lines, read_library
from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import hash_of
from graphcl.data.graphs.build import check_labels
from graphcl.data.parts_of_arrays import class_codes, split_of_sizes
from graphcl.data.report import DataReport
from graphcl.graph.code import EDGE_KINDS, EdgeKind

#: The set that ships with Python.
LIBRARY = "stdlib"
Buckets = Annotated[int, Field(ge=2, le=32768)]
Words = Annotated[int, Field(ge=1, le=255)]


@dataclass(frozen=True, eq=False)
class CodeSet(GraphSet):
    """A set of graphs whose graphs are programs; ``packed`` is :class:`PackedCode`."""

    packed: PackedCode  # type: ignore[assignment]

    def save(self, folder: Path) -> None:
        """See :meth:`GraphSet.save`."""
        from graphcl.data.code_sets.storage import save_code

        save_code(self, folder)


@register("data", "code_set", example={"name": "stdlib", "unit": "file", "nodes": 50}, task="graph")
class CodeSetData(FromCard):
    """Source code in C, C++, Go, Java, JavaScript, PHP, Python and Ruby, each program or function a graph.

    Needs the extra `code`. By name: ``stdlib`` (packages of Python's standard library; offline) or a data card. By
    path: a folder of code, in which a folder is a class, or ``train``, ``val`` and ``test`` with such folders; or a
    ``.jsonl`` or ``.jsonl.gz`` file whose lines have ``code``, and may have ``label``, ``split``, ``language``, ``id``.
    """

    part = "code_set"

    def __init__(
        self,
        name: str = LIBRARY,
        path: UserPath = "",
        language: str = "",
        unit: Literal["file", "function"] = "file",
        nodes: Count = 1000,
        least_nodes: Count = 1,
        words: Words = 6,
        buckets: Buckets = 8192,
        edges: Annotated[list[EdgeKind], Field(min_length=1)] = list(EDGE_KINDS),  # noqa: B006
        docstrings: bool = True,
        whole: bool = False,
        processes: Processes = 0,
        *,
        data_root: Path | None = None,
    ) -> None:
        """
        Args:
            name: Data set: stdlib, or the name of a card.
            path: A folder of code, or a file of JSON lines; wins over name.
            language: Of JSON lines that do not say; of a folder only the files of this one.
            unit: What a graph is: a file, or a function (the methods of classes too).
            nodes: Most nodes of a graph, the first in the order of the text.
            least_nodes: Graphs of fewer nodes are left out.
            words: Most words of a leaf.
            buckets: That words are hashed into.
            edges: To children, to the next sibling, to the next use of a name; each there and back.
            docstrings: Whether the documentation within Python code is a part of it; comments never are.
            whole: Whether a leaf is one word, as it is written; else the words that it is made of, in lower case.
            processes: That parse at a time; 0 is one for each core.
            data_root: Folder in which named data sets are looked up first.
        """
        self.name, self.path, self.language, self.edges = name, path, language, edges
        self.least_nodes, self.processes, self.data_root = least_nodes, processes, data_root
        self.how = Reading(buckets, words, nodes, unit == "function", docstrings, whole)

    @staticmethod
    def read(folder: Path) -> CodeSet:
        """The programs that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.code_sets.storage import load_code

        return load_code(folder)

    def load(self, *, seed: int) -> CodeSet:
        """Read and parse.

        Args:
            seed: Of the run; draws the folds of evaluation.

        Raises:
            UserError: the data cannot be found or used.
            MissingExtra: a grammar is not installed.
        """
        sources, forest, report = self._forest()
        named = [sources.labels[item] for item in forest.item]
        labels = np.array(named, dtype=object) if any(named) else None
        if sources.by_folder:
            labels = classes_of(named, report.notes)
        y, names = (None, []) if labels is None else class_codes(labels, [], sources.source)
        classes = check_labels(y, len(forest), sources.source, "programs")
        split = split_of_sizes(dict(Counter(sources.parts[item] for item in forest.item)))
        packed = PackedCode.of(forest, self.how.buckets, self.how.words, self.edges)
        return self._made(sources, forest, packed, classes, report, seed=seed, class_names=names, split=split)

    def load_unseen(self, trained_on: CodeSet) -> CodeSet:
        """Read code to embed with what was trained on other code, without labels.

        Args:
            trained_on: Whose buckets and kinds of nodes are used; kinds that it does not have are unknown.

        Raises:
            UserError: the data cannot be found or used.
        """
        layout = trained_on.packed.layout
        self.how = replace(self.how, buckets=layout.buckets, words=layout.words)
        sources, forest, report = self._forest()
        packed = PackedCode.of(forest, layout.buckets, layout.words, layout.edges, layout.kinds)
        return self._made(sources, forest, packed, torch.full((len(forest),), -1), report)

    def _made(
        self, sources: Sources, forest: Forest, packed: PackedCode, labels: Tensor, report: DataReport, **fields: Any
    ) -> CodeSet:
        classes = int(labels.max()) + 1
        told = f"{classes} classes" if classes else "no labels"
        what = "function" if self.how.functions else "program"
        report.note(
            f"{counted(len(forest), what)} of {spanned(int(forest.sizes.min()), int(forest.sizes.max()), 'node')} "
            f"({float(forest.sizes.mean()):.0f} on average), {told}"
        )
        made = (packed.kind, packed.parent, packed.name, packed.words, packed.node_ptr)
        report.split_hash = hash_of(*made, labels, of=packed.layout)
        fields = {"seed": 0, "class_names": [], **fields}
        ids = _ids(sources, forest, self.how.functions)
        return CodeSet(packed, labels, ids=ids, report=report, features="code", **fields)

    def _forest(self) -> tuple[Sources, Forest, DataReport]:
        """The texts, their trees, and a report of what was left out."""
        sources, report = self._located()
        forest = parsed(sources.texts, self.how, processes=self.processes)
        return sources, note_skipped(sources, forest, report, self.least_nodes, self.how), report

    def _located(self) -> tuple[Sources, DataReport]:
        if self.path:
            path = Path(self.path)
            if not path.exists():
                raise UserError(f"data.path: {path} does not exist; give a folder of code, or a file of JSON lines")
            return read_code(path, self.language), DataReport(source=str(path), format="code", files={"all": str(path)})
        if self.name == LIBRARY:
            sources = read_library()
            return sources, DataReport(source=sources.source, format="code")
        card, folder, report = open_card(self.name, "graph", self.data_root, "code_set")
        report.format = "code"
        return read_code_lines(folder / next(iter(card.files)), self.language), report


def note_skipped(sources: Sources, forest: Forest, report: DataReport, least: int, how: Reading) -> Forest:
    """The trees of at least ``least`` nodes; what was left out or cut, and why, is noted.

    Raises:
        UserError: none is left.
    """
    skipped = Skipped()
    for item, why in forest.skipped.items():
        skipped.add(why, sources.ids[item])
    small = forest.sizes < least
    forest = forest.only(~small) if small.any() else forest
    for note in (*sources.notes, *skipped.notes("text")):
        report.note(note)
    if small.any():
        report.note(f"left out {int(small.sum()):,} of fewer than {least} nodes")
    if not len(forest):
        raise UserError(f"{sources.source}: no code could be read: {'; '.join(report.notes) or 'no text'}")
    if forest.damaged.any():
        report.note(f"with syntax errors, kept as far as they could be read: {int(forest.damaged.sum()):,}")
    if forest.cut.any():
        report.note(f"cut to their first {how.nodes:,} nodes: {int(forest.cut.sum()):,}")
    return forest


def _ids(sources: Sources, forest: Forest, functions: bool) -> list[str]:
    """Of each graph the name of its text; of a function also where it begins, and its name."""
    named = [sources.ids[item] for item in forest.item]
    if not functions:
        return named
    places = zip(named, forest.line.tolist(), forest.titles, strict=True)
    return [f"{of}:{line} {title}".strip() for of, line, title in places]
