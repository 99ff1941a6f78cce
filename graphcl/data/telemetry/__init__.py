"""Tables of metrics: read, named, on one grid."""

from __future__ import annotations

from graphcl.data.telemetry.base import Column, Telemetry
from graphcl.data.telemetry.read import read_telemetry

__all__ = ["Column", "Telemetry", "read_telemetry"]
