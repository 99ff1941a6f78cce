"""Several graphs as one ``torch_geometric`` batch, from tensors in which they lie one after the other."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch_geometric.data import Batch as GraphBatch


def pointer(counts: Tensor) -> Tensor:
    """[G] -> [G + 1], 0 and the running sums."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def ranges(starts: Tensor, lengths: Tensor) -> Tensor:
    """``start, start + 1, ..., start + length - 1`` of each pair, one after the other."""
    offsets = starts - pointer(lengths)[:-1]
    return torch.arange(int(lengths.sum()), device=starts.device) + offsets.repeat_interleave(lengths)


def graph_batch(
    x: Tensor | None,
    edge_index: Tensor,
    sizes: Tensor,
    edges: Tensor,
    *,
    of_nodes: Mapping[str, Tensor] | None = None,
    of_edges: Mapping[str, Tensor] | None = None,
) -> GraphBatch:
    """Equal to ``Batch.from_data_list`` of the single graphs.

    Args:
        x: [N, F], the nodes of the first graph, then those of the second, ...; None where they have no features.
        edge_index: [2, E], positions in ``x``, in the same order.
        sizes: [G] nodes of each graph.
        edges: [G] edges of each graph.
        of_nodes: Other values of nodes [N, ...] by name; one whose name has ``index`` in it holds positions.
        of_edges: Other values of edges [E, ...] by name.
    """
    ptr = pointer(sizes)
    member = torch.arange(sizes.numel(), device=sizes.device).repeat_interleave(sizes)
    nodes = {**({} if x is None else {"x": x}), **(of_nodes or {})}
    batch = GraphBatch(**nodes, edge_index=edge_index, **(of_edges or {}), batch=member, ptr=ptr)
    batch.num_nodes = int(ptr[-1])
    batch._num_nodes, batch._num_graphs = sizes.tolist(), sizes.numel()
    # What lets `get_example` and `to_data_list` take the batch apart again.
    where = {name: ptr for name in nodes} | {name: pointer(edges) for name in ("edge_index", *(of_edges or {}))}
    batch._slice_dict = where
    batch._inc_dict = {name: ptr[:-1] if "index" in name else torch.zeros_like(sizes) for name in where}
    return batch
