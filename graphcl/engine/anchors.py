"""Which rows an address asks for: named sets of the batch, their partners in a view, and what they are called."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphcl.core.address import Address
from graphcl.core.errors import UserError
from graphcl.engine import unpaired
from graphcl.engine.unpaired import Counts
from graphcl.engine.views import Views
from graphcl.objective.base import Flow
from graphcl.tasks.base import Batch


class Anchors:
    """The rows of one step.

    The step itself is an argument where it is needed: kept here, it would be in a circle, and what it holds of a
    backward pass freed late.

    Args:
        views: Knows whose rows of a view stand for the anchors.
        batch: The step's examples; None outside a step.
        counts: Gets the anchors without a partner.
    """

    def __init__(self, views: Views, batch: Batch | None, counts: Counts) -> None:
        self._views, self._batch, self._counts = views, batch, counts
        self._partners: dict[tuple[str, str, str], Tensor] = {}

    def row_set(self, flow: Flow, address: Address) -> Tensor:
        """Positions of a named row set within its node type.

        Raises:
            UserError: outside a step there are none.
        """
        if self._batch is None:
            raise UserError(f"rows [{address.rows}] exist only within a step")
        name, node_type = address.rows or "", address.node_type or ""
        if name not in self._batch.rows:
            return _drawn(flow, self._batch, address)
        found = self._batch.rows[name]
        return found if isinstance(found, Tensor) else found[node_type]

    def partners(self, flow: Flow, address: Address, ids: Tensor) -> Tensor:
        """The positions that stand for the anchors ``ids`` in the address's view: their partners' (``source``)."""
        key = (address.view, address.node_type or "", address.rows or "")
        if key not in self._partners:
            generator = flow.generator(f"source {' '.join(key)}")
            reads = self._views.source_reads(address.view, key[1])
            inputs = {name: flow.tensor(text) for name, text in reads.items()}
            found = self._views.partners(address.view, ids, key[1], inputs, generator=generator, batch=self._batch)
            self._partners[key] = found.ids
            unpaired.add(self._counts, f"view {address.view}", int(found.alone.sum()), ids.numel())
        return self._partners[key]

    def name(self, positions: Tensor) -> Tensor:
        """What nodes of the batch's graph are called in the task's."""
        nodes = None if self._batch is None else self._batch.nodes
        return positions if nodes is None else nodes.index_select(0, positions)

    def of_nodes(self, flow: Flow, view: str, name: str, picked: Tensor | None) -> Tensor | None:
        """What a view's graph says of each node at ``picked`` (None: of every node); None where it says nothing."""
        graph = flow.view(view).graph
        found = graph.get(name) if isinstance(graph, Data) else None
        if not isinstance(found, Tensor) or picked is None:
            return found if isinstance(found, Tensor) else None
        return found.index_select(0, picked)

    def graph_ids(self, graphs: Tensor) -> Tensor:
        """The example that each row [G, d] is: those of the batch; a task's one full graph is example 0."""
        if self._batch is not None and self._batch.graphs and self._batch.nodes is None:
            return self._batch.ids
        return torch.arange(graphs.shape[0], device=graphs.device)

    def positions(self, flow: Flow, address: Address) -> tuple[Tensor | None, Tensor | None]:
        """Positions and names of the rows of a tensor that is not made of a view; None for all in order."""
        if address.rows is not None:
            found = self.row_set(flow, address)
            names = self.name(found)
            return found if address.root == "input" else names, names
        if address.root == "input" and self._batch is not None and self._batch.nodes is not None:
            return None, self._batch.nodes
        return None, None


def _drawn(flow: Flow, batch: Batch, address: Address) -> Tensor:
    """A row set that an augmenter of the view drew, as a mask of its nodes; empty where it did not come to that.

    Raises:
        UserError: nodes of the view are not where they are in the batch's graph, so that positions mean nothing there.
    """
    graph, own = flow.view(address.view).graph, next(iter(batch.graphs.values()), None)
    before, after = (None if one is None else one.get("ptr") for one in (own, graph))
    if before is not None and after is not None and not torch.equal(before, after):
        raise UserError(
            f"rows [{address.rows}] of view '{address.view}': an augmenter of the view adds or removes nodes, so that "
            "these rows are not those of the batch; leave it out of this view"
        )
    mask = (graph[address.node_type] if address.node_type else graph).get(address.rows)
    return torch.arange(0, device=batch.ids.device) if mask is None else mask.nonzero().view(-1)
