"""One step's data flow: addresses are resolved lazily, and each encoding is computed once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from graphcl.augment.chain_pieces import TOO_SHORT
from graphcl.core import seeds
from graphcl.core.address import Address, parse_address
from graphcl.core.errors import UserError
from graphcl.encode.base import Encoding, Graph, View, node_slices
from graphcl.engine import unpaired
from graphcl.engine.anchors import Anchors
from graphcl.engine.distributed import ALONE, Ranks
from graphcl.engine.levels import Levels
from graphcl.engine.model import Model
from graphcl.engine.roots import root_tensor
from graphcl.engine.shares import divisible, take_records
from graphcl.engine.unpaired import Counts
from graphcl.engine.views import Views
from graphcl.graph.places import PLACE
from graphcl.objective.base import Rows, concatenate
from graphcl.tasks.base import Batch


class StepFlow:
    """Implements :class:`graphcl.objective.base.Flow` for one batch.

    Args:
        model: The recipe's parts.
        views: Draws the views.
        batch: The step's examples; None outside a step (states that run at an epoch's start).
        types: Node types of the task.
        epoch: Epoch, from 0.
        step: Optimiser step, from 0.
        draw: Number of the drawing that view seeds depend on (differs from ``step`` where several phases draw).
        needs: (tower, view) -> row sets, for the encodings of which nothing else is read.
        moves: Towers that a gradient must reach; the others are run without one. Empty: all.
        overrides: Full parameter name -> tensor that takes the parameter's place (virtual steps).
        ranks: Among whom the records of the batch are divided: each encodes its own, and a latent is gathered when it
            is read, so that what reads it sees the whole batch. A graph that is not made of records is encoded whole.
        counts: Where anchors without a partner are counted; None begins anew.

    Attributes:
        divides: Whether each rank encodes records of its own.
    """

    def __init__(
        self,
        model: Model,
        views: Views,
        batch: Batch | None,
        *,
        types: tuple[str, ...],
        epoch: int,
        step: int,
        draw: int | None = None,
        needs: Mapping[tuple[str, str], Iterable[Address]] | None = None,
        moves: Collection[str] = frozenset(),
        overrides: Mapping[str, Tensor] | None = None,
        ranks: Ranks = ALONE,
        counts: Counts | None = None,
    ) -> None:
        self.model, self.views, self.batch = model, views, batch
        self.epoch, self.step = epoch, step
        self._types, self._draw, self._needs = types, step if draw is None else draw, needs or {}
        self._moves, self._overrides, self.ranks = frozenset(moves), overrides or {}, ranks
        self.divides = ranks.count > 1 and batch is not None and divisible(batch.graphs, ranks.count)
        self._encodings: dict[tuple[str, str], Encoding] = {}
        self._drawn: dict[str, View] = {}
        self._encoded: dict[tuple[str, str], View] = {}
        self._heads: dict[tuple[str, str, str], Tensor] = {}
        self._own_ids: dict[tuple[str, str, str], Tensor] = {}
        self._gathered: dict[tuple[str, str, str, int | None], Tensor] = {}
        self._seed = int(model.recipe["train.seed"])
        #: anchors that had no partner, and all, of each view and term that was read
        self.unpaired: Counts = {} if counts is None else counts
        #: (term, node type) -> the losses of its anchors, of the terms that a step has taken; None until it is over
        self.losses: dict[tuple[str, str], Rows] | None = None
        self._levels, self._anchors = Levels(model), Anchors(views, batch, self.unpaired)

    def generator(self, purpose: str) -> torch.Generator:
        """A generator for this purpose and step."""
        return seeds.generator(self._seed, "flow", purpose, self.step)

    def parameters(self, *names: str) -> Mapping[str, Tensor]:
        """Trainable parameters of the named owners (of all without names), overrides in place."""
        found = self.model.trainable(names)
        return {name: self._overrides.get(name, parameter) for name, parameter in found.items()}

    def seen_through(self, overrides: Mapping[str, Tensor]) -> StepFlow:
        """The same step, its views kept, with tensors in the place of parameters."""
        return StepFlow(
            self.model, self.views, self.batch, types=self._types, epoch=self.epoch, step=self.step,
            draw=self._draw, needs=self._needs, moves=self._moves, overrides=overrides, ranks=self.ranks,
            counts=self.unpaired,
        )

    def at_examples(self, batch: Batch, number: int) -> StepFlow:
        """The same moment with some of the training examples, all on this rank; ``number`` tells its draws apart."""
        return StepFlow(
            self.model, self.views, batch, types=self._types, epoch=self.epoch, step=self.step, draw=-1 - number
        )

    def rows(self, address: str | list[str]) -> Rows:
        """The rows at an address; several addresses are concatenated (indices, where they share a latent)."""
        if isinstance(address, list):
            return concatenate([self.rows(one) for one in address])
        parsed = parse_address(address, self._types)
        if parsed.root == "loss":
            return self._losses_of(parsed)
        if parsed.root != "encoded":
            index, ids = self._anchors.positions(self, parsed)
            share = self.batch.shares.get(parsed.rows) if self.batch is not None and parsed.rows is not None else None
            return Rows(self._root(parsed), index, ids if parsed.root != "state" else None, share=share)
        encoding = self.encoding(parsed.tower, parsed.view)
        base = self._together(parsed, self._level(parsed, encoding))
        if maker := self._levels.maker(parsed.level):
            if parsed.rows is not None:
                raise UserError(f"address {address!r}: the rows of '{parsed.level}' are not nodes; leave [rows] out")
            own = self._own_ids.get((parsed.tower, parsed.view, maker))
            return Rows(base, None, torch.arange(len(base), device=base.device) if own is None else own)
        if self._levels.pooled(parsed.level):
            return Rows(base, None, self._anchors.graph_ids(base))
        return self._node_rows(parsed, encoding, base)

    def tensor(self, address: str) -> Tensor:
        """The tensor at an address, without row identities."""
        parsed = parse_address(address, self._types)
        return self.rows(address).values if parsed.root in ("encoded", "loss") else self._root(parsed)

    def _losses_of(self, address: Address) -> Rows:
        """[B, 1], the losses of the anchors of a term in the step that is over; none where it was not its turn.

        Raises:
            UserError: there is no such step.
        """
        if self.losses is None:
            raise UserError(f"loss.{address.name}: a step's losses are read when it is over; set when=after_step")
        nothing = Rows(torch.zeros(0, 1), None, torch.zeros(0, dtype=torch.int64))
        return self.losses.get((address.name, address.node_type or ""), nothing)

    def encoding(self, tower: str, view: str) -> Encoding:
        """The latents of a view under a tower, computed once per flow."""
        key = (tower, view)
        if key not in self._encodings:
            self._encodings[key] = self._encode(tower, view)
        return self._encodings[key]

    def view(self, name: str) -> View:
        """The view as it is drawn in this step."""
        if name not in self._drawn:
            drawn = self.views.draw(
                name, epoch=self.epoch, step=self._draw, batch=self._partners(name), call=self._augmented
            )
            self._drawn[name] = drawn
            if self.batch is not None and (short := drawn.graph.get(TOO_SHORT, 0)):
                unpaired.add(self.unpaired, f"chains {name}", short, self.batch.ids.numel())
        return self._drawn[name]

    def _augmented(self, name: str, graph: Graph, **given: Any) -> Graph:
        """A graph through an augmenter that is trained, with a gradient where this flow moves it."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and (not self._moves or name in self._moves)):
            return self.call(f"augmenters.{name}", self.model.augmenters[name], graph, **given)

    def _partners(self, view: str) -> Batch | None:
        """The batch, with the graphs of the partners of its examples where the view's source pairs examples."""
        if self.batch is None or not self.batch.graphs:
            return self.batch
        batch, alone = self.views.records(view, self.batch, generator=self.generator(f"source {view}"))
        if batch is not self.batch:
            unpaired.add(self.unpaired, f"view {view}", alone, batch.ids.numel())
        return batch

    def _encode(self, tower: str, name: str) -> Encoding:
        drawn = self.view(name)
        source = self.model.recipe["views"][name]["hidden_of"]
        hidden = self.encoding(tower, source) if source else None
        if self.divides:  # drawn whole, so that the draws are those of one process
            view = View(take_records(drawn.graph, self.ranks), drawn.transforms, hidden)
        else:
            view = View(drawn.graph, drawn.transforms, hidden, drawn.base, drawn._operators)
        self._encoded[tower, name] = view
        owner, module = self._tower(tower)
        rows = self._needed_rows(tower, name, view)
        given = {} if rows is None else {"rows": rows}
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._moved(tower, name)):
            return self.call(owner, module, view, **given)

    def _moved(self, tower: str, view: str) -> bool:
        """Whether a gradient must pass through the encoding: to the tower, or to what made the view."""
        return not self._moves or tower in self._moves or not self._moves.isdisjoint(self.views.learned(view))

    def _tower(self, name: str) -> tuple[str, nn.Module]:
        if name in self.model.towers:
            return f"towers.{name}", self.model.towers[name]
        return f"states.{name}", self.model.states[name]

    def call(self, owner: str, module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        """Call a module, with overridden parameters in place of its own."""
        prefix = owner + "."
        own = {n.removeprefix(prefix): t for n, t in self._overrides.items() if n.startswith(prefix)}
        return torch.func.functional_call(module, own, args, kwargs) if own else module(*args, **kwargs)

    def _needed_rows(self, tower: str, view_name: str, view: View) -> Tensor | None:
        """Sorted unique node positions, where every reader of this encoding names its rows; else None."""
        needs = self._needs.get((tower, view_name))
        if needs is None or self.batch is None or self.divides:
            return None
        slices = node_slices(view.graph)
        wanted = []
        for address in needs:
            start = slices[address.node_type][0] if address.node_type else 0
            wanted.append(self._anchors.partners(self, address, self._anchors.row_set(self, address)) + start)
        return torch.unique(torch.cat(wanted)) if wanted else None

    def _level(self, address: Address, encoding: Encoding) -> Tensor:
        if address.level == "nodes":
            return encoding.nodes
        if address.level in ("layers", "messages"):
            layer, found = address.layer or 0, getattr(encoding, address.level) or encoding.layers
            if layer >= len(found):
                raise UserError(f"{address.level}[{layer}]: tower '{address.tower}' has layers 0 to {len(found) - 1}")
            return found[layer]
        if address.level == "graphs":
            if encoding.graphs is None:
                raise UserError(f"level 'graphs': tower '{address.tower}' gives none; set its pooling")
            return encoding.graphs
        return self._head(address, encoding)

    def _together(self, address: Address, latent: Tensor) -> Tensor:
        """A latent with the rows of all ranks."""
        if not self.divides or self._levels.whole(address.level):
            return latent
        key = (address.tower, address.view, address.level, address.layer)
        if key not in self._gathered:
            self._gathered[key] = self.ranks.gather(latent)
        return self._gathered[key]

    def _head(self, address: Address, encoding: Encoding) -> Tensor:
        key = (address.tower, address.view, address.level)
        if key not in self._heads:
            latent = self._level(replace(address, level=self._levels.of(address.level)), encoding)
            self._heads[key] = self._apply_head(address, latent)
        return self._heads[key]

    def _apply_head(self, address: Address, latent: Tensor) -> Tensor:
        copies = getattr(self._tower(address.tower)[1], "copies", {})
        if address.level in copies:  # a teacher's own copy of the head
            return copies[address.level](latent, *self._seen_by(copies[address.level], address))
        if address.level in self.model.latents:
            module = self.model.latents[address.level]
            latent = self._together(replace(address, level=self._levels.of(address.level)), latent)  # it may mix rows
            inputs: dict[str, Any] = {key: self.rows(text) for key, text in getattr(module, "reads", {}).items()}
            for key, level in getattr(module, "beside", {}).items():
                inputs[key] = self.rows(f"{address.tower}({address.view}).{level}")
            if getattr(module, "wants_ids", False):
                inputs["ids"] = self._anchors.name(torch.arange(len(latent), device=latent.device))
            everywhere = getattr(module, "one_draw", False)  # one draw for all views
            purpose = address.level if everywhere else f"{address.level}({address.tower}({address.view}))"
            generator = self.generator(purpose)
            made = self.call(f"latents.{address.level}", module, latent, **inputs, generator=generator)
            if isinstance(made, Rows):  # which say what they are
                assert made.ids is not None
                self._own_ids[address.tower, address.view, address.level] = made.ids
            return made.values if isinstance(made, Rows) else made
        head = self.model.heads[address.level]
        return self.call(f"heads.{address.level}", head, latent, *self._seen_by(head, address))

    def _seen_by(self, head: nn.Module, address: Address) -> tuple[View, ...]:
        """The view, for a head that says it wants it."""
        return (self._encoded[address.tower, address.view],) if getattr(head, "wants_view", False) else ()

    def _node_rows(self, address: Address, encoding: Encoding, base: Tensor) -> Rows:
        start, stop = encoding.slices.get(address.node_type or "", (0, base.shape[0]))
        kept = encoding.rows
        every = encoding.layers[0].shape[0] if encoding.layers else -1
        if kept is not None and (base.shape[0] != kept.shape[0] or kept.shape[0] == every):
            kept = None  # a layer before the last, or a batch of every node: all rows in order
        if kept is not None and address.rows is None:
            raise UserError(f"internal: {address} reads all rows of an encoding restricted to a batch")
        whole = address.rows is None
        ids = torch.arange(stop - start, device=base.device) if whole else self._anchors.row_set(self, address)
        picked: Tensor | None = self._anchors.partners(self, address, ids)
        if whole and picked is ids:
            picked = None
        member, place = (self._anchors.of_nodes(self, address.view, name, picked) for name in ("batch", PLACE))
        if kept is not None and picked is not None:
            return Rows(base, torch.searchsorted(kept, picked + start), self._anchors.name(ids), member, place=place)
        return Rows(base.narrow(0, start, stop - start), picked, self._anchors.name(ids), member, place=place)

    def _root(self, address: Address) -> Tensor:
        return root_tensor(address, model=self.model, views=self.views, batch=self.batch, parameters=self.parameters)
