"""A log larger than a file should need: read, filtered and split under a cap on memory, in a child process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHILD = """
import resource, sys
import numpy, pandas, pyarrow.csv, scipy.sparse, safetensors.numpy  # what any run has loaded

from graphcl.data.source import InteractionsData

pyarrow.set_cpu_count(2)  # its read-ahead grows with the machine

def used():
    with open("/proc/self/status") as status:
        return 1024 * int(next(line for line in status if line.startswith("VmData")).split()[1])

limit = used() + int(sys.argv[2]) * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
data = InteractionsData(path=sys.argv[1], k_core=2, time="time").load(seed=0)
print(sum(data.report.split["sizes"].values()))
"""


def run(path: Path, mebibytes: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(mebibytes)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RLIMIT_DATA covers mappings on Linux only")
def test_a_hundred_thousand_rows_under_a_cap(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with path.open("w") as file:
        file.write("user_id,item_id,time,comment\n")
        for i in range(100_000):
            file.write(f"user-{i * 7919 % 5003},item-{i * 104729 % 2003},{i},{'x' * 100}\n")
    assert path.stat().st_size > 12e6
    done = run(path, 128)
    assert done.stderr == ""
    assert done.stdout == "100000\n"
    assert run(path, 1).returncode != 0  # the cap is a cap
