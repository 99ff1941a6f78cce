"""``graphcl inspect``: one sample of a file or folder as the graph that a recipe would see, in a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from graphcl.cli.options import DataRoot, Json, Overwrite, Quiet, argument, option
from graphcl.cli.output import Output
from graphcl.core.errors import UserError, suggestion
from graphcl.core.words import counted

if TYPE_CHECKING:
    from graphcl.data.graph_sets.graph_set import GraphSet

_PICTURES = (".png", ".svg", ".pdf")
#: The task whose kinds of data these are.
_TASK = "graph"
#: A kind of data that is found by its files -> others whose files look the same.
_OTHERS = {"series_set": ("roi_set", "device_set")}


def inspect(
    file: Annotated[str, argument("FILE", "File or folder of images, series, sounds, scans, code, graphs; or a set.")],
    settings: Annotated[
        list[str] | None, argument("KEY=VALUE...", "Options of its data, data.patch=4; else those that training has.")
    ] = None,
    kind: Annotated[str, option("--kind", "NAME", "What it is (data.kind), where its files do not say.")] = "",
    sample: Annotated[str, option("--sample", "ID", "Which one: its number from 0, or its id (0).")] = "0",
    out: Annotated[Path | None, option("--out", "FILE", "Picture: .png, .svg or .pdf (NAME-ID.png, here).")] = None,
    overwrite: Overwrite = False,
    data_root: DataRoot = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw one sample as the graph that it becomes, and say what was read and what was skipped and why."""
    import torch

    output = Output(as_json=json, quiet=quiet)
    found, data = _read(file, kind, list(settings or []), data_root)
    number = _number(sample, data)
    name = data.ids[number] if data.ids else str(number)
    stems = dict.fromkeys([Path(file).stem, Path(name).stem or str(number)])
    picture = out or Path(f"{'-'.join(stems)}.png")
    from graphcl.report.sample import draw_sample
    from graphcl.serve.export import require_output

    require_output(picture, overwrite=overwrite, endings=_PICTURES)
    if not kind and found in _OTHERS and Path(file).exists():
        output.say(f"{file} is taken for data.kind={found}; --kind {' or '.join(_OTHERS[found])} reads it otherwise")
    for line in data.report.lines():
        output.say(line)
    graph = data.packed.batch(torch.tensor([number]))
    label = int(data.labels[number])
    of_class = "" if label < 0 else data.class_names[label] if data.class_names else str(label)
    told = draw_sample(picture, graph, f"{name}{f'  ({of_class})' if of_class else ''}", data.feature_names)
    value = {"out": str(picture), "kind": found, "id": name, "class": of_class or None, "graphs": len(data),
             "nodes": int(graph.num_nodes or 0), "edges": int(graph.num_edges)}
    output.result(
        value,
        lambda: f"{name}: {counted(graph.num_nodes or 0, 'node')}, {counted(graph.num_edges, 'edge')}"
        + (f", class {of_class}" * bool(of_class)) + f"; {picture} shows {told}",
    )


def _read(file: str, kind: str, settings: list[str], data_root: Path | None) -> tuple[str, GraphSet]:
    """The kind, and the data as the task's recipes read it."""
    from graphcl.core.config.data_kinds import data_kinds
    from graphcl.core.config.recipe import load_recipe
    from graphcl.data.cards import card_names, load_card
    from graphcl.data.kind_of import kind_of
    from graphcl.engine.prepare import load_data

    kinds = data_kinds(_TASK)
    if kind and kind not in kinds:
        raise UserError(f"--kind: {kind!r}{suggestion(kind, kinds)}")
    path = Path(file)
    if not path.exists() and file in card_names():
        card = load_card(file)
        if card.task != _TASK:
            raise UserError(f"{file} is a data set for the task {card.task!r}; what is drawn are sets of graphs")
        found, where = card.kind or kinds[0], f"data.name={file}"
    else:
        found, where = kind or kind_of(path), f"data.path={file}"
    wrong = next((text for text in settings if not text.startswith("data.")), None)
    if wrong is not None:
        raise UserError(f"{wrong!r}: only data.* can be set here")
    recipe = load_recipe("infograph", [f"data={{kind: {found}}}", where, *settings])
    data: Any = load_data(recipe, data_root=data_root)
    return found, data


def _number(sample: str, data: GraphSet) -> int:
    """The position of a sample by number or id.

    Raises:
        UserError: there is none; names the nearest.
    """
    if data.ids and sample in data.ids:
        return data.ids.index(sample)
    if sample.isdigit() and int(sample) < len(data) and not _left_out(int(sample), data.ids):
        return int(sample)
    known = data.ids or []
    hint = suggestion(sample, known) if known and not sample.isdigit() else f"; there are {len(data):,}, from 0"
    raise UserError(f"--sample: no sample {sample!r}{hint if len(hint) < 300 else ''}")


def _left_out(number: int, ids: list[str] | None) -> bool:
    """Whether it is none of ids that are numbers themselves, but lies among them."""
    if not ids or not all(name.isdigit() for name in ids):
        return False
    return min(map(int, ids)) <= number <= max(map(int, ids))
