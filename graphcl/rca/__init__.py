"""Root cause analysis: which service and metric an incident began with, from a table of metrics.

>>> from graphcl.rca import analyse
>>> found = analyse("metrics.csv", anomaly_time="2022-08-22T03:54:00Z")  # doctest: +SKIP
>>> found.services[0].service, found.metrics[0].evidence  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphcl.rca.analysis import Analysis, analyse

#: Public name -> module; imported when first asked for, so that a submodule does not bring all of it.
_PUBLIC = {"Analysis": "graphcl.rca.analysis", "analyse": "graphcl.rca.analysis"}

__all__ = ["Analysis", "analyse"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
