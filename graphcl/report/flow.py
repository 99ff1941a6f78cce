"""A recipe's data flow as a picture in text. Imports no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphcl.core import schema
from graphcl.core.config.addresses import addresses
from graphcl.core.config.data_kinds import data_part
from graphcl.core.config.recipe import Recipe
from graphcl.core.config.tree import PART_LISTS, part_name
from graphcl.report.settings import shown


def draw_flow(recipe: Recipe) -> str:
    """Data -> graph -> views -> towers -> heads, latents, states -> terms -> step -> embed.

    Every part is shown with the options that are written in the recipe or differ from their defaults.
    """
    tree = recipe.tree
    heading = [tree.get("title") or recipe.name, *([tree["paper"]] if tree.get("paper") else [])]
    sections = [(title, lines) for title, lines in _Drawing(recipe).sections() if lines]
    return "\n".join([*heading, "", *_picture(sections)])


def _picture(sections: Sequence[tuple[str, list[str]]]) -> Iterator[str]:
    for number, (title, items) in enumerate(sections):
        if number:
            yield "   │"
            yield "   ▼"
        if len(items) == 1 and "\n" not in items[0]:
            yield f"{title}: {items[0]}"
            continue
        yield title
        for position, item in enumerate(items):
            last = position == len(items) - 1
            first, *rest = item.split("\n")
            yield f"   {'└─' if last else '├─'} {first}"
            yield from (f"   {'  ' if last else '│ '}      {line}" for line in rest)


class _Drawing:
    """The lines of each section of the picture."""

    def __init__(self, recipe: Recipe) -> None:
        self.tree, self.origins = recipe.tree, recipe.origins
        self.task = schema.part_schema("task", self.tree["task"])["meta"]
        #: dotted path of an option -> the addresses that it holds
        self.read: dict[str, list[str]] = defaultdict(list)
        for path, address, _ in addresses(dict(self.tree)):
            self.read[path].append(address)

    def sections(self) -> Iterator[tuple[str, list[str]]]:
        tree = self.tree
        yield "data", [self._data()]
        yield "graph", [self._graph()]
        yield "views", [self._view(name, view) for name, view in tree["views"].items()]
        yield "towers", [self._named("tower", f"towers.{name}", spec) for name, spec in tree["towers"].items()]
        yield "heads", [self._on_latents("head", f"heads.{name}", spec) for name, spec in tree["heads"].items()]
        yield "latents", [self._on_latents("augmenter", f"latents.{n}", spec) for n, spec in tree["latents"].items()]
        yield "states", [self._named("state", f"states.{name}", spec) for name, spec in tree["states"].items()]
        for key, kind in PART_LISTS.items():
            yield key, [self._term(kind, f"{key}.{label}", options) for label, options in tree[key].items()]
        yield "phases", [f"{name}: {self._options(f'phases.{name}', p, {})}" for name, p in tree["phases"].items()]
        yield "step", [self._step()]
        yield "embed", [self._embed()]

    def _data(self) -> str:
        data = self.tree["data"]
        return f"{data.get('path') or data.get('name') or '?'}  ({data_part(self.tree['task'], data)})"

    def _graph(self) -> str:
        nodes = f"nodes {', '.join(self.task['types'])}" if self.task.get("types") else "nodes of one type"
        return f"{nodes}, training part only; task {self.tree['task']}"

    def _view(self, name: str, view: Mapping[str, Any]) -> str:
        parts = [
            self._part("augmenter", part_name(label), f"views.{name}.augment.{label}", options)
            for label, options in view["augment"].items()
        ]
        text = f"{name}: " + (" → ".join(parts) or "as it is")
        text += f"  of {view['of']}" if view["of"] else ""
        text += {"step": "  drawn anew each step", "epoch": "  drawn anew each epoch", "once": "  drawn once"}.get(
            view["redraw"], ""
        )
        return text + (f"  propagates the layers of view {view['hidden_of']}" if view["hidden_of"] else "")

    def _on_latents(self, kind: str, path: str, spec: Mapping[str, Any]) -> str:
        own = {key: value for key, value in spec.items() if key not in ("of", "tower")}
        return f"{self._named(kind, path, own)}  on {spec.get('of', 'nodes')} of {spec.get('tower', 'main')}"

    def _term(self, kind: str, path: str, options: Mapping[str, Any]) -> str:
        label = path.partition(".")[2]
        described = schema.part_schema(kind, part_name(label))["options"]
        plain = {name: value for name, value in options.items() if name != "weight"}
        head = f"{label} x {shown(options.get('weight', 1.0))}  {self._options(path, plain, described)}"
        return self._with_addresses(head, path, options)

    def _named(self, kind: str, path: str, spec: Mapping[str, Any]) -> str:
        options = {key: value for key, value in spec.items() if key != "name"}
        head = f"{path.partition('.')[2]} = {self._part(kind, spec['name'], path, options)}"
        return self._with_addresses(head, path, options)

    def _with_addresses(self, head: str, path: str, options: Mapping[str, Any]) -> str:
        """Addresses follow one a line: side by side they could not be read."""
        lines = [
            f"{name}: {' + '.join(self.read[f'{path}.{name}'])}" for name in options if f"{path}.{name}" in self.read
        ]
        return "\n".join([head.rstrip(), *lines])

    def _part(self, kind: str, name: str, path: str, options: Mapping[str, Any]) -> str:
        return f"{name}({self._options(path, options, schema.part_schema(kind, name)['options'])})"

    def _options(self, path: str, options: Mapping[str, Any], described: Mapping[str, Any]) -> str:
        """``name=value`` of what is written somewhere or differs from the default, addresses left out."""
        return ", ".join(
            f"{name}={shown(value)}"
            for name, value in options.items()
            if f"{path}.{name}" not in self.read
            and (f"{path}.{name}" in self.origins or value != described.get(name, {}).get("default"))
            and value not in ("", [], {}, None)
        )

    def _step(self) -> str:
        train = self.tree["train"]
        size = f"batches of {train['batch_size']:,}" if train["batch_size"] else "all examples at once"
        patience = f", stops after {train['patience']} without a better one" if train["patience"] else ""
        judge = "the training loss" if train["monitor"] == "loss" else f"{train['monitor']} on validation"
        return (
            f"{train['optimizer']}(lr={train['lr']:g}), {size}, at most {train['epochs']:,} epochs; "
            f"best epoch by {judge}{patience}"
        )

    def _embed(self) -> str:
        block = self.tree["embed"]
        if block["latents"]:
            joint = " + " if block["combine"] == "sum" else ", "
            return f"{joint.join(block['latents'])} → evaluation, and every command on the run"
        view = f"view {block['view']}" if block["view"] else "the graph without augmentation"
        towers = ", ".join(f"{tower} of {field}" for field, tower in block["towers"].items()) or block["tower"]
        return f"{block['level'] or 'latents'} of tower {towers} on {view} → evaluation, and every command on the run"
