"""Any node data set of torch_geometric, by the name of its class: ``pyg:Planetoid/Cora``."""

from __future__ import annotations

import inspect
from typing import Any

from torch_geometric import datasets
from torch_geometric.data import Data

from graphcl.core.errors import UserError, suggestion
from graphcl.core.paths import cache_dir
from graphcl.data.graphs.given import raw_of
from graphcl.data.graphs.raw import RawGraph

PREFIX = "pyg:"


def read_pyg(name: str) -> RawGraph:
    """A data set with one graph; see :func:`load_pyg`.

    Raises:
        UserError: see there, or it is not one graph with a class per node.
    """
    return raw_of(_one_graph(load_pyg(name), name), f"data.name: {name}")


def load_pyg(name: str) -> Any:
    """Let torch_geometric download (into our cache folder) and read a data set.

    Args:
        name: ``pyg:CLASS/NAME``, or ``pyg:CLASS`` where the class is one data set.

    Raises:
        UserError: no such class, or it cannot be fetched.
    """
    class_name, _, member = name.removeprefix(PREFIX).partition("/")
    known = [n for n, value in vars(datasets).items() if inspect.isclass(value)]
    if class_name not in known:
        raise UserError(
            f"data.name: torch_geometric has no data set class {class_name!r}{suggestion(class_name, known)}"
        )
    try:
        dataset = _made(getattr(datasets, class_name), member)
        dataset[0]
    except Exception as error:  # assertions, network and format errors of the library
        raise UserError(f"data.name: {name} could not be loaded by torch_geometric: {error!r}") from error
    return dataset


def _made(cls: type, member: str) -> Any:
    options = {"root": str(cache_dir() / "pyg" / cls.__name__)} if "root" in inspect.signature(cls).parameters else {}
    return cls(**options, **({"name": member} if member else {}))


def _one_graph(dataset: Any, name: str) -> Data:
    if len(dataset) != 1 or not isinstance(dataset[0], Data):
        raise UserError(f"data.name: {name} is not one homogeneous graph; the node task needs one")
    return dataset[0]
