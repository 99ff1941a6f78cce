"""A small incident with a known cause: the database gets slow, its callers with it, one row later each."""

from __future__ import annotations

import numpy as np
import pandas as pd

START = 1_661_126_040
PERIOD = 30
#: web calls cart, cart calls db; ads is called by web.
CALLS = {"web": ["cart", "ads"], "cart": ["db"]}
SERVICES = ("web", "cart", "db", "ads")


def incident(rows: int = 240, begins: int = 200, fault: str = "slow", seed: int = 0) -> pd.DataFrame:
    """A wide table; ``fault``: slow, dead, errors or none, at ``db`` from row ``begins``."""
    draw = np.random.default_rng(seed)
    load = 100 + 10 * np.sin(np.arange(rows) / 15)
    columns: dict[str, np.ndarray] = {"time": START + PERIOD * np.arange(rows)}
    for depth, service in enumerate(SERVICES):
        columns[f"{service}_requests"] = load * (1 + depth) + draw.normal(0, 2, rows)
        columns[f"{service}_latency"] = 0.02 * (1 + depth) + draw.normal(0, 0.001, rows)
        columns[f"{service}_cpu"] = 0.3 + load / 1000 + draw.normal(0, 0.01, rows)
        columns[f"{service}_errors"] = np.zeros(rows)
    if fault == "slow":
        for behind, service in enumerate(("db", "cart", "web")):
            columns[f"{service}_latency"][begins + behind :] += 0.2 / (1 + behind)
        columns["db_cpu"][begins:] += 0.5
    elif fault == "dead":
        for name in ("requests", "latency", "cpu", "errors"):
            columns[f"db_{name}"][begins:] = np.nan
        columns["cart_latency"][begins + 1 :] += 0.02
    elif fault == "errors":
        columns["db_errors"][begins:] = draw.poisson(40, rows - begins)
        columns["cart_requests"][begins + 1 :] -= 12
    return pd.DataFrame(columns)


def moment(row: int) -> float:
    """Time of a row."""
    return float(START + PERIOD * row)
