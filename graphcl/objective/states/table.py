"""A number, or a row, for each example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from graphcl.core.errors import UserError
from graphcl.core.options import Address, Count, Index, Probability
from graphcl.core.registry import register
from graphcl.encode.base import Graph
from graphcl.encode.pooling import pool
from graphcl.objective.base import Rows, State, at_type


class HasGraphs(Protocol):
    """What a table asks a task for."""

    @property
    def graphs(self) -> Mapping[str, Graph]:
        """Record field -> full training graph."""
        ...


@register("state", "table", example={"rows": "main.score[batch]", "size": 8})
class Table(State):
    """One entry for each example (or node), moved towards what its address gives when the example is seen.

    ``v_i <- m v_i + (1 - m) x_i``; of an example that is seen several times at once, x is the mean. Field
    ``values`` is [N], or [N, dim] (a memory bank); ``init`` everywhere before the first update.
    """

    def __init__(
        self,
        rows: Address,
        dim: Index = 0,
        init: float = 1.0,
        momentum: Probability = 0.0,
        size: Index = 0,
        each: list[str] | None = None,
        when: Literal["before_step", "after_step"] = "after_step",
        every: Count = 1,
        start: Index = 0,
        *,
        task: HasGraphs | None = None,
    ) -> None:
        """
        Args:
            rows: Address of the new values, whose rows are examples (one column where dim is 0).
            dim: Width of an entry; 0 keeps one number for each example.
            init: Value of an entry before its example is seen.
            momentum: Share of the old value that stays.
            size: Number of examples; 0 takes the nodes of the graph, or the task's examples.
            each: Node types that have a table of their own; `*` in the address stands for them.
            when: Whether a step's values enter before or after its terms are taken.
            every: Steps between two updates.
            start: First epoch in which values enter.
            task: Whose graphs give the size (supplied).
        """
        super().__init__()
        self.momentum, self.dim = momentum, dim
        self.when, self.every, self.start = when, every, start
        self._names = {node_type: f"values_{node_type}" if node_type else "values" for node_type in each or [""]}
        self.reads = {node_type: at_type(rows, node_type) for node_type in self._names}
        for node_type, name in self._names.items():
            count = size or number_of(task, node_type)
            self.register_buffer(name, torch.full((count, dim) if dim else (count,), float(init)))

    def update(self, inputs: Mapping[str, Rows], *, generator: torch.Generator) -> None:
        """Enter the values of the examples seen.

        Raises:
            UserError: rows without ids, of another width, or beyond the table's size.
        """
        for node_type, name in self._names.items():
            table: Tensor = getattr(self, name)
            ids, values = self._checked(inputs[node_type], len(table))
            unique, inverse = ids.unique(return_inverse=True)
            new = pool(values, inverse, len(unique), "mean").view(len(unique), *table.shape[1:])
            old = table.index_select(0, unique)
            # Out of place: a graph may still hold the values of before.
            setattr(self, name, table.index_copy(0, unique, old.lerp(new.to(old.dtype), 1.0 - self.momentum)))

    def _checked(self, rows: Rows, size: int) -> tuple[Tensor, Tensor]:
        if rows.ids is None:
            raise UserError("table: its rows have no ids; give an address whose rows are examples or nodes")
        values = rows.values.detach()
        values = values[:, None] if values.dim() == 1 else values
        if values.shape[1] != (self.dim or 1):
            raise UserError(f"table: the rows have width {values.shape[1]}; set dim={values.shape[1]}")
        if len(rows.ids) and int(rows.ids.max()) >= size:
            raise UserError(f"table: example {int(rows.ids.max())} is beyond its size {size}; set size")
        return rows.ids, values


def number_of(task: HasGraphs | None, node_type: str) -> int:
    """Nodes of that type in the task's graphs; of a task whose examples have graphs of their own, its examples.

    Raises:
        UserError: no graph has nodes of that type, so the size has to be given.
    """
    records = hasattr(task, "examples")
    if records and not node_type and (examples := getattr(task, "num_examples", 0)):
        return int(examples)
    graphs = {} if task is None or records else task.graphs
    for graph in graphs.values():
        if isinstance(graph, HeteroData):
            if node_type in graph.node_types:
                return int(graph[node_type].num_nodes)
        elif not node_type and graph.num_nodes:
            return int(graph.num_nodes)
    what = f"nodes of type {node_type!r}" if node_type else "examples"
    raise UserError(f"cannot tell the number of {what}; set size (or each, to name node types)")
