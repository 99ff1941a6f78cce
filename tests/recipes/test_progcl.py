from __future__ import annotations

from pathlib import Path

import pytest

import graphcl

from .node_runs import gain_over_raw, losses

SMALL = ("encoder.dim=16", "heads.proj.dim=16")


def test_until_its_mixture_starts_it_is_gca_and_then_no_more() -> None:
    late = losses("progcl", *SMALL, "states.mixture.start=3", epochs=5)
    plain = losses("progcl", *SMALL, "terms.info_nce.negative_weights=null", epochs=5)
    assert late[:3] == plain[:3]
    assert late[3] != plain[3]
    assert losses("gca", *SMALL, "terms.info_nce.temperature=0.6", epochs=5) == plain


def test_each_switch_changes_the_loss() -> None:
    changes = ("", "states.mixture.false_share=0.5", "states.mixture.n_iter=1", "states.mixture.pairs=50",
               "states.mixture.every=1", "terms.info_nce.intra=false")
    runs = {c: tuple(losses("progcl", *SMALL, "states.mixture.start=0", *c.split(), epochs=3)) for c in changes}
    assert len(set(runs.values())) == len(runs)


@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_on_cora(shared_data: Path, seed: int) -> None:
    small = ("encoder.dim=64", "heads.proj.dim=64", "train.lr=2e-3", "train.epochs=16", "states.mixture.start=10")
    assert gain_over_raw(shared_data, "progcl", *small, f"train.seed={seed}") > 0.05


def test_the_mixture_is_in_the_checkpoint(tmp_path: Path) -> None:
    recipe = graphcl.load("progcl", *SMALL, "states.mixture.start=1", "train.epochs=3", "train.threads=1",
                          "eval.baselines=[]", "train.eval_every=3")
    fitted = graphcl.fit(recipe, out=tmp_path / "run")
    state = fitted.model.states["mixture"]
    assert state.curve.shape == (1025, 2)
    assert float(state.alpha[0] / (state.alpha + state.beta)[0]) < float(state.alpha[1] / (state.alpha + state.beta)[1])
