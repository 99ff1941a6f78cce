"""Graphs of joints, or of devices, over time, packed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch

from graphcl.data.graph_sets.packed import PackedGraphs
from graphcl.graph.batch import pointer
from graphcl.graph.frames import say_frames
from graphcl.graph.skeleton import skeleton_edges


@dataclass(frozen=True, eq=False)
class PackedSkeletons(PackedGraphs):
    """Graphs of joints over time. A batch says the frame ``pos`` [n] of each node, and ``joints`` [G], J of each.

    Attributes:
        joints: J.
    """

    joints: int

    @classmethod
    def of(cls, sequences: list[Tensor], bones: Tensor) -> PackedSkeletons:
        """Each [T, J, D]."""
        joints, lengths = sequences[0].shape[1], [len(positions) for positions in sequences]
        edges = {frames: skeleton_edges(frames, joints, bones) for frames in set(lengths)}
        x = torch.cat([positions.reshape(-1, positions.shape[2]) for positions in sequences])
        edge_ptr = pointer(torch.tensor([edges[frames].shape[1] for frames in lengths]))
        made = torch.cat([edges[frames] for frames in lengths], dim=1)
        return cls(x, made, pointer(joints * torch.tensor(lengths)), edge_ptr, joints)

    def batch(self, numbers: Tensor | None = None) -> GraphBatch:
        """See :meth:`PackedGraphs.batch`."""
        return say_frames(super().batch(numbers), self.joints)
