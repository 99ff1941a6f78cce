"""A recipe's data flow as a picture in text. Imports no torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from graphcl.core import schema
from graphcl.core.config.check import addresses
from graphcl.core.config.recipe import Recipe
from graphcl.core.config.tree import PART_LISTS, part_name
from graphcl.report.settings import shown


def draw_flow(recipe: Recipe) -> str:
    """Data -> graph -> views -> towers -> heads, latents, states -> terms -> step -> embed.

    Every part is shown with the options that differ from its defaults.
    """
    tree = recipe.tree
    read: dict[str, list[str]] = defaultdict(list)
    for path, address, _ in addresses(dict(tree)):
        read[path].append(address)
    sections: list[tuple[str, list[str]]] = [
        ("data", [_data(tree)]),
        ("graph", [_graph(tree)]),
        ("views", [_view(name, view) for name, view in tree["views"].items()]),
        ("towers", [f"{name} = {_named('tower', spec)}" for name, spec in tree["towers"].items()]),
        ("heads", [_on_latents("head", name, spec) for name, spec in tree["heads"].items()]),
        ("latents", [_on_latents("augmenter", name, spec) for name, spec in tree["latents"].items()]),
        ("states", list(_states(tree["states"], read))),
        *((key, list(_terms(key, kind, tree[key], read))) for key, kind in PART_LISTS.items()),
        ("phases", [f"{name}: {_changed(phase, {})}" for name, phase in tree["phases"].items()]),
        ("step", [_step(tree["train"])]),
        ("embed", [_embed(tree)]),
    ]
    heading = [tree.get("title") or recipe.name]
    heading += [tree["paper"]] if tree.get("paper") else []
    return "\n".join([*heading, "", *_picture([(title, lines) for title, lines in sections if lines])])


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


def _data(tree: Mapping[str, Any]) -> str:
    data = tree["data"]
    kind = schema.part_schema("task", tree["task"])["meta"]["data"]
    return f"{data.get('path') or data.get('name') or '?'}  ({kind})"


def _graph(tree: Mapping[str, Any]) -> str:
    types = schema.part_schema("task", tree["task"])["meta"].get("types") or []
    nodes = "nodes: " + ", ".join(types) if types else "one type of nodes"
    return f"{nodes}; task {tree['task']}; training part only"


def _view(name: str, view: Mapping[str, Any]) -> str:
    steps = [_part("augmenter", part_name(label), options) for label, options in view["augment"].items()]
    text = f"{name}: " + (" → ".join(steps) or "as it is")
    text += f"  of {view['of']}" if view["of"] else ""
    text += f"  drawn anew each {view['redraw']}" if view["redraw"] in ("step", "epoch") else ""
    text += "  drawn once" if view["redraw"] == "once" else ""
    return text + (f"  propagates the layers of view {view['hidden_of']}" if view["hidden_of"] else "")


def _on_latents(kind: str, name: str, spec: Mapping[str, Any]) -> str:
    part = _named(kind, spec, "of", "tower")
    return f"{name} = {part}  on {spec.get('of', 'nodes')} of {spec.get('tower', 'main')}"


def _reading(head: str, path: str, options: Mapping[str, Any], read: Mapping[str, list[str]]) -> str:
    """A part that reads addresses: they follow one a line, side by side they could not be read."""
    lines = [f"{name}: {' + '.join(read[f'{path}.{name}'])}" for name in options if f"{path}.{name}" in read]
    return "\n".join([head.rstrip(), *lines])


def _terms(key: str, kind: str, terms: Mapping[str, Mapping[str, Any]], read: Mapping[str, list[str]]) -> Iterator[str]:
    for label, options in terms.items():
        described = schema.part_schema(kind, part_name(label))["options"]
        plain = {name: value for name, value in options.items() if f"{key}.{label}.{name}" not in read}
        weight = shown(plain.pop("weight", 1.0))
        yield _reading(f"{label} x {weight}  {_changed(plain, described)}", f"{key}.{label}", options, read)


def _states(states: Mapping[str, Mapping[str, Any]], read: Mapping[str, list[str]]) -> Iterator[str]:
    for name, spec in states.items():
        plain = {option: value for option, value in spec.items() if f"states.{name}.{option}" not in read}
        yield _reading(f"{name} = {_named('state', plain)}", f"states.{name}", spec, read)


def _named(kind: str, spec: Mapping[str, Any], *leave_out: str) -> str:
    options = {key: value for key, value in spec.items() if key not in ("name", *leave_out)}
    return _part(kind, spec["name"], options)


def _part(kind: str, name: str, options: Mapping[str, Any]) -> str:
    changed = _changed(options, schema.part_schema(kind, name)["options"])
    return f"{name}({changed})"


def _changed(options: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    """``name=value`` of what differs from the default."""
    return ", ".join(
        f"{name}={shown(value)}"
        for name, value in options.items()
        if value != described.get(name, {}).get("default", None) and value not in ("", [], {})
    )


def _step(train: Mapping[str, Any]) -> str:
    size = f"batches of {train['batch_size']:,}" if train["batch_size"] else "all examples at once"
    best = f"best epoch by {train['monitor']} on validation"
    patience = f", stops after {train['patience']} without a better one" if train["patience"] else ""
    return f"{train['optimizer']}(lr={train['lr']:g}), {size}, at most {train['epochs']:,} epochs; {best}{patience}"


def _embed(tree: Mapping[str, Any]) -> str:
    block = tree["embed"]
    view = f"view {block['view']}" if block["view"] else "the graph without augmentation"
    return f"{block['level'] or 'nodes'} of tower {block['tower']} on {view} → evaluation, recommend, embed"
