"""Read the pickles of the Planetoid collection without running what they say.

A pickle is a program: loading one from a stranger runs his code. This reader admits numbers, strings,
lists, dicts, plain numeric numpy arrays and CSR matrices; anything else a file names is refused.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import scipy.sparse as sp

from graphcl.core.errors import UserError


class _CsrState:
    """Stands in for scipy's class, so that the file only fills a plain ``__dict__``."""


def _numeric_dtype(code: str, *args: Any) -> np.dtype:
    dtype = np.dtype(code)
    if dtype.kind not in "biuf":
        raise pickle.UnpicklingError(f"an array of {dtype} is not allowed")
    return dtype


def _empty_dict(*_: Any) -> dict:
    """In place of ``defaultdict``, whose factory would be a callable of the file's choice."""
    return {}


#: numpy's own array constructor; its module moved between numpy 1 and 2.
_RECONSTRUCT: Callable = np.empty(0).__reduce__()[0]  # type: ignore[assignment]

#: (module, name) as the Python 2 and 3 files of the collection write them -> what we build instead.
_ADMITTED: Mapping[tuple[str, str], Any] = MappingProxyType(
    {
        ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
        ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): _numeric_dtype,
        ("scipy.sparse.csr", "csr_matrix"): _CsrState,
        ("scipy.sparse._csr", "csr_matrix"): _CsrState,
        ("collections", "defaultdict"): _empty_dict,
        ("__builtin__", "list"): list,
        ("builtins", "list"): list,
    }
)


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Only what :data:`_ADMITTED` lists."""
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read_arrays(path: Path) -> Any:
    """The object in a pickle made of numpy arrays, one CSR matrix, or dicts and lists of numbers.

    Raises:
        UserError: the file asks for anything else, or is no pickle.
    """
    try:
        with path.open("rb") as file:
            value = _Restricted(file, encoding="latin1").load()
        return _csr(value) if isinstance(value, _CsrState) else value
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged or hostile pickle may raise anything
        raise UserError(f"{path}: refused, not a plain pickle of arrays: {error}") from error


def _csr(state: _CsrState) -> sp.csr_matrix:
    """Build, and so check, the matrix from its arrays."""
    fields = vars(state)
    shape = fields.get("_shape", fields.get("shape"))
    return sp.csr_matrix((fields["data"], fields["indices"], fields["indptr"]), shape=shape)
