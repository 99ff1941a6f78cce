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

#: Constants of splitmix64, as signed 64-bit numbers.
_GOLDEN, _MIX_1, _MIX_2 = (number - 2**64 for number in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


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


def uniform_by_id(ids: torch.Tensor, count: int, *, generator: torch.Generator) -> torch.Tensor:
    """[B, count] float64, uniform in [0, 1), which follow from each id and one number of the generator.

    So an id has the same draws whatever else is in its batch, and whichever process holds it. The numbers are those of
    splitmix64 (Steele, Lea, Flood, OOPSLA 2014) at a place of its own for each id and draw.

    Args:
        ids: [B] int64.
        count: Draws of each.
        generator: Moved by one draw.
    """
    import torch

    start = torch.randint(2**62, (1,), generator=generator, device=generator.device).to(ids.device)
    z = start + (ids[:, None] * count + torch.arange(count, device=ids.device) + 1) * _GOLDEN
    for shift, factor in ((30, _MIX_1), (27, _MIX_2)):
        z = (z ^ _shifted(z, shift)) * factor
    z = z ^ _shifted(z, 31)
    return _shifted(z, 11).double() / 2**53


def _shifted(z: torch.Tensor, by: int) -> torch.Tensor:
    """A shift to the right that brings in zeros."""
    return (z >> by) & (2 ** (64 - by) - 1)


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
