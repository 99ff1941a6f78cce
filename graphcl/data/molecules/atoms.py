"""SMILES -> the codes of atoms and the bonds between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.utils.smiles import e_map, from_rdmol, x_map

from graphcl.core.errors import require

#: What an atom is told by, and how many values each of these has: fixed, so that every set has the same columns.
WIDTHS = {name: len(values) for name, values in x_map.items()}
#: Columns of node features.
COLUMNS = sum(WIDTHS.values())
_FIRST = torch.tensor([0, *WIDTHS.values()]).cumsum(0)[:-1]
#: Kinds of bonds, by their numbers; the last is that of dative bonds, bonds of order four, and what else RDKit knows.
BONDS = ("single", "double", "triple", "aromatic", "other")
#: RDKit's number of a bond's type -> ours.
_KIND_OF_BOND = np.array([
    BONDS.index(name.lower()) if name.lower() in BONDS else len(BONDS) - 1 for name in e_map["bond_type"]
], dtype=np.uint8)  # fmt: skip


@dataclass(frozen=True)
class Molecule:
    """A molecule.

    Attributes:
        codes: [N, 9] uint8, of each atom the number of its value of each of :data:`WIDTHS`.
        bonds: [2, E] int16, both directions of each.
        bond_kinds: [E] uint8, which of :data:`BONDS` each is.
        canonical: Its SMILES as RDKit writes it.
    """

    codes: np.ndarray
    bonds: np.ndarray
    bond_kinds: np.ndarray
    canonical: str


def column_names() -> list[str]:
    """Name of each column of node features."""
    return [f"{name} {value}" for name, values in x_map.items() for value in values]


def one_hot_atoms(codes: Tensor) -> Tensor:
    """[N, 9] -> [N, COLUMNS] float32, a one in each block of columns."""
    x = torch.zeros(len(codes), COLUMNS)
    return x.scatter_(1, codes.long() + _FIRST, 1.0)


def read_smiles(smiles: str) -> Molecule | str:
    """The molecule, or why there is none.

    Raises:
        MissingExtra: RDKit is not installed.
    """
    molecule = _parsed(smiles)
    if molecule is None:
        return "no valid SMILES"
    if not molecule.GetNumAtoms():
        return "without an atom"
    if molecule.GetNumAtoms() > np.iinfo(np.int16).max:
        return "with too many atoms"
    try:
        graph = from_rdmol(molecule)
    except ValueError:  # a charge of 9, say: the tables of values are finite
        return "with an atom of unheard-of charge, neighbours or hydrogens"
    codes, bonds = graph.x.numpy().astype(np.uint8), graph.edge_index.numpy().astype(np.int16)
    kinds = _KIND_OF_BOND[graph.edge_attr[:, 0].numpy()]
    return Molecule(codes, bonds, kinds, _chem().MolToSmiles(molecule))


def scaffold_of(smiles: str) -> str:
    """The rings of a molecule and what joins them, as SMILES without stereochemistry (Bemis and Murcko, 1996).

    "" for a molecule without a ring.

    Raises:
        MissingExtra: RDKit is not installed.
    """
    require("rdkit", "molecules")
    from rdkit.Chem.Scaffolds import MurckoScaffold

    return str(MurckoScaffold.MurckoScaffoldSmiles(mol=_parsed(smiles), includeChirality=False))


def _chem() -> Any:
    return require("rdkit.Chem", "molecules")


def _parsed(smiles: str) -> Any:
    chem = _chem()
    with require("rdkit.rdBase", "molecules").BlockLogs():  # what is wrong is counted, not printed
        return chem.MolFromSmiles(smiles)
