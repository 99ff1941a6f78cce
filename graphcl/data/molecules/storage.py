"""Molecules on disk, as a run keeps them: numbers as safetensors, the rest as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphcl.data.graph_sets.storage import fields_of, header_of, labels_of
from graphcl.data.graphs.tensors import read_tensors, write_tensors
from graphcl.data.molecules.atoms import BONDS
from graphcl.data.molecules.molecule_set import MoleculeSet
from graphcl.data.molecules.packed import TENSORS, PackedMolecules


def save_molecules(data: MoleculeSet, folder: Path) -> None:
    """Write to a new folder, whole or not at all.

    Raises:
        UserError: the folder exists, or cannot be written.
    """
    tensors = {name: getattr(data.packed, name) for name in TENSORS}
    write_tensors(folder, {**tensors, **labels_of(data)}, header_of(data))


def load_molecules(folder: Path) -> MoleculeSet:
    """Read what :func:`save_molecules` wrote.

    Raises:
        UserError: not such a folder, damaged, or of another format version.
    """
    return read_tensors(folder, _rebuilt)


def _rebuilt(tensors: dict[str, Tensor], header: dict[str, Any]) -> MoleculeSet:
    unknown = torch.full(tensors["bonds"].shape[1:], BONDS.index("other"), dtype=torch.uint8)
    tensors = {"bond_kinds": unknown, **tensors}  # runs of before bonds had kinds
    return MoleculeSet(PackedMolecules(*(tensors[name] for name in TENSORS)), **fields_of(tensors, header))
