"""A training step of node-level recipes beside their peers.

``python -m benchmarks.graph_step [--rounds N --threads N]``

Same graph, widths, augmentation rates, temperature and optimiser on both sides; a round runs them one after the other,
each in a process of its own. GRACE and BGRL: PyGCL 0.1.2 by its own components; DGI: torch_geometric's
``DeepGraphInfomax``. GRACE is also timed on Photo (7,650 nodes), the largest graph at hand that PyGCL's dense matrices
fit for, and on DBLP (17,716 nodes), where they do not.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, by_threads, command, in_turn

STEPS = 6
#: Method and data -> what ours sets beside the recipe, so that both sides compute the same.
GRACE = (
    "encoder.dim=32", "encoder.hidden_mult=1", "heads.proj.dim=32", "views.a.augment.drop_edges.p=0.3",
    "views.b.augment.drop_edges.p=0.3", "views.a.augment.mask_features.p=0.3", "views.b.augment.mask_features.p=0.3",
    "terms.info_nce.temperature=0.2", "train.lr=0.01", "train.weight_decay=0",
)
DGI = ("encoder.dim=512", "train.lr=1e-3", "train.weight_decay=0")
BGRL = ("encoder.dim=256", "encoder.hidden_mult=1", "train.lr=0.01", "train.weight_decay=0")
PAIRS = {
    ("grace", "cora"): (GRACE, "pygcl_grace", "PyGCL 0.1.2"),
    ("dgi", "cora"): (DGI, "pyg_dgi", "torch_geometric"),
    ("bgrl", "cora"): (BGRL, "pygcl_bgrl", "PyGCL 0.1.2"),
    ("grace", "photo"): (GRACE, "pygcl_grace", "PyGCL 0.1.2"),
    ("grace", "dblp"): (GRACE, "pygcl_grace", "PyGCL 0.1.2"),
}
#: (method, data) -> least ratio of CPU seconds and of memory to the peer's.
AIMS = {("grace", "cora"): (1.5, 4.0), ("dgi", "cora"): (1.0, None), ("bgrl", "cora"): (1.0, None)}
#: A peer's process may not take more than this: beyond it the cell says that it did not fit.
LIMIT_GB = 12


def round_of(method: str, data: str, number: int, threads: int) -> dict[str, Any]:
    """One round of a pair: ours and the peer's."""
    _, peer, _ = PAIRS[method, data]
    arguments = {"method": method, "data": data, "threads": threads}
    sides = {"ours": ("benchmarks.graph_step:ours", arguments), "peer": (f"benchmarks.graph_step:{peer}", arguments)}
    return in_turn(sides, order=number) | arguments


def ours(method: str, data: str, threads: int) -> dict[str, Any]:
    """The recipe's steps through the engine."""
    import graphcl
    from benchmarks.steps import engine_steps, ready

    overrides, _, _ = PAIRS[method, data]
    recipe = graphcl.load(
        method, f"data={data}", "train.batch_size=0", "train.device=cpu", f"train.threads={threads}",
        f"train.epochs={STEPS}", f"train.eval_every={STEPS + 1}", *overrides,
    )
    return engine_steps(recipe, *ready(recipe), STEPS)[0]


def _graph(data: str) -> tuple[Any, Any]:
    """Features and edges as our recipe sees them."""
    import graphcl
    from benchmarks.steps import ready

    task, _ = ready(graphcl.load("grace", f"data={data}"))
    graph: Any = task.graphs["graph"]
    return graph.x, graph.edge_index


def _limited() -> None:
    """Let this process fail, instead of the machine, where it wants more memory than LIMIT_GB."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_GB * 2**30,) * 2)


def _encoder(widths: list[int], *, batch_norm: bool = False, prelu: bool = False) -> Any:
    """GCNConv layers, each with an activation (and batch normalisation)."""
    from torch import nn
    from torch_geometric.nn import GCNConv

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            pairs = list(pairwise(widths))
            self.convolutions = nn.ModuleList(GCNConv(a, b) for a, b in pairs)
            self.norms = nn.ModuleList(nn.BatchNorm1d(b) if batch_norm else nn.Identity() for _, b in pairs)
            self.activations = nn.ModuleList(nn.PReLU() if prelu else nn.ReLU() for _ in pairs)

        def forward(self, x: Any, edge_index: Any, edge_weight: Any = None) -> Any:
            for conv, norm, act in zip(self.convolutions, self.norms, self.activations, strict=True):
                x = act(norm(conv(x, edge_index, edge_weight)))
            return x

    return Encoder()


def pygcl_grace(method: str, data: str, threads: int) -> dict[str, Any]:
    """GRACE from PyGCL's augmentors, InfoNCE and contrast model."""
    import torch
    from torch import nn

    from benchmarks import pygcl_peer
    from benchmarks.steps import other_steps

    torch.set_num_threads(threads)
    gcl = pygcl_peer.load()
    x, edge_index = _graph(data)
    _limited()
    first, second = (
        gcl.augmentors.Compose([gcl.augmentors.EdgeRemoving(pe=0.3), gcl.augmentors.FeatureMasking(pf=0.3)])
        for _ in range(2)
    )
    encoder = _encoder([x.shape[1], 32, 32])
    head = nn.Sequential(nn.Linear(32, 32), nn.ELU(), nn.Linear(32, 32))
    contrast = gcl.models.DualBranchContrast(loss=gcl.losses.InfoNCE(tau=0.2), mode="L2L", intraview_negs=True)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=0.01)

    def step() -> None:
        optimizer.zero_grad()
        (x1, e1, w1), (x2, e2, w2) = first(x, edge_index), second(x, edge_index)
        h1, h2 = head(encoder(x1, e1, w1)), head(encoder(x2, e2, w2))
        contrast(h1, h2).backward()
        optimizer.step()

    try:
        return other_steps(step, STEPS)
    except (RuntimeError, MemoryError) as error:
        if "memory" not in str(error).lower() and "allocate" not in str(error).lower():
            raise
        return {"wall": [], "cpu": [], "failed": f"needs more than {LIMIT_GB} GB"}


def pygcl_bgrl(method: str, data: str, threads: int) -> dict[str, Any]:
    """BGRL from PyGCL's augmentors and bootstrap loss, with an EMA teacher."""
    import copy

    import torch
    from torch import nn

    from benchmarks import pygcl_peer
    from benchmarks.steps import other_steps

    torch.set_num_threads(threads)
    gcl = pygcl_peer.load()
    x, edge_index = _graph(data)
    first, second = (
        gcl.augmentors.Compose([gcl.augmentors.EdgeRemoving(pe=0.3), gcl.augmentors.FeatureMasking(pf=0.3)])
        for _ in range(2)
    )
    student = _encoder([x.shape[1], 256, 256], batch_norm=True, prelu=True)
    teacher = copy.deepcopy(student).requires_grad_(False)
    head = nn.Sequential(nn.Linear(256, 512), nn.PReLU(), nn.Linear(512, 256))
    contrast = gcl.models.BootstrapContrast(loss=gcl.losses.BootstrapLatent(), mode="L2L")
    optimizer = torch.optim.Adam([*student.parameters(), *head.parameters()], lr=0.01)

    def step() -> None:
        optimizer.zero_grad()
        views = first(x, edge_index), second(x, edge_index)
        h1, h2 = (head(student(*view)) for view in views)
        with torch.no_grad():
            t1, t2 = (teacher(*view) for view in views)
        contrast(h1_pred=h1, h2_pred=h2, h1_target=t1, h2_target=t2).backward()
        optimizer.step()
        with torch.no_grad():
            for old, new in zip(teacher.parameters(), student.parameters(), strict=True):
                old.lerp_(new, 0.01)

    return other_steps(step, STEPS)


def pyg_dgi(method: str, data: str, threads: int) -> dict[str, Any]:
    """DGI as torch_geometric has it."""
    import torch
    from torch_geometric.nn import DeepGraphInfomax

    from benchmarks.steps import other_steps

    torch.set_num_threads(threads)
    x, edge_index = _graph(data)
    model = DeepGraphInfomax(
        hidden_channels=512,
        encoder=_encoder([x.shape[1], 512], prelu=True),
        summary=lambda z, *args, **kwargs: z.mean(dim=0).sigmoid(),
        corruption=lambda x, edge_index: (x[torch.randperm(x.shape[0])], edge_index),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        model.loss(*model(x, edge_index)).backward()
        optimizer.step()

    return other_steps(step, STEPS)


def suite(rounds: int, threads: int) -> Suite:
    """A cell for each pair and round."""
    keys = [
        {"method": method, "data": data, "number": number, "threads": threads}
        for method, data in PAIRS for number in range(rounds)
    ]
    name = "{method}-{data}-round-{number}-threads-{threads}"
    return Suite("graph_step", tuple(Cell(name.format(**key), "benchmarks.graph_step:round_of", key) for key in keys))


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"Medians of {STEPS - 1} steps (the first left out) and over rounds; ratios are medians of the rounds' ratios. "
        "Memory is the peak above what was there before the first step. PyGCL runs with stand-ins for the packages "
        "that it needs to import (benchmarks/pygcl_peer.py)."
    )
    groups = by_threads(suite(1, 1).results().values())
    return "\n\n".join([head, *(_table(threads, found) for threads, found in groups.items())])


def _table(threads: int, records: list[dict[str, Any]]) -> str:
    header = (
        f"{threads} threads", "rounds", "ours, CPU s", "peer", "peer, CPU s", "ratio", "ours, MB", "peer, MB", "ratio"
    )
    return tables.table(header, [_row(pair, records) for pair in PAIRS])


def _row(pair: tuple[str, str], records: list[dict[str, Any]]) -> list[str]:
    method, data = pair
    found = [record for record in records if (record["method"], record["data"]) == pair]
    failed = next((record["peer"]["failed"] for record in found if "failed" in record["peer"]), "")
    least = AIMS.get(pair, (None, None))
    cells = []
    for key, digits, bound in (("cpu", 3, least[0]), ("extra_mb", 0, least[1])):
        values = [tables.median(_value(record[side], key) for record in found) for side in ("ours", "peer")]
        pairs = [(_value(record["peer"], key), _value(record["ours"], key)) for record in found]
        ratio = None if failed else tables.median(theirs / max(own, 1e-9) for theirs, own in pairs)
        shown = "" if ratio is None else f"{ratio:.1f}x"
        if ratio is not None and bound:
            shown += f" (aim {bound:g}x: {tables.aim(ratio, bound)})"
        cells.append((tables.figure(values[0], digits), failed or tables.figure(values[1], digits), shown))
    (own_cpu, peer_cpu, cpu), (own_memory, peer_memory, memory) = cells
    label = PAIRS[pair][2]
    return [f"{method}, {data}", str(len(found)), own_cpu, label, peer_cpu, cpu, own_memory, peer_memory, memory]


def _value(side: dict[str, Any], key: str) -> float:
    return (tables.median(side["cpu"]) or 0.0) if key == "cpu" else float(side.get(key, 0.0))


if __name__ == "__main__":
    command(suite, rounds=3, threads=1)
