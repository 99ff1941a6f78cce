"""A recipe's parts as one module: everything that is trained, or changed by a rule, is in its state_dict."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from graphcl.core import seeds
from graphcl.core.address import parse_address
from graphcl.core.build import build
from graphcl.core.config.addresses import addresses
from graphcl.core.config.learned import learned_augmenters
from graphcl.core.config.levels import in_order
from graphcl.core.config.recipe import Recipe
from graphcl.core.config.tree import PART_MAPPINGS, part_name
from graphcl.core.errors import UserError
from graphcl.core.words import counted
from graphcl.encode.base import Graph
from graphcl.objective.base import Term
from graphcl.tasks.base import Task


class Model(nn.Module):
    """Learned augmenters, towers, heads, latents, terms, regularizers and states, built for a task's graphs.

    Raises:
        UserError: a part cannot be built for this data (the message names the part).
    """

    def __init__(self, recipe: Recipe, task: Task, *, seed: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.augmenters = nn.ModuleDict()
        self.towers = nn.ModuleDict()
        self.heads = nn.ModuleDict()
        self.latents = nn.ModuleDict()
        self.terms = nn.ModuleDict()
        self.states = nn.ModuleDict()
        self._seed = seed
        self._widths: dict[str, int] = {}
        fields = _fields_of_towers(recipe, task)
        for (view, label), name in learned_augmenters(recipe.tree).items():
            if name not in self.augmenters:
                spec = recipe["views"][view]
                graph = task.graphs[spec["of"] or next(iter(task.graphs))]
                options, at = spec["augment"][label], ("augmenter", name)
                self.augmenters[name] = self._part("augmenter", part_name(label), options, at, graph=graph, task=task)
        for name, spec in recipe["towers"].items():
            context = {"graph": task.graphs[fields[name]], "task": task}
            self.towers[name] = self._part("tower", spec["name"], _options(spec), ("tower", name), **context)
        self._refuse_no_shares()
        self._refuse_lacking(task)
        self._refuse_foresight(task)
        self._refuse_whole_graphs(task)
        self._refuse_long_records(task)
        for group, name in in_order(recipe.tree):
            spec, kind = recipe[group][name], PART_MAPPINGS[group]
            context = {"in_dim": self._width(spec), "graph": task.graphs[fields[spec["tower"]]]}
            part = self._part(kind, spec["name"], _options(spec, "of", "tower"), (group, name), **context)
            getattr(self, group)[name] = part
            self._widths[name] = getattr(part, "out_dim", context["in_dim"])
        for group in ("terms", "regularizers"):
            for label, options in recipe[group].items():
                context = {
                    "towers": dict(self.towers),
                    "heads": dict(self.heads),
                    "task": task,
                    "views": recipe["views"],
                    "width_of": partial(self._width_of, task.types),
                }
                self.terms[label] = self._part(group[:-1], part_name(label), options, (group, label), **context)
        for name, spec in recipe["states"].items():
            steps = recipe["train.epochs"] * task.num_batches(recipe["train.batch_size"])
            context = {"task": task, "steps": steps, "width_of": partial(self._width_of, task.types)}
            if "of" in spec:
                context["module"] = nn.ModuleDict({owner: self.module(owner) for owner in _names(spec["of"])})
            self.states[name] = self._part("state", spec["name"], _options(spec), ("state", name), **context)

    def _refuse_no_shares(self) -> None:
        """Refuse to embed shares of a tower that gives none.

        Raises:
            UserError: names the tower and what to do.
        """
        name, level = self.recipe["embed.tower"], self.recipe["embed.level"]
        if level == "shares" and name in self.towers and getattr(self.towers[name], "shares", None) is None:
            raise UserError(f"embed.level: tower '{name}' gives no shares; set its thresholds, or embed.level=graphs")

    def _refuse_lacking(self, task: Task) -> None:
        """Refuse addresses of rows that batches of this data do not have.

        Raises:
            UserError: names the address and what to do.
        """
        lacking: Mapping[str, str] = getattr(task, "lacking", {})
        for path, text, _ in addresses(dict(self.recipe.tree)) if lacking else ():
            rows = parse_address(text, task.types).rows
            if rows is not None and rows in lacking:
                raise UserError(f"{path}: {text}: batches have no rows [{rows}] here; set {lacking[rows]}")

    def _refuse_foresight(self, task: Task) -> None:
        """Refuse to read, of a tower that is not causal, nodes whose target the tower has read.

        Raises:
            UserError: names the address and what to do.
        """
        ahead: Mapping[str, str] = getattr(task, "ahead", {})
        for path, text, _ in addresses(dict(self.recipe.tree)) if ahead else ():
            address = parse_address(text, task.types)
            if address.rows is None or address.rows not in ahead or address.tower not in self.towers:
                continue
            if not getattr(self.towers[address.tower], "causal", True):
                kind = self.recipe["towers"][address.tower]["name"]
                raise UserError(
                    f"{path}: tower '{address.tower}' ({kind}) lets a node see later ones, so that {text} would be "
                    f"told what it is to predict; set {ahead[address.rows]}, or take a causal tower"
                )

    def _refuse_whole_graphs(self, task: Task) -> None:
        """Refuse what takes the whole graph where batches have pieces of it, which reach ``task.hops`` far.

        Raises:
            UserError: names the tower or the option and what to do.
        """
        hops, block = getattr(task, "hops", 0), self.recipe["embed"]
        if not hops:
            return
        asked = [f"embed.{name}" for name in ("view", "latents") if block[name]]
        if asked or block["level"] in ("graphs", "shares"):
            what = " and ".join(asked) or f"embed.level={block['level']}"
            raise UserError(f"{what}: with data.fanout the nodes of the graph as it is are embedded; leave it out")
        for name, tower in self.towers.items():
            kind, needed = self.recipe["towers"][name]["name"], getattr(tower, "hops", None)
            if needed is None:
                raise UserError(
                    f"towers.{name}: {kind} encodes only whole graphs, and with data.fanout the graph is embedded in "
                    "blocks of nodes; use gcn or mlp, or leave data.fanout out"
                )
            if needed > hops:
                raise UserError(
                    f"data.fanout: neighbours of {counted(hops, 'hop')} are drawn and towers.{name} ({kind}) reads "
                    f"{needed}; give {needed} numbers, 0 for all neighbours of a hop"
                )

    def _refuse_long_records(self, task: Task) -> None:
        """Refuse towers that read less of a record than the data gives, which would end a run at its evaluation.

        Raises:
            UserError: names the tower and what to do.
        """
        longest = getattr(task, "max_len", 0)
        for name, tower in self.towers.items():
            most = getattr(tower, "max_len", longest)
            if most < longest:
                key = "encoder.max_len" if name == "main" else f"towers.{name}.max_len"
                raise UserError(
                    f"{key}: the tower reads {most:,} nodes of a chain and data.max_len is {longest:,}; "
                    f"set {key}={longest}, or data.max_len={most}"
                )

    def _width(self, spec: Mapping[str, Any]) -> int:
        """Columns of what a head is applied to."""
        tower: Any = self.towers[spec["tower"]]
        return self._widths.get(spec["of"], _own_width(tower, spec["of"]))

    def _width_of(self, types: Collection[str], text: str) -> int:
        """Columns of the rows at an address.

        Raises:
            UserError: the width is not known before data flows.
        """
        address = parse_address(text, types)
        states = self.recipe["states"]
        tower = _names(states[address.tower]["of"])[0] if address.tower in states else address.tower
        if address.root != "encoded" or address.level in ("layers", "messages"):
            raise UserError(f"address {text!r}: name nodes, graphs, a head or a latent here; their widths are known")
        encoder: Any = self.towers[tower]
        return self._widths.get(address.level, _own_width(encoder, address.level))

    def _part(self, kind: str, name: str, options: Mapping[str, Any], at: tuple[str, str], **context: Any) -> nn.Module:
        """A part whose initial weights depend on the seed and its place: from its generator, or, in the code of
        libraries that know no other, the global one."""
        with seeds.global_rng(self._seed, "init", *at):
            return build(kind, name, options, generator=seeds.generator(self._seed, "init", *at), **context)

    def module(self, owner: str) -> nn.Module:
        """The learned augmenter, tower, head, latent, term or state of that name."""
        for group in (self.augmenters, self.towers, self.heads, self.latents, self.terms, self.states):
            if owner in group:
                return group[owner]
        raise UserError(f"the recipe has no part named {owner!r}")

    def augment(self, name: str, graph: Graph, **given: Any) -> Graph:
        """A graph through the augmenter that is trained under this name."""
        return self.augmenters[name](graph, **given)

    def term(self, label: str) -> Term:
        """A term or regularizer by label."""
        return self.terms[label]  # type: ignore[return-value]

    def trainable(self, owners: Iterable[str] = ()) -> dict[str, Tensor]:
        """Name -> parameter of the named owners (all when none is named), states excluded."""
        wanted = list(owners)
        groups = ("augmenters", "towers", "heads", "latents", "terms")
        prefixes = [f"{group}.{owner}." for group in groups for owner in wanted] or [f"{group}." for group in groups]
        return {
            name: parameter
            for name, parameter in self.named_parameters()
            if parameter.requires_grad and name.startswith(tuple(prefixes))
        }


def _own_width(tower: Any, level: str) -> int:
    """Columns of a tower's own level."""
    return int(getattr(tower, "graphs_dim", tower.out_dim) if level == "graphs" else tower.out_dim)


def _names(of: str | list[str]) -> list[str]:
    return [of] if isinstance(of, str) else list(of)


def _options(spec: Mapping[str, Any], *leave_out: str) -> dict[str, Any]:
    return {key: value for key, value in spec.items() if key not in ("name", *leave_out)}


def _fields_of_towers(recipe: Recipe, task: Task) -> dict[str, str]:
    """Tower -> the record field whose graph gives it its sizes: what `embed.towers` says, else the only field."""
    by_tower = {tower: field for field, tower in recipe["embed.towers"].items()}
    default = next(iter(task.graphs))
    fields = {}
    for name in recipe["towers"]:
        field = by_tower.get(name, default)
        if field not in task.graphs:
            known = ", ".join(task.graphs)
            raise UserError(f"embed.towers: the task's records have no field {field!r}; fields: {known}")
        fields[name] = field
    return fields
