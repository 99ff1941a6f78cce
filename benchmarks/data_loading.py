"""Reading interaction logs: 10^7 rows within 4 GB, and gowalla beside RecBole's reader.

``python -m benchmarks.data_loading``. The generated log has 200,000 users, 10^5 items of skewed popularity, a time and
a rating; it is read by name of its columns, filtered by rating and an iterated 5-core, and split 8:1:1 by user. Memory
is the peak of the whole process, imports included.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.cells import ROOT, Cell, Suite, command
from benchmarks.recbole_lightgcn import NAME, exported, exported_parts

ROWS = {"1e6": 1_000_000, "1e7": 10_000_000}
PEAK_MB = 4096
NOTE = "CPU seconds, because other work ran on the machine; the records hold the wall times too."
FOLDER = ROOT / "runs" / "benchmarks" / "data-loading"


def generated(rows: int, format: str) -> Path:
    """The generated log, written once, a million rows at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    path = FOLDER / f"rows-{rows}.{format}"
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    temporary = path.with_suffix(".tmp")
    schema = pa.schema([("user_id", pa.string()), ("item_id", pa.string()), ("ts", pa.int64()), ("rating", pa.int64())])
    writer = (pa_csv.CSVWriter if format == "csv" else pq.ParquetWriter)(temporary, schema)
    with writer:
        for start in range(0, rows, 1_000_000):
            n = min(1_000_000, rows - start)
            users = np.char.add("user-", (2e5 * random.random(n) ** 2).astype(np.int64).astype(str))
            items = np.char.add("item-", (1e5 * random.random(n) ** 3).astype(np.int64).astype(str))
            times, ratings = random.integers(1_600_000_000, 1_700_000_000, n), random.integers(1, 6, n)
            writer.write_table(pa.table([pa.array(users), pa.array(items), pa.array(times), pa.array(ratings)], schema))
    temporary.rename(path)
    return path


def read_generated(path: str) -> dict[str, Any]:
    """Read, filter and split it."""
    from benchmarks.clock import now
    from graphcl.data.source import InteractionsData, KCore

    began = now()
    data = InteractionsData(
        path=path, user="user_id", item="item_id", time="ts", rating="rating", min_rating=2, k_core=KCore(5, 5)
    ).load(seed=0)
    wall, cpu = now()
    kept = sum(data.report.split["sizes"].values())
    return {"seconds": round(wall - began[0], 2), "cpu": round(cpu - began[1], 2), "rows_kept": kept}


def ours(folder: str) -> dict[str, Any]:
    """From gowalla's files to the split in memory."""
    from benchmarks.clock import now
    from graphcl.data.source import InteractionsData
    from graphcl.data.splits import Files, Split

    began = now()
    split = Split("given", files=Files(**exported_parts(folder)), valid="none")
    data = InteractionsData(path=str(Path(folder) / NAME), split=split).load(seed=0)
    wall, cpu = now()
    return {"seconds": round(wall - began[0], 2), "cpu": round(cpu - began[1], 2), "rows_kept": len(data.train)}


def recbole(folder: str) -> dict[str, Any]:
    """The same through RecBole's create_dataset and data_preparation."""
    from benchmarks.clock import now
    from tests import recbole_peer

    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # RecBole writes logs where it stands
        began = now()
        config = recbole_peer.make_config(
            "LightGCN", NAME, data_path=folder, benchmark_filename=["train", "test", "test"],
            load_col={"inter": ["user_id", "item_id"]},
        )  # fmt: skip
        _, train, _, _ = recbole_peer.load(config)
        wall, cpu = now()
    rows = len(train._dataset.inter_feat)
    return {"seconds": round(wall - began[0], 2), "cpu": round(cpu - began[1], 2), "rows_kept": rows}


def generated_cell(rows: int, format: str) -> dict[str, Any]:
    """In a grandchild, so that writing the file does not count."""
    from benchmarks.cells import in_child

    path = generated(rows, format)
    return {"read": in_child(Cell("read", "benchmarks.data_loading:read_generated", {"path": str(path)}))}


def gowalla_cell() -> dict[str, Any]:
    """Ours, then RecBole's, each in a process of its own."""
    from benchmarks.cells import in_turn

    arguments = {"folder": str(exported("gowalla"))}
    return in_turn({side: (f"benchmarks.data_loading:{side}", arguments) for side in ("ours", "recbole")})


def suite() -> Suite:
    """Generated logs in two formats, and gowalla."""
    cells = [
        Cell(f"{name}-{format}", "benchmarks.data_loading:generated_cell", {"rows": rows, "format": format})
        for name, rows in ROWS.items()
        for format in ("csv", "parquet")
    ]
    return Suite("data_loading", (*cells, Cell("gowalla", "benchmarks.data_loading:gowalla_cell")))


def section() -> str:
    """The tables of docs/benchmarks.md."""
    found = suite().results()
    rows = []
    for cell in suite().cells[:-1]:
        record = found.get(cell.name, {}).get("read", {})
        bound = f"under {PEAK_MB:,} MB: {tables.aim(record.get('peak_rss_mb'), PEAK_MB, least=False)}"
        kept = f"{record['rows_kept']:,}" if record else tables.NOT_RUN
        peak = tables.figure(record.get("peak_rss_mb"), 0)
        rows.append([cell.name, tables.figure(record.get("cpu"), 1), kept, peak, bound])
    table = tables.table(("generated log", "CPU s", "rows kept", "peak MB", "aim"), rows)
    return f"{table}\n\n{_gowalla(found.get('gowalla'))}\n\n{NOTE}"


def _gowalla(record: dict[str, Any] | None) -> str:
    sides = [(record or {}).get(side, {}) for side in ("ours", "recbole")]
    rows = [
        [label, *(tables.figure(side.get(key), digits) for side in sides)]
        for label, key, digits in (("CPU s", "cpu", 2), ("peak MB", "peak_rss_mb", 0))
    ]
    return tables.table(("gowalla, atomic files to split", "ours", "RecBole 1.2.1"), rows)


if __name__ == "__main__":
    command(suite())
