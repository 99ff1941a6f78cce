"""Batches of graphs over time: a node for each of the same things (joints, regions) in each frame."""

from __future__ import annotations

import torch
from torch_geometric.data import Batch as GraphBatch


def say_frames(batch: GraphBatch, joints: int) -> GraphBatch:
    """Tell a batch which node is in which frame, so that towers and augmenters of chains read it.

    Args:
        batch: Node ``t * joints + j`` of each graph is thing j in frame t.
        joints: Nodes of a frame.

    Returns:
        The batch, with ``pos`` [n], the frame of each node, and ``joints`` [G].
    """
    within = torch.arange(len(batch.batch), device=batch.batch.device) - batch.ptr.index_select(0, batch.batch)
    each = torch.full((batch.num_graphs,), joints, device=batch.batch.device)
    added = {"pos": (within // joints, batch.ptr), "joints": (each, torch.arange(batch.num_graphs + 1))}
    for name, (value, where) in added.items():
        batch[name], batch._slice_dict[name] = value, where
        batch._inc_dict[name] = torch.zeros(batch.num_graphs, dtype=torch.int64)
    return batch
