"""Molecules that become graphs when they are asked for: about twenty bytes an atom until then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch
from torch_geometric.data import Data

from graphcl.data.graph_sets.packed import GraphSequence, ranges
from graphcl.data.molecules.atoms import BONDS, WIDTHS, Molecule, one_hot_atoms
from graphcl.graph.batch import graph_batch, pointer
from graphcl.graph.edge_kinds import KIND, KINDS

#: What they are stored as.
TENSORS = ("codes", "bonds", "bond_kinds", "node_ptr", "edge_ptr")


@dataclass(frozen=True, eq=False)
class PackedMolecules(GraphSequence):
    """Molecules one after the other.

    Attributes:
        codes: [N, 9] uint8, see :class:`~graphcl.data.molecules.atoms.Molecule`.
        bonds: [2, E] int16, numbers of atoms within their molecule, both directions.
        bond_kinds: [E] uint8, which of :data:`~graphcl.data.molecules.atoms.BONDS` each is; ``edge_kind`` of a graph.
        node_ptr: [G + 1], where the atoms of each begin.
        edge_ptr: [G + 1], where its bonds begin.
    """

    codes: Tensor
    bonds: Tensor
    bond_kinds: Tensor
    node_ptr: Tensor
    edge_ptr: Tensor

    @classmethod
    def of(cls, molecules: Sequence[Molecule]) -> PackedMolecules:
        """Pack molecules."""
        none = [np.zeros((0, len(WIDTHS)), np.uint8)], [np.zeros((2, 0), np.int16)], [np.zeros(0, np.uint8)]
        return cls(
            torch.from_numpy(np.concatenate([molecule.codes for molecule in molecules] or none[0])),
            torch.from_numpy(np.concatenate([molecule.bonds for molecule in molecules] or none[1], axis=1)),
            torch.from_numpy(np.concatenate([molecule.bond_kinds for molecule in molecules] or none[2])),
            pointer(torch.tensor([len(molecule.codes) for molecule in molecules], dtype=torch.int64)),
            pointer(torch.tensor([molecule.bonds.shape[1] for molecule in molecules], dtype=torch.int64)),
        )

    def __len__(self) -> int:
        return self.node_ptr.numel() - 1

    def at(self, number: int) -> Data:
        """One molecule as a graph."""
        graph = self.batch(torch.tensor([number])).get_example(0)
        graph[KINDS] = BONDS
        return graph

    @property
    def sizes(self) -> Tensor:
        """[G], the number of atoms of each molecule."""
        return self.node_ptr.diff()

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """These molecules (all without ``numbers`` [B]) as one batch of graphs, in this order; x is one-hot."""
        numbers = torch.arange(len(self)) if numbers is None else numbers
        sizes, edges = self.sizes.index_select(0, numbers), self.edge_ptr.diff().index_select(0, numbers)
        atoms = ranges(self.node_ptr.index_select(0, numbers), sizes)
        which = ranges(self.edge_ptr.index_select(0, numbers), edges)
        ends = self.bonds.index_select(1, which).long() + pointer(sizes)[:-1].repeat_interleave(edges)
        x, kinds = one_hot_atoms(self.codes.index_select(0, atoms)), self.bond_kinds.index_select(0, which)
        made = graph_batch(x, ends, sizes, edges, of_edges={KIND: kinds})
        made[KINDS] = BONDS
        return made
