"""One optimisation step of LightGCL at gowalla's size, three ways.

``python -m benchmarks.lightgcl_step [--rounds N --threads N]``

4,096 pairs, all 29,858 users and 40,981 items as candidates, d 64, 2 layers, rank 5. A round runs, each in a process
of its own: our recipe through the engine; the literal form of the authors' loss, logits and exponentials materialised;
and LightGCN's step through the engine plus the three matrix products that any exact form of the loss needs (logits,
and the gradients of anchors and of candidates), which is the floor.
"""

from __future__ import annotations

from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, by_threads, command, data_root, in_turn

BATCH, DIM, LAYERS, RANK, TAU, LAMBDA1, LAMBDA2 = 4096, 64, 2, 5, 0.2, 0.2, 1e-7
STEPS = {"ours": 6, "literal": 3, "lightgcn": 6}
SIDES = {"ours": "ours", "literal": "literal", "lightgcn": "lightgcn_and_products"}
AIMS = {"CPU against literal": 3.0, "memory against literal": 10.0, "CPU against the floor": 1.3}


def round_of(number: int, threads: int) -> dict[str, Any]:
    """One round of the three sides."""
    arguments = {"threads": threads}
    sides = {side: (f"benchmarks.lightgcl_step:{name}", arguments) for side, name in SIDES.items()}
    return in_turn(sides, order=number) | arguments


def ours(threads: int) -> dict[str, Any]:
    """The recipe's step."""
    return _engine_steps("lightgcl", [f"views.svd.augment.low_rank.rank={RANK}"], STEPS["ours"], threads)


def lightgcn_and_products(threads: int) -> dict[str, Any]:
    """LightGCN's step, and beside it the products of the loss over the different anchors of such a batch."""
    record = _engine_steps("lightgcn", ["encoder.readout=sum"], STEPS["lightgcn"], threads)
    return record | {"products": _products(record["unique"], record["candidates"])}


def _engine_steps(recipe_name: str, overrides: list[str], steps: int, threads: int) -> dict[str, Any]:
    import graphcl
    from benchmarks.steps import engine_steps, ready
    from graphcl.core.seeds import generator

    recipe = graphcl.load(
        recipe_name, "data=gowalla", "data.split.valid=none", f"train.batch_size={BATCH}", "train.device=cpu",
        f"encoder.dim={DIM}", f"encoder.num_layers={LAYERS}", f"train.threads={threads}", *overrides,
    )
    task, device = ready(recipe)
    record, _ = engine_steps(recipe, task, device, steps)  # its first step, which is left out, makes the operator
    batch = next(iter(task.batches(BATCH, generator=generator(0, "unique"))))
    unique = [batch.rows["batch"][node_type].unique().numel() for node_type in ("user", "item")]  # type: ignore[index]
    candidates = [int(task.graphs["graph"][node_type].num_nodes or 0) for node_type in ("user", "item")]
    return record | {"unique": unique, "candidates": candidates}


def _products(anchors: list[int], candidates: list[int]) -> dict[str, float]:
    """Seconds of the three products for users and for items, in blocks that stay in the cache."""
    from benchmarks.clock import now
    from benchmarks.kernels import side_of

    sides = [side_of("products_in_blocks", *shape, DIM) for shape in zip(anchors, candidates, strict=True)]
    times = []
    for _ in range(2):  # the first warms up
        start = now()
        for run in sides:
            run()
        times.append([round(after - before, 4) for before, after in zip(start, now(), strict=True)])
    return dict(zip(("wall", "cpu"), times[-1], strict=True))


def literal(threads: int) -> dict[str, Any]:
    """The authors' loss as their code states it (Cai et al., ICLR 2023), in plain torch."""
    import torch

    from benchmarks.steps import other_steps
    from graphcl.data.source import InteractionsData

    torch.set_num_threads(threads)
    data = InteractionsData.from_card("gowalla", data_root=data_root()).load(seed=0)
    if len(data.held_out.valid):
        data = data.refit()  # the whole train file, as in `data.split.valid=none`
    random = torch.Generator().manual_seed(0)
    num_users, num_items = len(data.users), len(data.items)
    users, items = torch.from_numpy(data.train.users), torch.from_numpy(data.train.items)
    degrees = torch.bincount(users, minlength=num_users), torch.bincount(items, minlength=num_items)
    values = (degrees[0][users] * degrees[1][items]).float().rsqrt()
    N = torch.sparse_coo_tensor(torch.stack([users, items]), values, (num_users, num_items)).coalesce()
    P, S, Q = torch.svd_lowrank(N, q=RANK)
    PS, QS = P * S, Q * S
    tables_of = [torch.empty(n, DIM) for n in (num_users, num_items)]
    E_u, E_i = (torch.nn.Parameter(torch.nn.init.xavier_uniform_(table, generator=random)) for table in tables_of)
    optimizer = torch.optim.Adam([E_u, E_i], lr=1e-3)

    def step() -> None:
        rows = torch.randint(len(users), (BATCH,), generator=random)
        u, pos, neg = users[rows], items[rows], torch.randint(num_items, (BATCH,), generator=random)
        x_u: torch.Tensor = E_u
        x_i: torch.Tensor = E_i
        sum_u, sum_i, low_u, low_i = x_u, x_i, x_u, x_i
        for _ in range(LAYERS):
            low_u, low_i = low_u + PS @ (Q.T @ x_i), low_i + QS @ (P.T @ x_u)
            x_u, x_i = torch.sparse.mm(N, x_i), torch.sparse.mm(N.T, x_u)
            sum_u, sum_i = sum_u + x_u, sum_i + x_i
        i = torch.cat([pos, neg])
        negative = torch.log(torch.exp(low_u[u] @ sum_u.T / TAU).sum(1) + 1e-8).mean()
        negative = negative + torch.log(torch.exp(low_i[i] @ sum_i.T / TAU).sum(1) + 1e-8).mean()
        positive = torch.clamp((low_u[u] * sum_u[u]).sum(1) / TAU, -5.0, 5.0).mean()
        positive = positive + torch.clamp((low_i[i] * sum_i[i]).sum(1) / TAU, -5.0, 5.0).mean()
        difference = (sum_u[u] * sum_i[pos]).sum(1) - (sum_u[u] * sum_i[neg]).sum(1)
        bpr = -difference.sigmoid().log().mean()
        squares = E_u.norm(2).square() + E_i.norm(2).square()
        loss = bpr + LAMBDA1 * (negative - positive) + LAMBDA2 * squares
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return other_steps(step, STEPS["literal"])


def suite(rounds: int, threads: int) -> Suite:
    """A cell for each round."""
    arguments = [{"number": number, "threads": threads} for number in range(rounds)]
    name = "round-{number}-threads-{threads}"
    cells = (Cell(name.format(**one), "benchmarks.lightgcl_step:round_of", one) for one in arguments)
    return Suite("lightgcl_step", tuple(cells))


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"{BATCH:,} pairs of gowalla, all users and items as candidates, d {DIM}, {LAYERS} layers, rank {RANK}; "
        f"medians over the steps of all rounds, the first step left out. The floor's products are over the "
        "different anchors of a batch: the least that an exact loss can do, since repeated ones need no work."
    )
    groups = by_threads(suite(1, 2).results().values())
    parts = [table for threads, found in groups.items() for table in (_times(found, threads), _aims(found))]
    return "\n\n".join([head, *parts])


def _step(record: dict[str, Any], side: str, key: str) -> float:
    if key == "extra_mb":
        return float(record[side][key])
    seconds = tables.median(record[side][key]) or 0.0
    return seconds + (record[side]["products"][key] if side == "lightgcn" else 0.0)


def _times(found: list[dict[str, Any]], threads: int) -> str:
    names = {"ours": "lightgcl, ours", "literal": "literal form", "lightgcn": "floor: lightgcn + three products"}
    rows = []
    for side, label in names.items():
        cpu, wall, extra = (
            tables.median(_step(record, side, key) for record in found) for key in ("cpu", "wall", "extra_mb")
        )
        memory = "" if side == "lightgcn" else tables.figure(extra, 0)  # its products keep nothing
        rows.append([label, tables.figure(cpu, 2), tables.figure(wall, 2), memory])
    header = (f"a step, {threads} threads, {len(found)} rounds", "CPU s", "wall s", "peak memory above before, MB")
    return tables.table(header, rows)


def _aims(found: list[dict[str, Any]]) -> str:
    def ratio(over: str, under: str, key: str) -> float | None:
        return tables.median(_step(record, over, key) / max(_step(record, under, key), 1e-9) for record in found)

    values = (ratio("literal", "ours", "cpu"), ratio("literal", "ours", "extra_mb"), ratio("ours", "lightgcn", "cpu"))
    rows = []
    for (label, bound), value in zip(AIMS.items(), values, strict=True):
        least = "literal" in label
        sign = ">=" if least else "<="
        rows.append([label, tables.figure(value, 2), f"{sign} {bound:g}: {tables.aim(value, bound, least=least)}"])
    return tables.table(("ratio", "measured", "aim"), rows)


if __name__ == "__main__":
    command(suite, rounds=3, threads=2)
