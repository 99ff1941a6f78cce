"""Two processes train like one: every term, whole recipes, and what happens when one of them dies."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import graphcl
from graphcl.core.registry import Part
from graphcl.engine.distributed import Ranks
from graphcl.engine.fit import fit
from graphcl.engine.shares import OwnShare, divisible, take_records
from graphcl.objective.base import Term
from tests.conftest import ROOT
from tests.contract.test_terms import ALL
from tests.contract.toys import TYPES, batch_graph, plain_graph, toy_flow

RECORDS = """
task: retrieval
data: {name: generated, count: 40}
towers:
  text: {gcn: {dim: 8, batch_norm: true, pooling: mean}}
  graph: {gcn: {dim: 8, pooling: mean}}
heads:
  proj: {mlp: {dim: 6, batch_norm: true, of: graphs, tower: text}}
  codes: {prototypes: {k: 3, of: nodes, tower: graph}}
  pred: {mlp: {of: slots, tower: graph}}
latents:
  slots: {name: slots, of: nodes, tower: graph, codes: codes}
views:
  text: {of: text, augment: [{drop_edges: {p: 0.2}}]}
  graph: {of: graph, augment: [{mask_features: {p: 0.2}}]}
  other: {of: graph, augment: [{mask_features: {p: 0.3}}]}
states:
  queue: {queue: {rows: graph(graph).proj, dim: 6, size: 40}}
terms:
  - info_nce:
      anchors: text(text).proj
      candidates: [graph(graph).proj, state.queue.keys]
      positives: graph(graph).proj
  - alignment: {x: text(text).proj, y: graph(graph).proj, weight: 0.5}
  - info_nce: {anchors: graph(other).pred, candidates: graph(graph).slots, weight: 0.1}
embed: {towers: {text: text, graph: graph}}
"""
QUICK = ["train.threads=1", "train.epochs=3", "train.eval_every=3", "train.optimizer=sgd", "train.lr=0.01"]
#: Without dropout, which each rank draws for its own records.
CHAINS = [
    "encoder.dim=8", "encoder.dropout=0", "encoder.attention_dropout=0", "train.batch_size=9", "eval.baselines=[]",
]


def write_interactions(path: Path) -> list[str]:
    draw = torch.Generator().manual_seed(0)
    pairs = [(user, item) for user in range(24) for item in torch.randperm(18, generator=draw)[:6].tolist()]
    path.write_text("customer,product\n" + "".join(f"u{user},p{item}\n" for user, item in pairs))
    return [f"data.path={path}", "data.user=customer", "data.item=product", "train.batch_size=50"]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "records.yaml").write_text(RECORDS)
    pairs = write_interactions(folder / "pairs.csv")
    recipes = {
        "grace": {"text": "grace", "overrides": QUICK},
        "lightgcl": {"text": "lightgcl", "overrides": [*pairs, *QUICK, "eval.baselines=[popularity]"]},
        "iclrec": {"text": "iclrec", "overrides": ["data=generated", *QUICK, *CHAINS, "states.intents.k=3"]},
        "mclrec": {"text": "mclrec", "overrides": ["data=generated", *QUICK, *CHAINS]},
        "records": {"text": str(folder / "records.yaml"), "overrides": [*QUICK, "train.batch_size=9"]},
    }
    command = ["grace", *QUICK, "train.batch_size=10"]
    killed = ["grace", *QUICK, "train.epochs=6", "train.eval_every=2"]
    plan = {"folder": str(folder), "recipes": recipes, "command": command, "killed": killed}
    (folder / "plan.json").write_text(json.dumps(plan))
    return plan


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def killed(plan: dict[str, Any]) -> list[tuple[int, str]]:
    """Exit code and stderr of two processes, the second of which dies; started by hand, so that nothing ends them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    shared = {**ENVIRONMENT, "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    command = [sys.executable, "-m", "tests.engine.ranks", "killed", plan["folder"]]
    processes = [
        subprocess.Popen(command, cwd=ROOT, env={**shared, "RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    return [(process.returncode, error) for process, error in zip(processes, errors, strict=True)]


@pytest.fixture(scope="module")
def found(plan: dict[str, Any], killed: object) -> dict[str, Any]:
    """What two processes found in all, after the run with a dead one was there to be resumed."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*launch, "-m", "tests.engine.ranks", "all", plan["folder"]], cwd=ROOT, env=ENVIRONMENT,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((Path(plan["folder"]) / "found.json").read_text())


@pytest.mark.parametrize("part", ALL, ids=lambda part: part.name)
def test_value_and_gradient_of_every_term_are_those_of_one_process(part: Part, found: dict[str, Any]) -> None:
    assert {case: error for case, error in found["terms"][part.name].items() if not error < 1e-6} == {}


def test_batch_normalisation_is_over_the_rows_of_all_ranks(found: dict[str, Any]) -> None:
    assert found["norm"] < 1e-5


def difference(one: Path, other: Path) -> float:
    """Largest difference of parameters and states of two runs."""
    a, b = (load_file(folder / "checkpoints" / "last.safetensors") for folder in (one, other))
    assert a.keys() == b.keys()
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a if a[name].numel())


@pytest.mark.parametrize("name", ["grace", "iclrec", "lightgcl", "mclrec", "records"])
def test_a_recipe_trains_as_in_one_process(name: str, plan: dict[str, Any], found: dict[str, Any]) -> None:
    recipe, folder = plan["recipes"][name], Path(plan["folder"])
    alone = fit(graphcl.load(recipe["text"], *recipe["overrides"]), out=folder / f"{name}-one")
    assert difference(folder / f"{name}-one", folder / f"{name}-two") < 1e-6
    assert found["same"][name]
    metrics = json.loads((folder / f"{name}-two" / "metrics.json").read_text())
    assert alone.metrics.keys() <= metrics.keys()
    logs = [(folder / f"{name}-{ranks}" / "log.jsonl").read_text().splitlines() for ranks in ("one", "two")]
    assert len(logs[0]) == len(logs[1]) == 3
    for one, two in zip(*(map(json.loads, log) for log in logs), strict=True):
        assert two["terms"] == pytest.approx(one["terms"], abs=1e-6)
    assert json.loads((folder / f"{name}-two" / "protocol.json").read_text())["processes"] == 2


def test_the_command_writes_one_run(plan: dict[str, Any], found: dict[str, Any]) -> None:
    folder = Path(plan["folder"])
    assert found["code"] == 0
    fit(graphcl.load(*plan["command"]), out=folder / "command-one")
    assert difference(folder / "command-one", folder / "command-two") < 1e-6


def test_a_rank_that_dies_ends_the_run_which_then_goes_on(
    plan: dict[str, Any], killed: list[tuple[int, str]], found: dict[str, Any]
) -> None:
    (code, said), (dead, nothing) = killed
    assert (code, dead, nothing) == (2, -9, "")
    assert said.startswith("error: another process of this run has ended")
    assert said.count("\n") == 1
    folder = Path(plan["folder"])
    fit(graphcl.load(*plan["killed"]), out=folder / "unharmed")
    assert found["same"]["killed"]
    assert difference(folder / "unharmed", folder / "killed") < 1e-6
    assert json.loads((folder / "killed" / "run.json").read_text())["status"] == "complete"


# --- one process ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 1, 2, 5, 12])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_shares_are_a_partition(number: int, count: int) -> None:
    shares = [Ranks(rank, count).share(number) for rank in range(count)]
    assert [i for share in shares for i in range(number)[share]] == list(range(number))
    assert Ranks(0, count).sizes(number) == [share.stop - share.start for share in shares]


def test_records_are_taken_with_all_that_belongs_to_them() -> None:
    graph = batch_graph()
    graph.y = torch.arange(graph.num_graphs)
    parts = [take_records(graph, Ranks(rank, 2)) for rank in range(2)]
    assert [part.num_graphs for part in parts] == [2, 3]
    for name in ("x", "edge_weight", "y"):
        assert torch.equal(torch.cat([part[name] for part in parts]), graph[name])
    shifted = [parts[0].edge_index, parts[1].edge_index + parts[0].num_nodes]
    assert torch.equal(torch.cat(shifted, dim=1), graph.edge_index)
    assert torch.equal(torch.cat([parts[0].batch, parts[1].batch + 2]), graph.batch)
    assert torch.equal(torch.cat([parts[0].ptr, parts[1].ptr[1:] + parts[0].num_nodes]), graph.ptr)


def test_only_batches_of_enough_records_are_divided() -> None:
    assert divisible({"graph": batch_graph()}, 5)
    assert not divisible({"graph": batch_graph()}, 6)
    assert not divisible({"graph": batch_graph(), "other": plain_graph()}, 2)
    assert not divisible({}, 2)


def test_an_own_share_keeps_pairs_together_and_tables_whole() -> None:
    seen = [OwnShare(toy_flow(), Ranks(rank, 2), TYPES) for rank in range(2)]
    users = [flow.rows("main.nodes[user][users]").ids.tolist() for flow in seen]
    items = [flow.rows("main.nodes[item][items_pos]").ids.tolist() for flow in seen]
    assert users == [[0, 1], [2, 3, 5]]
    assert items == [[1, 3], [5, 0, 8]]
    both = seen[0].rows(["main.nodes[user][users]", "main.nodes[user][users]"])
    assert both.ids is not None
    assert both.ids.tolist() == [0, 1, 0, 1]
    assert all(flow.divided for flow in seen)
    table = OwnShare(toy_flow(), Ranks(0, 2), TYPES)
    assert len(table.rows("main.nodes[user]")) == TYPES["user"]
    assert not table.divided


@pytest.mark.parametrize("part", ALL, ids=lambda part: part.name)
def test_every_term_says_how_processes_combine(part: Part) -> None:
    """The default is right for every term; a built-in one says so itself, or by an option in its constructor."""
    before_term = part.cls.__mro__[: part.cls.__mro__.index(Term)]
    constructors = [vars(cls)["__init__"].__code__.co_names for cls in before_term if "__init__" in vars(cls)]
    assert any("combine" in names for names in (*map(vars, before_term), *constructors))
