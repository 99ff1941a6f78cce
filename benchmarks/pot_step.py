"""What POT adds to a step of GRACE, all nodes, both directions: ``python -m benchmarks.pot_step [--rounds N]``.

One thread. A round runs the settings one after the other, each in a process of its own.
"""

from __future__ import annotations

from typing import Any

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command, in_turn

STEPS = 4
POT = ("+regularizers=pot", "regularizers.pot.budget.by=mean")
SETTINGS: dict[str, tuple[str, ...]] = {
    "without": (),
    "sound, inner row": (*POT, "regularizers.pot.inner=row"),
    "sound, inner interval": (*POT, "regularizers.pot.inner=interval"),
    "reference (not a bound)": (*POT, "regularizers.pot.mode=reference"),
}
#: Data -> widths; those of POT's settings for GRACE (Yu et al., NeurIPS 2023, authors' code).
DATA = {"cora": ("encoder.dim=128",), "photo": ("encoder.dim=64", "encoder.hidden_mult=4", "train.batch_size=2048")}
#: CPU seconds that the published surrogate adds on Cora in the authors' code (two threads, a busy machine).
AIM = {"cora": 3.7}


def round_of(data: str, number: int) -> dict[str, Any]:
    """One round of all settings."""
    arguments = {name: {"data": data, "setting": name} for name in SETTINGS}
    return in_turn({name: ("benchmarks.pot_step:steps", given) for name, given in arguments.items()}, order=number)


def steps(data: str, setting: str) -> dict[str, Any]:
    """Steps of one setting."""
    import graphcl
    from benchmarks.steps import engine_steps, ready

    recipe = graphcl.load(
        "grace", f"data={data}", "train.device=cpu", "train.threads=1", f"train.epochs={STEPS}",
        f"train.eval_every={STEPS + 1}", *DATA[data], *SETTINGS[setting],
    )
    return engine_steps(recipe, *ready(recipe), STEPS)[0]


def suite(rounds: int) -> Suite:
    """A cell for each data set and round."""
    keys = [{"data": data, "number": number} for data in DATA for number in range(rounds)]
    cells = (Cell("{data}-round-{number}".format(**key), "benchmarks.pot_step:round_of", key) for key in keys)
    return Suite("pot_step", tuple(cells))


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    head = (
        f"GRACE, one thread, budget of the mean number of dropped edges; medians of {STEPS - 1} steps (the first left "
        "out) and over rounds. On Photo the contrast itself is over 2,048 anchors a step. Aim on Cora: the sound bound "
        f"adds at most {AIM['cora']} CPU seconds, which the published surrogate takes in its authors' code."
    )
    return "\n\n".join([head, *(_table(data) for data in DATA)])


def _table(data: str) -> str:
    records = suite(1).results()
    found = [record for name, record in records.items() if name.startswith(f"{data}-round-")]
    plain = tables.median(_cpu(record["without"]) for record in found)
    rows = []
    for setting in SETTINGS:
        cpu = tables.median(_cpu(record[setting]) for record in found)
        memory = tables.median(record[setting]["extra_mb"] for record in found)
        added = None if cpu is None or plain is None else cpu - plain
        bound = AIM.get(data) if setting.startswith("sound") else None
        met = f"<= {bound:g}: {tables.aim(added, bound, least=False)}" if bound else ""
        shown = "" if setting == "without" else tables.figure(added, 2)
        rows.append([setting, tables.figure(cpu, 2), shown, met, tables.figure(memory, 0)])
    header = (f"{data}, {len(found)} rounds", "CPU s a step", "added", "aim", "peak MB above before")
    return tables.table(header, rows)


def _cpu(record: dict[str, Any]) -> float:
    return tables.median(record["cpu"]) or 0.0


if __name__ == "__main__":
    command(suite, rounds=3)
