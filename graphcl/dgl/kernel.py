"""DGL's product of a sparse matrix with latents."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from graphcl.dgl.load import load_dgl

#: CSR tensor -> DGL's graph over the same memory; gone with the tensor.
_GRAPHS: Any = WeakTensorKeyDictionary()


def spmm(csr: Tensor, x: Tensor) -> Tensor:
    """``A @ x`` by DGL's generalised sparse product (``u_mul_e_sum``), without gradient.

    DGL's graph is made once for each ``csr`` and shares its indices.

    Args:
        csr: A, a torch CSR tensor [R, C].
        x: [C, d] of A's float type.

    Returns:
        [R, d].
    """
    if not csr.values().numel():
        return x.new_zeros(csr.shape[0], x.shape[1])
    ops, x = load_dgl().ops, x.detach()
    # As wide as the values, one column would go to a kernel that asks for edge ids.
    wide = x.expand(-1, 2) if x.shape[1] == 1 else x
    return ops.u_mul_e_sum(_graph(csr), wide.contiguous(), csr.values())[:, : x.shape[1]]


def _graph(csr: Tensor) -> Any:
    graph = _GRAPHS.get(csr)
    if graph is None:
        targets, sources = csr.shape
        indices = csr.crow_indices(), csr.col_indices(), csr.col_indices().new_empty(0)  # edge ids: in order
        graph = load_dgl().heterograph(
            {("source", "to", "target"): ("csc", indices)}, num_nodes_dict={"source": sources, "target": targets}
        )
        _GRAPHS[csr] = graph
    return graph
