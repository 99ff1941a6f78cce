"""What addresses name that is not made of a view: tables, tensors of the raw graph, fields of states."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from graphcl.core.address import Address
from graphcl.core.errors import UserError
from graphcl.engine.model import Model
from graphcl.engine.views import Views
from graphcl.tasks.base import Batch


def root_tensor(
    address: Address,
    *,
    model: Model,
    views: Views,
    batch: Batch | None,
    parameters: Callable[[str], Mapping[str, Tensor]],
) -> Tensor:
    """The tensor at an address whose root is ``table``, ``input`` or ``state``.

    Args:
        address: Parsed.
        model: Has the states.
        views: Know the task's graphs.
        batch: The step's examples; its own graph is the raw one where it has one.
        parameters: Gives the parameters of an owner, as the step sees them.

    Raises:
        UserError: there is no such tensor.
    """
    if address.root == "table":
        tables = parameters("main")
        name = f"towers.main.tables.{address.name}"
        if name not in tables:
            raise UserError(f"address 'table.{address.name}': tower 'main' has no table of that node type")
        return tables[name]
    if address.root == "input":
        own = batch.graphs if batch is not None else {}
        graph = next(iter(own.values())) if own else views.clean().graph
        value = graph.get(address.name)
        if not isinstance(value, Tensor):
            raise UserError(f"address 'input.{address.name}': the graph has no tensor of that name")
        return value
    state = model.states[address.name]
    return state.field(address.level, address.node_type or "")  # type: ignore[operator]
