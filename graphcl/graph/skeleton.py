"""A moving skeleton as a graph: a node for each joint of each frame."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data


def skeleton_edges(frames: int, joints: int, bones: Tensor) -> Tensor:
    """Edges of joints over time: along each bone in each frame, and from each joint to itself in the next frame.

    Both ways. Joint j of frame t is node ``t * joints + j``.

    >>> skeleton_edges(2, 2, torch.tensor([[0, 1]])).tolist()
    [[0, 1, 2, 3, 0, 1, 2, 3], [1, 0, 3, 2, 2, 3, 0, 1]]

    Args:
        frames: T.
        joints: J.
        bones: [B, 2] pairs of joints.

    Returns:
        [2, 2 B T + 2 J (T - 1)].
    """
    both = torch.cat([bones, bones.flip(1)], dim=1).view(-1, 2).T  # [2, 2 B], each bone there and back
    within = (both[:, None] + joints * torch.arange(frames)[:, None]).reshape(2, -1)
    early = torch.arange(joints * (frames - 1))
    return torch.cat([within, torch.stack([early, early + joints]), torch.stack([early + joints, early])], dim=1)


def build_skeleton(positions: Tensor, bones: Tensor) -> Data:
    """One sequence as a graph.

    Args:
        positions: [T, J, 3].
        bones: [B, 2] pairs of joints.

    Returns:
        ``x`` [T J, 3], ``pos`` [T J] (the frame of each node), ``edge_index``, ``joints`` [1] (J), ``num_nodes``.
    """
    frames, joints = positions.shape[:2]
    return Data(
        x=positions.reshape(frames * joints, -1),
        pos=torch.arange(frames).repeat_interleave(joints),
        edge_index=skeleton_edges(frames, joints, bones),
        joints=torch.tensor([joints]),
        num_nodes=frames * joints,
    )
