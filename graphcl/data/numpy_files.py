"""What is wrong with a file of numpy arrays, in the words of this package."""

from __future__ import annotations


def why_unreadable(error: Exception) -> str:
    """The reason, without numpy's advice on how to unpickle what the file holds."""
    if "Object arrays" in str(error):
        return "it holds Python objects, and nothing is unpickled; save plain numbers, what is shorter padded with NaN"
    if "pickle" in str(error):
        return "it is no numpy file, or a pickle, and nothing is unpickled"
    return str(error)
