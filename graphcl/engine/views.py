"""Drawing views: graph -> (augmenters) -> view, redrawn every step, every epoch or once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from graphcl.augment.sources import Partners
from graphcl.core import seeds
from graphcl.core.build import build, build_named
from graphcl.core.config.learned import learned_augmenters
from graphcl.core.config.recipe import Recipe
from graphcl.core.config.tree import part_name
from graphcl.core.errors import UserError
from graphcl.core.registry import resolve
from graphcl.encode.base import Graph, View
from graphcl.graph.operators import Operator
from graphcl.objective.base import at_type
from graphcl.tasks.base import Batch, Task


@dataclass(frozen=True)
class _Augmenter:
    label: str
    level: str
    #: None where it is trained: then it is a part of the model.
    module: nn.Module | None
    #: name and options: equal augmenters do the same
    spec: str
    stochastic: bool
    keeps_edges: bool
    #: Name of the part of the model that does it, where it is trained.
    learned: str


@dataclass(frozen=True)
class _Plan:
    of: str
    augmenters: list[_Augmenter]
    redraw: str
    source: nn.Module

    @property
    def learned(self) -> list[str]:
        return [augmenter.learned for augmenter in self.augmenters if augmenter.learned]


#: Calls the part of a model with that name, parameters as the step sees them.
Call = Callable[..., Any]


@dataclass(frozen=True)
class _Start:
    """A graph, its operators by norm, and how many of the view's augmenters it has been through."""

    graph: Graph
    base: dict[str, Operator]
    done: int = 0


class Views:
    """Draws the views of a recipe. What is drawn depends on (seed, view, epoch or step) alone.

    A view that is redrawn by epoch or once keeps its operators, so an SVD or a re-normalised graph is
    computed once. Views share what they have in common: the graph after the same augmenters that draw nothing
    (a diffusion, and then a shuffle or none), and its operators as long as no augmenter changes the edges.
    """

    def __init__(self, recipe: Recipe, task: Task, *, seed: int, device: torch.device) -> None:
        self._seed = seed
        self._task = task
        # Only its batches' graphs need fit on the device where a task samples them.
        here = torch.device("cpu") if getattr(task, "hops", 0) else device
        self._graphs = {name: _moved(graph, here) for name, graph in task.graphs.items()}
        self._learned = learned_augmenters(recipe.tree)
        self._plans = {name: self._plan(name, spec) for name, spec in recipe["views"].items()}
        self._kept: dict[str, tuple[int, View]] = {}
        self._prepared: dict[tuple[str, str], Any] = {}
        self._clean: dict[str, dict[str, Operator]] = defaultdict(dict)
        self._fixed: dict[tuple[str, ...], _Start] = {}

    def _plan(self, name: str, spec: Mapping[str, Any]) -> _Plan:
        augmenters, redraw = [], "once"
        for label, options in spec["augment"].items():
            part = resolve("augmenter", part_name(label))
            stochastic, same = part.meta.get("stochastic", True), part.meta.get("edges") == "same"
            learned = self._learned.get((name, label), "")
            if learned and spec["redraw"] not in ("", "step"):
                raise UserError(f"views.{name}: {label} is trained at every step, so 'redraw' can only be 'step'")
            stochastic = stochastic or bool(learned)
            module = None if learned else self._built(name, label, part.name, spec)
            augmenters.append(
                _Augmenter(label, part.meta["level"], module, f"{part.name} {options}", stochastic, same, learned)
            )
            if stochastic:
                redraw = "step"
            if part.meta.get("per_call") and spec["redraw"] not in ("", "step"):
                raise UserError(f"views.{name}: {label} draws at every product, so 'redraw' can only be 'step'")
        levels = [augmenter.level for augmenter in augmenters]
        if levels != sorted(levels, key=["graph", "operator"].index):
            raise UserError(f"views.{name}.augment: graph-level augmenters come before operator-level ones")
        source = build_named("source", spec["source"], task=self._task)
        return _Plan(spec["of"], augmenters, spec["redraw"] or redraw, source)

    def _built(self, name: str, label: str, part: str, spec: Mapping[str, Any]) -> nn.Module:
        generator, graph = self._generator("init", name, label), _field(self._graphs, spec["of"])
        options = spec["augment"][label]
        module: nn.Module = build("augmenter", part, options, generator=generator, graph=graph, task=self._task)
        longest, most = getattr(self._task, "max_len", 0), getattr(module, "max_len", 0)
        if most and most < longest:  # it would cut records that the data gives whole
            path = f"views.{name}.augment.{label}.max_len"
            raise UserError(
                f"{path} is {most:,} and data.max_len is {longest:,}: histories would be cut; set {path}={longest}"
            )
        return module

    def _generator(self, *purpose: str | int) -> torch.Generator:
        return seeds.generator(self._seed, "view", *purpose)

    def parts(self) -> dict[str, nn.Module | None]:
        """VIEW.LABEL -> the augmenter; None where the model has it, which trains it."""
        return {f"{name}.{one.label}": one.module for name, plan in self._plans.items() for one in plan.augmenters}

    def describe(self) -> dict[str, dict[str, Any]]:
        """VIEW.LABEL -> what an augmenter says of itself for the record of a run, where it says anything."""
        of = self.parts()
        return {label: module.describe() for label, module in of.items() if hasattr(module, "describe")}  # type: ignore[operator,union-attr]

    def learned(self, name: str) -> list[str]:
        """Names of the trained augmenters of a view."""
        return self._plans[name].learned

    def draw(
        self, name: str, *, epoch: int, step: int, batch: Batch | None = None, call: Call | None = None
    ) -> View:
        """The view as of this epoch and step; of the batch's own graphs where it has some.

        Args:
            name: The view.
            epoch: Epoch, from 0.
            step: Number of the drawing.
            batch: The step's examples.
            call: Applies an augmenter that is trained, by its name in the model. Such a view is made anew each time.

        Raises:
            UserError: the view has a trained augmenter, and there is no model to ask.
        """
        plan = self._plans[name]
        if batch is not None and batch.graphs:
            return self._drawn(name, plan, _Start(_field(batch.graphs, plan.of), {}), step, call)
        if plan.learned:
            return self._drawn(name, plan, self._start(name, plan), step, call)
        when = {"once": 0, "epoch": epoch, "step": step}[plan.redraw]
        kept = self._kept.get(name)
        if kept is not None and kept[0] == when:
            return kept[1]
        self._kept.pop(name, None)  # before drawing: two of them need not fit in memory
        view = self._drawn(name, plan, self._start(name, plan), when)
        self._kept[name] = (when, view)
        return view

    def records(self, name: str, batch: Batch, *, generator: torch.Generator) -> tuple[Batch, int]:
        """The batch that a view is made of: of the partners, where its source pairs whole examples.

        Args:
            name: The view.
            batch: The step's examples, with graphs of their own.
            generator: Source of the draws.

        Returns:
            The batch, its graphs those of the partners, and how many examples had none.
        """
        source: Any = self._plans[name].source
        if not getattr(source, "of_records", False):
            return batch, 0
        found = source(batch.ids.cpu(), next(iter(self._graphs.values())), generator=generator)
        graphs = self._task.records(found.ids)  # type: ignore[attr-defined]
        moved = {field: _moved(graph, batch.ids.device) for field, graph in graphs.items()}
        return replace(batch, graphs=moved), int(found.alone.sum())

    def source_reads(self, name: str, node_type: str) -> dict[str, str]:
        """The addresses of what the view's source reads."""
        reads = getattr(self._plans[name].source, "reads", {})
        return {key: at_type(address, node_type) for key, address in reads.items()}

    def partners(
        self,
        name: str,
        ids: Tensor,
        node_type: str,
        inputs: Mapping[str, Tensor],
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
    ) -> Partners:
        """Whose rows of the view stand for the anchors ``ids``, in the batch's own graph where it is sampled.

        Args:
            name: The view.
            ids: [B], positions in the graph.
            node_type: "" in a homogeneous graph.
            inputs: What the source reads.
            generator: Source of the draws.
            batch: The step's examples.

        Raises:
            UserError: what the source reads is of the whole graph, and the batch's is a piece of it.
        """
        plan = self._plans[name]
        if getattr(plan.source, "of_records", False):
            raise UserError(f"views.{name}.source pairs whole examples, not their nodes: read its level graphs")
        sampled = batch is not None and batch.nodes is not None
        known = [*inputs, *getattr(plan.source, "of_whole_graph", ())]
        if sampled and known:
            raise UserError(f"views.{name}.source reads {', '.join(known)} of the whole graph; leave data.fanout out")
        graphs = batch.graphs if batch is not None and sampled else self._graphs
        return plan.source(ids, _field(graphs, plan.of), node_type=node_type, **inputs, generator=generator)

    def clean(self, of: str = "") -> View:
        """The task's graph as it is."""
        return View(_field(self._graphs, of), base=self._clean[of])

    def _start(self, name: str, plan: _Plan) -> _Start:
        """The task's graph after the augmenters that come first and draw nothing, computed once."""
        start = _Start(_field(self._graphs, plan.of), self._clean[plan.of])
        original, path = start.graph, tuple[str, ...]([plan.of])
        for augmenter in plan.augmenters:
            if augmenter.stochastic or augmenter.level != "graph":
                break
            path = (*path, augmenter.spec)
            if path not in self._fixed:
                self._fixed[path] = self._changed(name, plan, augmenter, start, original, 0)
            start = self._fixed[path]
        return start

    def _drawn(self, name: str, plan: _Plan, start: _Start, when: int, call: Call | None = None) -> View:
        transforms: list[Callable[[Operator], Operator]] = []
        original = _field(self._graphs, plan.of) if start.done else start.graph
        for augmenter in plan.augmenters[start.done :]:
            if augmenter.level == "graph":
                start = self._changed(name, plan, augmenter, start, original, when, call)
            elif augmenter.module is not None:
                transforms.append(partial(augmenter.module, generator=self._generator(name, augmenter.label, when)))
        return View(start.graph, transforms, base=start.base)

    def _changed(
        self,
        name: str,
        plan: _Plan,
        augmenter: _Augmenter,
        start: _Start,
        original: Graph,
        when: int,
        call: Call | None = None,
    ) -> _Start:
        """After one more graph-level augmenter."""
        prepared = self._of_graph(name, plan, augmenter, original)
        generator = self._generator(name, augmenter.label, when)
        if getattr(augmenter.module, "shares_draws", False):  # with all views of a step
            prepared = {**prepared, "shared": self._generator("shared", augmenter.label, when)}
        if augmenter.learned and call is None:
            raise UserError(f"views.{name}: {augmenter.label} is trained, and there is no model to apply it")
        module: Any = partial(call, augmenter.learned) if augmenter.learned and call else augmenter.module
        graph = module(start.graph, generator=generator, **prepared)
        return _Start(graph, start.base if augmenter.keeps_edges else {}, start.done + 1)

    def _is_task_graph(self, plan: _Plan, graph: Graph) -> bool:
        """Whether it is the task's own, not one of a batch."""
        return graph is self._graphs.get(plan.of or next(iter(self._graphs)))

    def _of_graph(self, name: str, plan: _Plan, augmenter: _Augmenter, graph: Graph) -> dict[str, Any]:
        """What an augmenter wants to know of the graph before any augmentation; once for a graph of the task's."""
        prepare = getattr(augmenter.module, "prepare", None)
        if prepare is None:
            return {}
        if getattr(augmenter.module, "prepares_task", False):
            graph = _field(self._graphs, plan.of)  # whatever batch it is applied to
        if not self._is_task_graph(plan, graph):
            return {"prepared": prepare(graph)}  # a batch's own
        key = name, augmenter.label
        if key not in self._prepared:
            self._prepared[key] = prepare(graph)
        return {"prepared": self._prepared[key]}


def _field(graphs: Mapping[str, Graph], of: str) -> Graph:
    if of and of not in graphs:
        raise UserError(f"a view is 'of: {of}', but the task's records have the fields {', '.join(graphs)}")
    return graphs[of] if of else next(iter(graphs.values()))


def _moved(graph: Graph, device: torch.device) -> Graph:
    return graph if device.type == "cpu" else graph.clone().to(device)
