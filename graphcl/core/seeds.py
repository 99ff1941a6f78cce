"""Randomness is derived, not stored: seed = hash(run seed, purpose, epoch, step, ...).

A checkpoint therefore needs only the step to resume bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed that depends on the run's seed and on what it is for.

    >>> derive(0, "views", 1) == derive(0, "views", 1)
    True
    >>> derive(0, "views", 1) == derive(0, "views", 2)
    False
    """
    text = "\x1f".join([str(seed), *(str(part) for part in purpose)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(seed: int, *purpose: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """A ``torch.Generator`` seeded with :func:`derive`."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(seed, *purpose))


@contextmanager
def global_rng(seed: int, *purpose: str | int) -> Iterator[None]:
    """Seed torch's and numpy's global generators for library code that knows no other, then restore them."""
    import numpy as np
    import torch

    state = np.random.get_state()
    value = derive(seed, *purpose)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if torch.cuda.is_available() else []):
        torch.manual_seed(value)
        np.random.seed(value % 2**32)
        try:
            yield
        finally:
            np.random.set_state(state)
