"""POT: train node compactness under deletions of edges (Yu et al., NeurIPS 2023), with a bound that holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.address import parse_address
from graphcl.core.errors import UserError
from graphcl.core.options import Address, Count, Index
from graphcl.core.registry import register
from graphcl.encode.base import node_slices
from graphcl.encode.linear_layers import LinearLayer
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.pot.budgets import Budget
from graphcl.objective.pot.compactness import Compactness, node_compactness
from graphcl.objective.pot.encoder import BatchNorm, check_layers, layers_of
from graphcl.objective.pot.graph import Deletable
from graphcl.objective.pot.rates import drop_rate
from graphcl.objective.pot.reference import check_reference

Mode = Literal["sound", "reference"]


@register("regularizer", "pot", example={"budget": {"by": "any"}})
class Pot(Term):
    """``softplus(-G)`` of each node, G a lower bound of its compactness under deletions of edges.

    The compactness of node i in view 1, ``z_1,i . w_2,i``, is positive when i is closer to its counterpart in view 2
    than to the mean other node (Yu et al., Provable Training for Graph Contrastive Learning, NeurIPS 2023). View 2 is
    held fixed; the term is the mean of both directions.

    ``mode: sound`` bounds it over all deletions within the budget (docs/pot.md: what is guaranteed, and when).
    ``mode: reference`` is the surrogate that the authors' code optimises: not a bound.

    Any recipe with two views takes it, whatever its losses, if its tower can be bounded: gcn with relu or prelu,
    lightgcn. The paper's ``(1 - kappa) L + kappa POT`` is ``weight = kappa / (1 - kappa)`` here: the same loss up to
    the factor ``1 - kappa``, which Adam does not see.
    """

    combine = "gather"
    detached: ClassVar[tuple[str, ...]] = ("anchors", "others")

    last: Tensor

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        anchors: Address = "a.nodes",
        others: Address = "b.nodes",
        mode: Mode = "sound",
        budget: Budget = Budget(),
        inner: Literal["auto", "interval", "row"] = "auto",
        batch_norm: BatchNorm = "refuse",
        nodes: Index = 0,
        refresh: Count = 1,
        observe: bool = False,
        *,
        towers: Mapping[str, nn.Module],
        task: Any,
        views: Mapping[str, Any] | None = None,
        **common: Any,
    ) -> None:
        """
        Args:
            anchors: All nodes of one view, as the tower gives them.
            others: All nodes of the other view.
            mode: sound is a bound; reference is the published surrogate, which is not a bound.
            budget: Which deletions are covered.
            inner: How what a node reads of its neighbours is bounded: by row, tighter, or by interval, faster; auto
                is row up to 10^6 terms (sum of deg^2).
            batch_norm: Statistics of a batch depend on every edge, so that an encoder trained with them is refused;
                running bounds what it gives in evaluation mode instead, with its running statistics as they are.
            nodes: Nodes drawn at each step, bounded with their full neighbourhood; 0 takes all.
            refresh: Steps between two gradients of this term, its value standing in between: its cost and its
                effective weight fall by this factor.
            observe: Train without it, and only report the certified share at evaluations.
            towers: The recipe's towers (supplied).
            task: Gives the clean graph (supplied).
            views: The recipe's views, for the rate at which they drop edges (supplied).

        Raises:
            UserError: an encoder, a graph or a pair of views that cannot be bounded; names the reason.
        """
        super().__init__(**common)
        if hasattr(task, "examples"):
            raise UserError("pot bounds the nodes of one full graph; this task's batches have graphs of their own")
        self.anchors, self.others, self.mode, self.budget = anchors, others, mode, budget
        self.inner, self.batch_norm, self.nodes, self.refresh, self.observe = inner, batch_norm, nodes, refresh, observe
        self._towers, self._views = dict(towers.items()), dict(views or {})  # not modules of this one
        graph = next(iter(task.graphs.values()))
        self._slices = node_slices(graph)
        self.register_buffer("last", torch.zeros(len(self.each or [""])))
        self._loops = check_layers(self._layers(anchors))
        for address in (anchors, others):
            layers = self._layers(address)
            if mode == "reference":
                check_reference(layers)
            if check_layers(layers) != self._loops:
                raise UserError("pot: the towers of both views must agree on self loops")
        rates = [self._rate(address, mode) for address in (anchors, others)]
        if rates == [0.0, 0.0]:
            raise UserError(
                f"pot: views '{_view(anchors)}' and '{_view(others)}' drop no edges, so that a budget by their rate is "
                "0 and the bound says nothing of deletions; set budget.rate, or a budget.by that needs none (any, "
                "fraction, count)"
            )
        self._deletable = Deletable.of(graph, loops=self._loops)
        self._budgets: dict[tuple[str, Mode], Tensor] = {}

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per node: the mean over both directions."""
        at = (self.each or [""]).index(node_type)
        if self.observe or flow.step % self.refresh:
            nothing = flow.rows(at_type(self.anchors, node_type)).base[:0].sum(1)  # with a graph attached
            return Anchored(nothing if self.observe else self.last[at] + nothing.sum().reshape(1))
        sides = self.compactness(flow, node_type)
        values = torch.stack([F.softplus(-side.score) for side in sides]).mean(0)
        weight = self.anchor_weight(flow, node_type, sides[0].nodes, torch.ones_like(values))
        with torch.no_grad():
            self.last[at] = values.mean()
        return Anchored(values * weight, weight, sides[0].nodes)

    def compactness(self, flow: Flow, node_type: str = "", mode: Mode | None = None) -> tuple[Compactness, Compactness]:
        """Of both views, each with the other held fixed; nodes of the second are those of the first."""
        anchors, others = at_type(self.anchors, node_type), at_type(self.others, node_type)
        targets = self._targets(flow, anchors)
        mode = mode or self.mode
        return self._side(flow, anchors, others, targets, mode), self._side(flow, others, anchors, targets, mode)

    def measure(self, flow: Flow) -> dict[str, float]:
        """Share of nodes whose compactness is certainly positive, and the mean bound, over both views.

        Both of the sound bound, whatever the mode; mode reference adds the share of positive surrogates.
        """
        sides = self._sides(flow, "sound")
        found = {
            "certified": torch.cat([side.certified for side in sides]).double().mean(),
            "bound": torch.cat([side.score for side in sides]).double().mean(),
        }
        if self.mode == "reference":
            scores = torch.cat([side.score for side in self._sides(flow, "reference")])
            found["surrogate_positive_not_a_bound"] = (scores > 0).double().mean()
        return {name: float(value) for name, value in found.items()}

    def describe(self) -> dict[str, Any]:
        """What the term claims, for the record of a run."""
        sound = "lower bound of compactness, for the drawn features of a view and the other view as drawn"
        return {
            "mode": self.mode,
            "score": sound if self.mode == "sound" else "published surrogate: not a bound",
            **({"batch_norm": "running statistics"} if self.batch_norm == "running" else {}),
            "deletions": {
                _view(address): self.budget.describe(self.mode, self._rate(address, self.mode))
                for address in (self.anchors, self.others)
            },
        }

    def views(self) -> tuple[str, str]:
        """The two views, in the order of :meth:`compactness`."""
        return _view(self.anchors), _view(self.others)

    def _sides(self, flow: Flow, mode: Mode) -> list[Compactness]:
        return [side for node_type in self.each or [""] for side in self.compactness(flow, node_type, mode)]

    def _side(self, flow: Flow, one: str, other: str, targets: Tensor | None, mode: Mode) -> Compactness:
        x = flow.tensor(_input(one))
        self._deletable = graph = self._deletable.to(x.device)
        if len(x) != graph.num_nodes:
            raise UserError(
                f"pot bounds nodes of the full graph of {graph.num_nodes}, but a batch holds a piece of {len(x)}; "
                "train without neighbour sampling, and set pot's 'nodes' to bound a part of them at each step"
            )
        propagate = flow.view(_view(one)).operator("gcn").propagate if mode == "reference" else None
        with torch.autocast(x.device.type, enabled=False):
            return node_compactness(
                self._layers(one), x, flow.rows(one).values, flow.rows(other).values, graph,
                self._edge_budget(one, mode),
                targets=targets, first=self._first(one), inner=self.inner, propagate=propagate,
            )  # fmt: skip

    def _edge_budget(self, address: str, mode: Mode) -> Tensor:
        """q [N] of the view of an address; found once."""
        key = (address, mode)
        if key not in self._budgets:
            self._budgets[key] = self.budget.of(self._deletable.degree, mode, self._rate(address, mode))
        return self._budgets[key].to(self._deletable.start.device)

    def _targets(self, flow: Flow, address: str) -> Tensor | None:
        count = len(flow.rows(address))
        if self.nodes == 0 or self.nodes >= count:
            return None
        drawn = torch.randperm(count, generator=flow.generator(f"pot nodes {address}"))[: self.nodes]
        return drawn.sort().values.to(self._deletable.start.device)

    def _layers(self, address: str) -> list[LinearLayer]:
        parsed = parse_address(address, self._slices)
        if parsed.root != "encoded" or parsed.level != "nodes" or parsed.rows is not None:
            raise UserError(f"pot: {address!r} is not all nodes of a view, as in a.nodes; 'nodes' samples them")
        if parsed.tower not in self._towers:
            known = ", ".join(self._towers)
            raise UserError(f"pot: {address!r}: {parsed.tower!r} is no tower that is trained; towers: {known}")
        return layers_of(self._towers[parsed.tower], parsed.tower, self.batch_norm)

    def _rate(self, address: str, mode: Mode) -> float | None:
        """How often the view of an address drops an edge, where the budget depends on that."""
        if not self.budget.needs_rate(mode):
            return None
        view = self._views.get(_view(address))
        if view is None:
            raise UserError("pot: without a recipe no view says how often it drops an edge; set budget.rate")
        return drop_rate(_view(address), view)

    def _first(self, address: str) -> int:
        return self._slices.get(parse_address(address, self._slices).node_type or "", (0, 0))[0]


def _view(address: str) -> str:
    return parse_address(address).view


def _input(address: str) -> str:
    """The address of what the tower is applied to."""
    parsed = parse_address(address)
    return f"{parsed.tower}({parsed.view}).layers[0]"
