"""PyGCL 0.1.2 as a peer: what it needs to import beside current packages.

It asks for dgl, torch_scatter and torch_sparse when imported, of which the parts used here call one function:
``scatter``, that torch_geometric has. Install it with ``pip install PyGCL==0.1.2 --no-deps``.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


def load() -> Any:
    """The package ``GCL`` with the submodules that the benchmarks use.

    Raises:
        SystemExit: it is not installed.
    """
    from torch_geometric.utils import scatter

    missing: dict[str, dict[str, Any]] = {
        "torch_scatter": {"scatter": scatter},
        "torch_sparse": {"SparseTensor": object, "coalesce": None},
        "dgl": {"DGLGraph": object},
    }
    for name, members in missing.items():
        module = sys.modules.setdefault(name, ModuleType(name))
        for key, value in members.items():
            setattr(module, key, value)
    try:
        import GCL.augmentors
        import GCL.losses
        import GCL.models
    except ImportError as error:
        raise SystemExit(f"PyGCL cannot be imported ({error}): pip install PyGCL==0.1.2 --no-deps") from error
    return GCL

