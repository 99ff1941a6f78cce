"""The data part of molecules: each a graph of its atoms, made when a batch is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from graphcl.core.errors import UserError
from graphcl.core.options import Index, UserPath
from graphcl.core.registry import register
from graphcl.core.words import counted, spanned
from graphcl.data.cards import FromCard, open_card
from graphcl.data.class_folders import Skipped
from graphcl.data.graph_sets.graph_set import GraphSet
from graphcl.data.graph_sets.packed import hash_of
from graphcl.data.graphs.build import check_labels
from graphcl.data.molecules import common
from graphcl.data.molecules.atoms import COLUMNS, column_names
from graphcl.data.molecules.packed import PackedMolecules
from graphcl.data.molecules.read import ReadMolecules, read_molecules
from graphcl.data.molecules.scaffolds import scaffold_split
from graphcl.data.molecules.table import RawMolecules, read_molecule_table
from graphcl.data.parts_of_arrays import class_codes
from graphcl.data.report import DataReport

#: The set that is in the code.
COMMON = "common"


@dataclass(frozen=True, eq=False)
class MoleculeSet(GraphSet):
    """A set of graphs whose graphs are molecules; ``packed`` is :class:`PackedMolecules`."""

    packed: PackedMolecules  # type: ignore[assignment]

    def save(self, folder: Path) -> None:
        """See :meth:`GraphSet.save`."""
        from graphcl.data.molecules.storage import save_molecules

        save_molecules(self, folder)


@register("data", "molecules", example={"name": "common"}, task="graph")
class MoleculesData(FromCard):
    """Molecules given as SMILES, each a graph of its atoms and bonds. Needs the extra `molecules` (RDKit).

    By name: ``common`` (a hundred well-known molecules, the class is whether there is a ring; offline) or a data card
    (``bace``, ``bbbp``, ``hiv``). By path: a ``.csv`` or ``.tsv`` with a header, or a ``.smi`` with a SMILES and a
    name on each line; also compressed by gzip. Rows without a label are trained on, not judged.

    Node features are one-hot, of columns that every set has alike (element, chirality, degree, charge, hydrogens,
    radical electrons, hybridisation, whether in an aromatic system and in a ring), so that a run on one set starts
    another (``train.init_from``) or embeds it. Bonds are edges of five kinds (single, double, triple, aromatic, other),
    which the tower `gin` reads with its option ``edge_kinds``. Hydrogens are counted, not drawn.
    """

    part = "molecules"

    def __init__(
        self,
        name: str = COMMON,
        path: UserPath = "",
        smiles: str = "",
        label: str = "",
        split: Literal["folds", "scaffold"] = "folds",
        limit: Index = 0,
        *,
        data_root: Path | None = None,
    ) -> None:
        """
        Args:
            name: Data set: common, or the name of a card.
            path: A table of molecules; wins over name.
            smiles: Column of the SMILES; without it one called smiles, canonical_smiles, mol or so.
            label: Column of the class; without it one called label, class, y or target.
            split: How molecules are judged: by folds of all, or by a train, validation and test part of 80, 10 and 10
                per cent that share no Bemis-Murcko scaffold, the largest scaffolds in train.
            limit: Most molecules, evenly spread over the file; 0 takes all.
            data_root: Folder in which named data sets are looked up first.
        """
        self.name, self.path, self.smiles, self.label = name, path, smiles, label
        self.split, self.limit, self.data_root = split, limit, data_root

    @staticmethod
    def read(folder: Path) -> MoleculeSet:
        """The molecules that a run keeps in its folder.

        Raises:
            UserError: not such a folder, damaged, or of another format version.
        """
        from graphcl.data.molecules.storage import load_molecules

        return load_molecules(folder)

    def load(self, *, seed: int) -> MoleculeSet:
        """Read and check; features are made with a batch.

        Args:
            seed: Of the run; draws the folds of evaluation.

        Raises:
            UserError: the data cannot be found or used.
            MissingExtra: RDKit is not installed.
        """
        raw, found, report = self._found(scaffolds=self.split == "scaffold")
        labels = np.array([raw.labels[number] or None for number in found.kept], dtype=object)
        y, names = class_codes(labels, [], raw.source) if any(labels) else (None, [])
        classes = check_labels(y, len(found.kept), raw.source, "molecules")
        split = scaffold_split(found.scaffolds, raw.source) if self.split == "scaffold" else None
        if split is not None:
            sizes = ", ".join(f"{part} {size:,}" for part, size in split.sizes().items())
            report.note(f"split by {counted(len(set(found.scaffolds)), 'scaffold')}: {sizes}")
        return self._made(raw, found, classes, report, seed=seed, class_names=names, split=split)

    def load_unseen(self, trained_on: MoleculeSet) -> MoleculeSet:
        """Read molecules to embed with what was trained on others, without labels.

        Args:
            trained_on: Not needed: the features of all sets are alike.

        Raises:
            UserError: the data cannot be found or used.
        """
        raw, found, report = self._found(scaffolds=False)
        return self._made(raw, found, torch.full((len(found.kept),), -1), report)

    def _found(self, *, scaffolds: bool) -> tuple[RawMolecules, ReadMolecules, DataReport]:
        """Rows, their molecules, and a report of what was left out."""
        raw, report = self._located()
        if self.limit and self.limit < len(raw.smiles):
            chosen = np.linspace(0, len(raw.smiles) - 1, self.limit).round().astype(int).tolist()
            raw.smiles, raw.labels, raw.ids = ([of[n] for n in chosen] for of in (raw.smiles, raw.labels, raw.ids))
            raw.notes.append(f"{self.limit:,} molecules, evenly spread over the file")
        found = read_molecules(raw.smiles, scaffolds=scaffolds)
        skipped = Skipped()
        for number, why in found.skipped.items():
            skipped.add(why, raw.ids[number] or f"row {number + 1}")
        for note in (*raw.notes, *skipped.notes("molecule")):
            report.note(note)
        if not found.kept:
            raise UserError(f"{raw.source}: no molecule could be read: {'; '.join(report.notes)}")
        twice = sum(count for count in Counter(found.canonical).values() if count > 1)
        if twice:
            where = "of one scaffold, so of one part" if scaffolds else "folds may part them"
            report.note(f"molecules that occur more than once, kept: {twice:,} ({where})")
        return raw, found, report

    def _located(self) -> tuple[RawMolecules, DataReport]:
        if self.path:
            raw = read_molecule_table(Path(self.path), self.smiles, self.label)
            report = DataReport(source=self.path, format="SMILES", files={"all": self.path}, columns=raw.columns)
            return raw, report
        if self.name == COMMON:
            smiles = [*common.CHAINS, *common.RINGS]
            labels = ["chain"] * len(common.CHAINS) + ["ring"] * len(common.RINGS)
            return RawMolecules(smiles, labels, smiles, COMMON), DataReport(source=COMMON, format="SMILES")
        card, folder, report = open_card(self.name, "graph", self.data_root, "molecules")
        raw = read_molecule_table(folder / next(iter(card.files)), self.smiles, self.label)
        report.format, report.columns = "SMILES", raw.columns
        return raw, report

    def _made(
        self, raw: RawMolecules, found: ReadMolecules, labels: torch.Tensor, report: DataReport, **fields: Any
    ) -> MoleculeSet:
        packed, classes = found.packed, int(labels.max()) + 1
        told = f"{classes} classes" if classes else "no labels"
        report.note(
            f"{counted(len(packed), 'molecule')} of "
            f"{spanned(int(packed.sizes.min()), int(packed.sizes.max()), 'atom')} "
            f"({float(packed.sizes.double().mean()):.1f} on average), {told}, {COLUMNS} features"
        )
        if alone := int((packed.edge_ptr.diff() == 0).sum()):
            report.note(f"molecules without a bond, kept: {alone:,}")
        if classes and (unknown := int((labels < 0).sum())):
            report.note(f"molecules without a label, trained on but not judged: {unknown:,}")
        report.split_hash = hash_of(packed.codes, packed.bonds, packed.bond_kinds, packed.node_ptr, labels)
        ids = [raw.ids[number] for number in found.kept]
        known = {"seed": 0, "class_names": [], **fields}
        return MoleculeSet(
            packed, labels, ids=ids, report=report, features="atoms", feature_names=column_names(), **known
        )
