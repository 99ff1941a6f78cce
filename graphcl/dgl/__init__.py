"""Exchange with DGL: graphs there and back, and its kernels for sparse propagation.

DGL is the extra ``dgl``; nothing here imports it before a function needs it.
"""

from __future__ import annotations

from graphcl.dgl.convert import from_dgl, to_dgl
from graphcl.dgl.kernel import spmm
from graphcl.dgl.load import load_dgl

__all__ = ["from_dgl", "load_dgl", "spmm", "to_dgl"]
