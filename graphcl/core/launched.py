"""What a launcher of several processes (torchrun) says of this one, known before they have joined."""

from __future__ import annotations

import os


def asked_for() -> int:
    """How many processes there are."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the first, or the only one, of those that train together."""
    return asked_for() == 1 or os.environ.get("RANK", "0") == "0"
