"""Several graphs as one ``torch_geometric`` batch, from tensors in which they lie one after the other."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch


def pointer(counts: Tensor) -> Tensor:
    """[G] -> [G + 1], 0 and the running sums."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def graph_batch(x: Tensor, edge_index: Tensor, sizes: Tensor, edges: Tensor) -> GraphBatch:
    """Equal to ``Batch.from_data_list`` of the single graphs.

    Args:
        x: [N, F], the nodes of the first graph, then those of the second, ...
        edge_index: [2, E], positions in ``x``, in the same order.
        sizes: [G] nodes of each graph.
        edges: [G] edges of each graph.
    """
    ptr = pointer(sizes)
    member = torch.arange(sizes.numel(), device=sizes.device).repeat_interleave(sizes)
    batch = GraphBatch(x=x, edge_index=edge_index, batch=member, ptr=ptr)
    batch.num_nodes = int(ptr[-1])
    batch._num_nodes, batch._num_graphs = sizes.tolist(), sizes.numel()
    # What lets `get_example` and `to_data_list` take the batch apart again.
    batch._slice_dict = {"x": ptr, "edge_index": pointer(edges)}
    batch._inc_dict = {"x": torch.zeros_like(sizes), "edge_index": ptr[:-1]}
    return batch
