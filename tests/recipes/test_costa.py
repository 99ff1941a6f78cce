from __future__ import annotations

from pathlib import Path

import pytest

from .node_runs import gain_over_raw, losses

SMALL = ("encoder.dim=16", "heads.proj.dim=16")


def test_each_switch_changes_the_loss() -> None:
    changes = ("", "latents.sketch.ratio=0.25", "terms.info_nce.intra=true", "heads.proj.of=nodes")
    runs = {change: tuple(losses("costa", *SMALL, *change.split())) for change in changes}
    runs["single"] = tuple(losses("costa_single", *SMALL))
    assert len(set(runs.values())) == len(runs)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_on_cora(shared_data: Path, seed: int) -> None:
    small = ("encoder.dim=192", "heads.proj.dim=192", "train.epochs=20", f"train.seed={seed}")
    assert gain_over_raw(shared_data, "costa", *small) > 0.06
