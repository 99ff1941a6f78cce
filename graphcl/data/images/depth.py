"""Pixels of more than 8 bits, of which a camera or scanner may use fewer than 16."""

from __future__ import annotations

import numpy as np

from graphcl.core.errors import UserError

#: That a number of two bytes has.
ALL = 16


class Depth:
    """Turns 16-bit pixels into bytes, and knows how high they went.

    Args:
        bits: How many of the 16 are used.
    """

    def __init__(self, bits: int = ALL) -> None:
        self.bits = bits
        self._highest: list[int] = []  # of each array; appended to by several threads

    def to_bytes(self, values: np.ndarray, where: object) -> np.ndarray:
        """The upper 8 of the bits that are used, as uint8; ``where`` is for messages.

        Raises:
            UserError: a value that needs more bits.
        """
        high = int(values.max(initial=0))
        if high >> self.bits and self.bits < ALL:
            raise UserError(f"{where}: a pixel of {high:,} needs {high.bit_length()} bits, data.bits is {self.bits}")
        self._highest.append(high)
        return (values.clip(0, (1 << ALL) - 1).astype(np.uint16) >> (self.bits - 8)).astype(np.uint8)

    def notes(self) -> list[str]:
        """What to say where the pixels use less than half of the range, and more: they come out dark."""
        high = max(self._highest, default=0)
        if not high or high.bit_length() > self.bits - 2:
            return []
        used = max(8, high.bit_length())
        return [f"16-bit pixels go up to {high:,} and come out dark; data.bits={used} reads them as of {used} bits"]
