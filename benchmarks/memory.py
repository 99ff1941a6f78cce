"""Peak resident memory of a piece of work, on Linux."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _status(field: str) -> float:
    """A field of /proc/self/status, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


@contextmanager
def extra_peak() -> Iterator[dict[str, float]]:
    """``before_mb`` and, at the end, ``extra_mb``: how far the block's peak lies above what was there before it."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    found = {"before_mb": round(_status("VmRSS"), 1)}
    yield found
    found["extra_mb"] = round(_status("VmHWM") - found["before_mb"], 1)
