"""Checkpoints of RecBole, read without running what is in them.

A checkpoint of RecBole is a pickle with tensors and the whole ``Config``, of protocol 4, which torch's ``weights_only``
cannot read. Here nothing is called but constructors of tensors and plain values. ``Config`` itself is not called
either: it ``eval``s strings. Classes of models are only named in it and stay names.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Any

import torch
from recbole.config import Config
from recbole.model.abstract_recommender import AbstractRecommender

from graphcl.core.errors import UserError
from graphcl.recbole.patches import Patches

_SPARSE = ("csr", "csc", "coo", "lil", "dok")
#: Module -> names that may be called: they make tensors, arrays and plain values.
_ALLOWED: dict[str, tuple[str, ...]] = {
    "collections": ("OrderedDict",),
    "torch": ("device", "Size"),
    "torch._utils": ("_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_sparse_tensor"),
    "torch.serialization": ("_get_layout",),
    **{f"scipy.sparse._{form}": (f"{form}_matrix",) for form in _SPARSE},
    "numpy": ("dtype", "ndarray", "matrix"),
    "numpy.matrixlib.defmatrix": ("matrix",),
    "numpy.core.multiarray": ("scalar", "_reconstruct"),
    "numpy._core.multiarray": ("scalar", "_reconstruct"),
    "recbole.utils.enum_type": ("ModelType", "InputType", "EvaluatorType", "KGDataLoaderState"),
}
_load = torch.load


class _Named:
    """Stands for a class that a checkpoint names; it cannot be called."""

    target: type

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        raise UserError(f"the checkpoint calls {cls.__name__}, which a checkpoint of RecBole does not")


class _StoredConfig(Config):
    """A ``Config`` as it is read: it takes the stored values, and becomes a ``Config``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise UserError("the checkpoint calls RecBole's Config, which a checkpoint of RecBole does not")

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({key: _target(value) for key, value in state.items()})
        self.__class__ = Config


def _target(value: Any) -> Any:
    return value.target if isinstance(value, type) and issubclass(value, _Named) else value


class _Unpickler(pickle.Unpickler):
    """Finds what is allowed, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if name in _ALLOWED.get(module, ()):
            return super().find_class(module, name)
        if (module, name) == ("recbole.config.configurator", "Config"):
            return _StoredConfig
        if (module, name) == ("yaml.loader", "FullLoader"):  # Config keeps the class of its reader
            return _named(super().find_class(module, name))
        model = _model_class(module, name)
        if model is not None:
            return _named(model)
        raise UserError(
            f"the checkpoint names {module}.{name}, which no checkpoint of RecBole needs; it is refused, since a "
            "pickle can run code"
        )


def _model_class(module: str, name: str) -> type | None:
    """A model's class: RecBole's, one of ours, or one that the program itself has imported."""
    if module not in sys.modules and module.startswith("recbole.model."):
        from recbole.utils import get_model

        get_model(name)
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) and issubclass(found, AbstractRecommender) else None


def _named(target: type) -> type:
    return type(target.__name__, (_Named,), {"target": target})


def _as_pickle_module() -> ModuleType:
    """What torch.load takes for ``pickle``."""
    module = ModuleType("pickle")
    vars(module).update(Unpickler=_Unpickler, load=lambda file, **options: _Unpickler(file, **options).load())
    return module


def load(file: Any, *args: Any, **options: Any) -> Any:
    """``torch.load`` for checkpoints of RecBole.

    Raises:
        UserError: the file names what no such checkpoint needs, or is torn.
    """
    if "weights_only" in options or "pickle_module" in options:
        return _load(file, *args, **options)
    try:
        return _load(file, *args, **{**options, "weights_only": False, "pickle_module": _as_pickle_module()})
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        words = str(error).partition(". ")[0]
        raise UserError(f"{file} is no whole checkpoint of RecBole: {words}") from error


def loading(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of RecBole, in which ``torch.load`` is :func:`load`."""

    @wraps(function)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with _scoped():
            return function(*args, **kwargs)

    return inside


@contextmanager
def _scoped() -> Iterator[None]:
    patches = Patches()
    patches.set(torch, "load", load)
    try:
        yield
    finally:
        patches.undo()
