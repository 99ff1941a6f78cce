"""What holds of every data part, task, baseline and probe: the smallest example works, and metrics are fractions."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graphcl.core.build import build
from graphcl.core.config.data_kinds import data_kinds
from graphcl.core.registry import Part
from graphcl.core.seeds import generator
from graphcl.data.graphs.links import hold_out_links
from graphcl.data.graphs.splits import NodeSplit
from graphcl.data.window_sets.packed import PackedWindows
from graphcl.tasks.base import Batch, Task
from graphcl.tasks.probes.base import ClassCase, ClassProbe, FutureCase, Labelled, LinkCase

from .toys import parts

DIM = 8
all_data = pytest.mark.parametrize("part", parts("data"), ids=lambda part: part.name)
#: Options of the graph task over other kinds of data than its own.
OF_A_KIND = {"folds": 3, "probe": "linear", "probe_options": {"grid": [1.0]}, "baselines": ["flat_features"]}

def _options(kind: str) -> dict[str, Any]:
    """Programs have no ``x`` that a baseline could flatten, and are judged by what they retrieve."""
    if kind == "images":
        return {**OF_A_KIND, "baselines": ["flat_features", "hog"]}
    if kind == "window_set":
        return {"probe": "forecast", "probe_options": {"horizons": [1, 3]}, "baselines": ["flat_features"]}
    if kind == "roi_set":
        return {**OF_A_KIND, "baselines": ["connectivity"]}
    programs = {"folds": 3, "probe": "map_at_r", "baselines": ["token_jaccard"]}
    if kind == "code_pairs":
        return {}
    return programs if kind == "code_set" else OF_A_KIND


TASKS = [
    part if kind == part.meta["data"] else replace(part, example=_options(kind), meta={**part.meta, "data": kind})
    for part in parts("task")
    for kind in data_kinds(part.name)
]
all_tasks = pytest.mark.parametrize("part", TASKS, ids=lambda part: f"{part.name}-{part.meta['data']}")
all_probes = pytest.mark.parametrize("part", parts("probe"), ids=lambda part: part.name)
_LOADED: dict[str, Any] = {}


def load(name: str) -> Any:
    """The smallest example of a data part, read once."""
    if name not in _LOADED:
        example = next(part.example for part in parts("data") if part.name == name)
        _LOADED[name] = build("data", name, example or {}, data_root=None).load(seed=0)
    return _LOADED[name]


def make(part: Part) -> Task:
    return build("task", part.name, part.example or {}, data=load(part.meta["data"]))


def embeddings(task: Task, split: str, seed: int = 0) -> dict[str, Tensor]:
    """Random ones of the sizes that the task judges."""
    if hasattr(task, "examples"):
        count = sum(len(batch.ids) for batch in task.examples(split))
        sizes = {field: count for field in task.graphs}
        chain = task.graphs.get("chain", {})
        sizes |= {"item": int(chain.num_items)} if chain else {}  # the table that chains are compared with
    else:
        (graph,) = task.graphs.values()
        sizes = {name: int(graph[name].num_nodes) for name in task.types} or {"": int(graph.num_nodes or 0)}
    return {name: torch.randn(size, DIM, generator=generator(seed, name)) for name, size in sizes.items()}


def monitor_of(task: Task) -> str:
    """The first metric of the probe where the task judges by one, else the task's own."""
    probe = getattr(task, "probe", None)
    return task.monitor if probe is None else probe.metrics[0]


def check_metrics(metrics: Mapping[str, float]) -> None:
    """Fractions, but for errors, which have no upper bound, and skill, which is below 0 where errors are large."""
    assert metrics
    for name, value in metrics.items():
        assert isinstance(value, float), name
        assert value >= 0.0 or name == "skill", f"{name} = {value}"
        assert value <= 1.0 or name.partition("@")[0] in ("error", "mse", "mae"), f"{name} = {value}"


# --- data ------------------------------------------------------------------------------------------


@all_data
def test_data_follow_from_the_seed_and_say_what_they_are(part: Part, tmp_path: Path) -> None:
    first = load(part.name)
    again = build("data", part.name, part.example or {}, data_root=None).load(seed=0)
    assert first.report.split_hash == again.report.split_hash
    assert first.report.lines()
    json.dumps(first.report.to_dict())
    if hasattr(first, "save"):
        first.save(tmp_path / "kept")
        kept = part.cls.read(tmp_path / "kept")  # type: ignore[attr-defined]
        assert kept.report.split_hash == first.report.split_hash


def test_every_data_part_belongs_to_a_task() -> None:
    assert {part.name for part in parts("data")} == {part.meta["data"] for part in TASKS}


# --- tasks -----------------------------------------------------------------------------------------


def ids(batch: Batch) -> list[Any]:
    """Everything a batch holds, as plain numbers."""
    rows = {
        name: value.tolist() if isinstance(value, Tensor) else {key: item.tolist() for key, item in value.items()}
        for name, value in batch.rows.items()
    }
    return [batch.ids.tolist(), rows]


@all_tasks
@pytest.mark.parametrize("size", [7, 0])
def test_batches_follow_from_the_seed_wherever_they_start(part: Part, size: int) -> None:
    task = make(part)
    batches = [ids(batch) for batch in task.batches(size, generator=generator(3))]
    assert len(batches) == task.num_batches(size)
    for start in (0, 1, len(batches) - 1, len(batches)):
        again = [ids(batch) for batch in make(part).batches(size, generator=generator(3), start=start)]
        assert again == batches[start:]
    other = [ids(batch) for batch in task.batches(size, generator=generator(4))]
    assert size == 0 or other != batches


@all_tasks
def test_batches_carry_the_rows_that_the_task_states(part: Part) -> None:
    task = make(part)
    assert tuple(part.meta["rows"]) == tuple(task.rows)
    assert tuple(part.meta["types"]) == tuple(task.types)
    assert part.meta["monitor"] == task.monitor
    assert task.data_part == data_kinds(part.name)[0]
    (first,) = task.graphs.values() if len(task.graphs) == 1 else [None]
    for batch in task.batches(5, generator=generator(3)):
        assert set(task.rows) - set(getattr(task, "lacking", {})) == set(batch.rows)
        assert batch.targets > 0
        for value in batch.rows.values():
            for name, positions in (value if isinstance(value, Mapping) else {"": value}).items():
                assert positions.dtype == torch.int64
                if first is not None and name in task.types:
                    assert int(positions.max()) < int(first[name].num_nodes)


@all_tasks
@pytest.mark.parametrize("split", ["valid", "test"])
def test_metrics_of_random_embeddings_are_fractions_and_repeat(part: Part, split: Any) -> None:
    task = make(part)
    first = task.evaluate(embeddings(task, split), split, seed=0)
    check_metrics(first)
    assert monitor_of(task) in first
    assert first == make(part).evaluate(embeddings(task, split), split, seed=0)


@all_tasks
def test_metrics_of_embeddings_that_know_nothing_are_fractions(part: Part) -> None:
    task = make(part)
    constant = {name: torch.ones_like(rows) for name, rows in embeddings(task, "test").items()}
    check_metrics(task.evaluate(constant, "test", seed=0))


@all_tasks
def test_training_and_the_baselines_do_not_change_what_is_judged(part: Part) -> None:
    task = make(part)
    before = task.evaluate(embeddings(task, "test"), "test", seed=0)
    list(task.batches(5, generator=generator(3)))
    found = task.baselines(seed=0)
    assert found
    for metrics in found.values():
        check_metrics(metrics)
        assert monitor_of(task) in metrics
    assert found == baselines(part)
    assert task.evaluate(embeddings(task, "test"), "test", seed=0) == before
    record = json.loads(json.dumps(task.describe()))
    assert record["task"] == part.name
    assert isinstance(task.has_validation, bool)


@functools.cache
def _baselines(number: int) -> dict[str, dict[str, float]]:
    return make(TASKS[number]).baselines(seed=0)


def baselines(part: Part) -> dict[str, dict[str, float]]:
    """Baseline -> test metrics, once."""
    return _baselines(TASKS.index(part))


def test_every_baseline_is_used_by_its_task() -> None:
    """Through each task's own call above, so that none is without a contract test."""
    used = {name for part in TASKS for name in baselines(part)}
    assert {part.name for part in parts("baseline")} <= used


# --- probes ----------------------------------------------------------------------------------------


def labelled(count: int, seed: int, spread: float = 0.1) -> Labelled:
    """Two classes, far apart."""
    y = torch.arange(count) % 2
    centre = torch.stack([torch.ones(DIM), -torch.ones(DIM)]).index_select(0, y)
    return Labelled(centre + spread * torch.randn(count, DIM, generator=generator(seed)), y)


class_probes = pytest.mark.parametrize(
    "part", [part for part in parts("probe") if issubclass(part.cls, ClassProbe)], ids=lambda part: part.name
)


def a_case(needs: str) -> ClassCase | LinkCase | FutureCase:
    """What a probe of that need judges: 60 rows of two classes, linked within each class; or windows of a wave."""
    if needs == "future":
        wave = torch.sin(torch.arange(63.0))[:, None]
        packed = PackedWindows.of(wave, (43, 53, 63), window=3, apart=False, relative=False)
        x = packed.before(torch.arange(61)).flatten(1)
        return FutureCase(x, packed, NodeSplit(torch.arange(40), torch.arange(40, 50), torch.arange(50, 60)))
    rows = labelled(60, 0)
    nodes = torch.arange(60)
    if needs == "classes":
        return ClassCase(rows.x, rows.y, NodeSplit(nodes[:20], nodes[20:40], nodes[40:]))
    linked = rows.y.unsqueeze(0) == rows.y.unsqueeze(1)
    edges = linked.fill_diagonal_(False).nonzero().t()
    kept, held_out = hold_out_links(edges, 60, [0.1, 0.1], generator=generator(3))
    return LinkCase(rows.x, kept, held_out)


@all_probes
def test_a_probe_returns_the_metrics_it_names_and_repeats(part: Part) -> None:
    probe = build("probe", part.name, part.example or {})
    case = a_case(probe.needs)
    before = case.x.clone()
    assert part.meta["monitor"] == probe.metrics[0]
    for split in ("valid", "test"):
        first = probe.judge(case, split, seed=0)
        named = set(probe.metrics) | ({"auc"} & first.keys())  # of two classes, where the classifier has margins
        assert {name for name in first if "/" not in name} == named
        assert all(isinstance(value, float) for value in first.values())
        assert first == build("probe", part.name, part.example or {}).judge(case, split, seed=0)
        if part.name != "majority":
            assert first[probe.metrics[0]] > 0.9
    assert torch.equal(case.x, before)


@class_probes
def test_a_probe_predicts_known_classes_and_repeats(part: Part) -> None:
    probe = build("probe", part.name, part.example or {})
    train, valid, new = labelled(20, 0), labelled(10, 1), labelled(10, 2)
    before = train.x.clone()
    first = probe.fit(train=train, valid=valid, seed=0).predict(new.x)
    assert first.shape == (10,)
    assert first.dtype == torch.int64
    assert set(first.tolist()) <= {0, 1}
    assert torch.equal(train.x, before)
    again = build("probe", part.name, part.example or {}).fit(train=train, valid=valid, seed=0)
    assert torch.equal(first, again.predict(new.x))
    if part.name != "majority":
        assert torch.equal(first, new.y)
