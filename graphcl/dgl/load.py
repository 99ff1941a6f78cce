"""Where DGL is imported."""

from __future__ import annotations

import os
from types import ModuleType

from graphcl.core.errors import MissingExtra, require


def load_dgl() -> ModuleType:
    """The module ``dgl``, with torch as its backend.

    With DGLBACKEND set, as here where the user has not, DGL neither prints a notice nor writes
    ``~/.dgl/config.json``. ``dgl.sparse`` and ``dgl.graphbolt`` are never touched: their libraries fit one version of
    torch each.

    Raises:
        MissingExtra: DGL is not installed, or the installed one does not load with this torch.
    """
    os.environ.setdefault("DGLBACKEND", "pytorch")
    try:
        return require("dgl", "dgl")
    except (ImportError, OSError) as error:  # DGL 2 looks for a library built for exactly this torch
        reason = str(error).splitlines()[0]
        raise MissingExtra(
            f"the installed dgl does not load here ({reason}); install the tested one: pip install 'graphcl[dgl]'"
        ) from error
