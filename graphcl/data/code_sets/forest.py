"""Many syntax trees in a few arrays, and these in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from graphcl.data.code_sets.parse import Tree

#: Array -> its type.
_TYPES = {
    "item": np.int64, "sizes": np.int64, "own": np.int32, "line": np.int32, "damaged": np.bool_, "cut": np.bool_,
    "kind": np.int16, "parent": np.int32, "name": np.int32, "counts": np.uint8, "words": np.int16,
}  # fmt: skip


@dataclass(frozen=True)
class Forest:
    """Trees one after the other, about twelve bytes a node.

    Attributes:
        item: [G] the text that each tree is of, in order.
        sizes: [G] its nodes.
        own: [G] its declared names.
        line: [G] where it begins in its file.
        damaged: [G] whether it has syntax errors.
        cut: [G] whether it had more nodes than were asked for.
        kind: [N] position in ``kinds``.
        parent: [N] within the tree.
        name: [N] see :class:`graphcl.data.code_sets.parse.Tree`.
        counts: [N] words of each node.
        words: [W] their buckets.
        kinds: Names of kinds of nodes.
        titles: [G] name of the function, or "".
        docs: [G] what is said of the function, or "".
        skipped: Text -> why there is no tree of it.
    """

    item: np.ndarray
    sizes: np.ndarray
    own: np.ndarray
    line: np.ndarray
    damaged: np.ndarray
    cut: np.ndarray
    kind: np.ndarray
    parent: np.ndarray
    name: np.ndarray
    counts: np.ndarray
    words: np.ndarray
    kinds: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    docs: list[str] = field(default_factory=list)
    skipped: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sizes)

    @classmethod
    def of(cls, trees: Sequence[tuple[int, Tree]], skipped: dict[int, str]) -> Forest:
        """Of (text, tree) pairs."""
        number: dict[str, int] = {}
        every = [tree for _, tree in trees]
        values: dict[str, list[int]] = {
            "item": [item for item, _ in trees],
            "sizes": [len(tree.kinds) for tree in every],
            "own": [tree.own for tree in every],
            "line": [tree.line for tree in every],
            "damaged": [tree.damaged for tree in every],
            "cut": [tree.cut for tree in every],
            "kind": [number.setdefault(kind, len(number)) for tree in every for kind in tree.kinds],
            "parent": [parent for tree in every for parent in tree.parents],
            "name": [name for tree in every for name in tree.names],
            "counts": [len(words) for tree in every for words in tree.tokens],
            "words": [word for tree in every for words in tree.tokens for word in words],
        }
        arrays: dict[str, Any] = {name: np.array(values[name], dtype=kind) for name, kind in _TYPES.items()}
        titles, docs = [tree.title for tree in every], [tree.doc for tree in every]
        return cls(**arrays, kinds=list(number), titles=titles, docs=docs, skipped=skipped)

    @classmethod
    def joined(cls, parts: Iterable[tuple[int, Forest]]) -> Forest:
        """Of (number of the first text, forest) pairs, kinds in alphabetical order."""
        every = list(parts)
        kinds = sorted({kind for _, forest in every for kind in forest.kinds})
        place = {kind: position for position, kind in enumerate(kinds)}
        pieces: dict[str, list[np.ndarray]] = {name: [] for name in _TYPES}
        titles: list[str] = []
        docs: list[str] = []
        skipped: dict[int, str] = {}
        for first, forest in every:
            new = np.array([place[kind] for kind in forest.kinds], dtype=np.int16)
            for name in _TYPES:
                values = getattr(forest, name)
                values = values + first if name == "item" else new[values] if name == "kind" else values
                pieces[name].append(values)
            titles += forest.titles
            docs += forest.docs
            skipped |= {first + item: why for item, why in forest.skipped.items()}
        empty: dict[str, Any] = {name: np.zeros(0, dtype=kind) for name, kind in _TYPES.items()}
        arrays: dict[str, Any] = {name: np.concatenate([empty[name], *pieces[name]]) for name in _TYPES}
        return cls(**arrays, kinds=kinds, titles=titles, docs=docs, skipped=skipped)

    def only(self, kept: np.ndarray) -> Forest:
        """The trees that are kept [G] bool."""
        nodes = np.repeat(kept, self.sizes)
        word = np.repeat(nodes, self.counts)
        mask = {"kind": nodes, "parent": nodes, "name": nodes, "counts": nodes, "words": word}
        arrays = {name: getattr(self, name)[mask.get(name, kept)] for name in _TYPES}
        titles, docs = ([said[n] for n in np.flatnonzero(kept)] for said in (self.titles, self.docs))
        return Forest(**arrays, kinds=self.kinds, titles=titles, docs=docs, skipped=self.skipped)

    def write(self, file: BinaryIO) -> None:
        """As an ``.npz``."""
        said = {"kinds": self.kinds, "titles": self.titles, "docs": self.docs, "skipped": list(self.skipped.items())}
        plain = np.frombuffer(json.dumps(said).encode(), dtype=np.uint8)
        np.savez(file, plain=plain, **{name: getattr(self, name) for name in _TYPES})

    @classmethod
    def read(cls, file: BinaryIO) -> Forest:
        """What :meth:`write` wrote.

        Raises:
            ValueError: another file. Also what numpy and zipfile raise for a damaged one.
        """
        with np.load(file, allow_pickle=False) as opened:
            said = json.loads(opened["plain"].tobytes())
            arrays = {name: opened[name] for name in _TYPES}
        skipped = {int(item): str(why) for item, why in said["skipped"]}
        return cls(**arrays, kinds=said["kinds"], titles=said["titles"], docs=said["docs"], skipped=skipped)
