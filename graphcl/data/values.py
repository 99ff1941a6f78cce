"""Columns of a file as arrays: ids dictionary-encoded chunk by chunk, numbers and dates checked."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from graphcl.core.errors import UserError
from graphcl.data.dates import iso_seconds
from graphcl.data.interactions import Ids

#: Text that stands for a missing id: what pandas, Python and SQL write for "nothing".
MISSING = frozenset({"", "nan", "NaN", "NAN", "None", "NULL", "\\N", "<NA>"})

#: The largest number that float32 holds.
LARGEST = float(np.finfo(np.float32).max)


def beyond_float32(values: np.ndarray) -> tuple[int, ...] | None:
    """The place of the first value that is finite here and would be infinite in float32; None where all fit.

    >>> beyond_float32(np.array([[1.0, np.inf], [1e38, -1e39]]))
    (1, 1)
    """
    beyond = np.isfinite(values) & (np.abs(values) > LARGEST)
    return tuple(int(at) for at in np.unravel_index(beyond.argmax(), beyond.shape)) if beyond.any() else None


class _Codes(dict[str | None, int]):
    """Id -> code. Asking for a new id gives it the next code."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys((None, *MISSING), -1))
        self.reserved = len(self)

    def __missing__(self, key: str | None) -> int:
        code = self[key] = len(self) - self.reserved
        return code


class Vocabulary:
    """Gives each id the next free integer, in the order of first appearance."""

    def __init__(self) -> None:
        self._codes = _Codes()

    def __len__(self) -> int:
        return len(self._codes) - self._codes.reserved

    def encode(self, values: pa.Array) -> np.ndarray:
        """int32 code of every value; -1 where it is missing (null or one of :data:`MISSING`)."""
        encoded = as_text(values).dictionary_encode()
        words = [*encoded.dictionary.to_pylist(), None]
        mapping = np.fromiter(map(self._codes.__getitem__, words), dtype=np.int32, count=len(words))
        return mapping[encoded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)]

    def ids(self) -> Ids:
        """The ids by code."""
        return Ids.of(list(self._codes)[self._codes.reserved :])  # type: ignore[arg-type]


def as_text(values: pa.Array) -> pa.Array:
    """Ids as the user wrote them: 12 is ``"12"`` even where a gap made the column floating point.

    Raises:
        UserError: a type that cannot be an id, or floats with a fraction.
    """
    kind = values.type
    if pa.types.is_dictionary(kind):
        values = values.dictionary_decode()
        kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return values
    if pa.types.is_floating(kind):
        values = _whole(values)
    elif not (pa.types.is_integer(kind) or pa.types.is_null(kind) or pa.types.is_string_view(kind)):
        raise UserError(f"an id must be text or a whole number, the column's type is {kind}")
    return values.cast(pa.string())


def _whole(values: pa.Array) -> pa.Array:
    values = pc.if_else(pc.is_nan(values.fill_null(np.nan)), pa.scalar(None, values.type), values)
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise UserError("an id must be text or a whole number, the column holds fractions") from error


def as_number(values: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(float64 with NaN where missing, mask of what is no number at all)."""
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        number = pd.to_numeric(pd.Series(values.to_pandas()), errors="coerce").to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        return number, np.isnan(number) & ~_empty(values)
    text = pc.utf8_trim_whitespace(values)
    try:
        number = pc.if_else(pc.equal(text, ""), None, text).cast(pa.float64())
        return number.to_numpy(zero_copy_only=False), np.zeros(len(values), dtype=bool)
    except pa.ArrowInvalid:
        number = pd.to_numeric(text.to_pandas(), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return number, np.isnan(number) & ~_empty(values)


def as_time(values: pa.Array) -> tuple[np.ndarray, np.ndarray, bool]:
    """(int64 where every value is a whole number, else float64 with NaN where missing; mask of what is no time;
    whether these are dates).

    Dates (ISO 8601 text, Parquet timestamps) become seconds since 1970, UTC unless they say otherwise.
    """
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return iso_seconds(pd.Series(values.to_pandas())), np.zeros(len(values), dtype=bool), True
    whole = _whole_numbers(values)
    if whole is not None:
        return whole, np.zeros(len(values), dtype=bool), False
    number, wrong = as_number(values)
    if wrong.any() and wrong.sum() == (~_empty(values)).sum():
        dates = iso_seconds(pd.Series(values.to_pandas()))
        if not np.isnan(dates).all():
            return dates, np.isnan(dates) & wrong, True
    return number, wrong, False


def _whole_numbers(values: pa.Array) -> np.ndarray | None:
    """int64, exactly (nanoseconds do not fit a float), or None when some value is no whole number."""
    try:
        text = values if pa.types.is_integer(values.type) else pc.utf8_trim_whitespace(values)
        whole = text.cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return None if whole.null_count else whole.to_numpy()


def _empty(values: pa.Array) -> np.ndarray:
    """Null, or text that stands for nothing."""
    null = values.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        missing = pc.is_in(pc.utf8_trim_whitespace(values), pa.array(sorted(MISSING)))
        return null | missing.to_numpy(zero_copy_only=False)
    if pa.types.is_floating(values.type):
        return null | pc.is_nan(values).fill_null(True).to_numpy(zero_copy_only=False)
    return null
