"""Bad pairs: the rule against values worked by hand, and planted pairs found on series."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import graphcl
from graphcl.augment.mispaired import mispaired
from graphcl.core.errors import UserError
from graphcl.data.series_sets.arrays import make_waves
from graphcl.objective.base import Rows, reduce_groups, under_bells
from graphcl.objective.states.bad_pairs import BadPairs, judge_pairs
from graphcl.objective.terms.info_nce import InfoNCE

from ..fake_flow import FakeFlow, random

#: Losses of five pairs in two epochs; their means are 1, 5, 5, 5 and 9, of mean 5 and deviation sqrt(32 / 5).
EPOCHS = [[0.0, 4.0, 6.0, 5.0, 9.0], [2.0, 6.0, 4.0, 5.0, 9.0]]
WIDTH = math.sqrt(32 / 5)


def told(epochs: list[list[float]] = EPOCHS, **options: object) -> BadPairs:
    """A state that has seen these epochs, in two steps each, and begins the next."""
    settings = {"warmup": len(epochs), "noisy_beyond": 1.5, "faulty_beyond": 1.5, "size": len(epochs[0]), **options}
    state = BadPairs("loss.info_nce", **settings)  # type: ignore[arg-type]
    for epoch, losses in enumerate(epochs):
        state.begin_epoch(epoch)
        for ids in torch.randperm(len(losses), generator=torch.Generator().manual_seed(epoch)).split(3):
            values = torch.tensor(losses)[ids][:, None]
            state.update({"losses": Rows(values, None, ids)}, generator=torch.Generator())
    state.begin_epoch(len(epochs))
    return state


def density(loss: float, form: str) -> float:
    ratio = math.exp(-((loss - 5.0) ** 2) / (2 * 32 / 5))
    return ratio if form == "ratio" else ratio / (WIDTH * math.sqrt(2 * math.pi))


@pytest.mark.parametrize("form", ["density", "ratio"])
def test_a_bad_pair_weighs_the_density_at_its_loss_and_every_other_one(form: str) -> None:
    state = told(form=form)
    assert state.noisy.tolist() == [True, False, False, False, False]
    assert state.faulty.tolist() == [False, False, False, False, True]
    now = torch.tensor([3.0, 100.0, 5.0, -7.0, 6.5])
    weights = under_bells(now, state.bells)
    assert weights.tolist() == pytest.approx([density(3.0, form), 1.0, 1.0, 1.0, density(6.5, form)], rel=1e-5)


def test_a_density_may_be_above_one_and_a_ratio_never_is() -> None:
    close = [[0.05 * value for value in losses] for losses in EPOCHS]
    at_centre, height = torch.full((5,), 0.25), 1 / (0.05 * WIDTH * math.sqrt(2 * math.pi))
    assert height > 3
    assert float(under_bells(at_centre, told(close).bells).max()) == pytest.approx(height, rel=1e-4)
    assert float(under_bells(at_centre, told(close, form="ratio").bells).max()) == 1.0


def test_later_epochs_count_more_where_asked() -> None:
    epochs = [[9.0, 5.0, 5.0, 5.0], [0.0, 5.0, 5.0, 5.0]]  # mean 4.5 of both, and 3 where the second counts twice
    plain, recent = (told(epochs, recent=recent) for recent in (False, True))
    assert (plain.total / plain.counts)[0] == 4.5
    assert (recent.total / recent.counts)[0] == 3.0


def test_before_the_warmup_is_over_nothing_is_thought() -> None:
    assert not told(warmup=3).bells.any()
    assert told(warmup=2).bells.any()


def test_pairs_alike_or_unseen_are_not_bad() -> None:
    assert not told([[2.0, 2.0, 2.0]], warmup=0).bells.any()
    seen = torch.tensor([True, True, True, False])
    verdict = judge_pairs(torch.tensor([1.0, 1.0, 2.0, -50.0]), seen, noisy=1.0, faulty=1.0)
    assert verdict.noisy.tolist() == [False] * 4
    assert verdict.faulty.tolist() == [False, False, True, False]
    empty = BadPairs("loss.info_nce", warmup=0, size=3)
    empty.begin_epoch(0)
    assert not empty.bells.any()


def test_mistakes_are_told() -> None:
    state = BadPairs("loss.info_nce", size=2)
    with pytest.raises(UserError, match="pair 2 is beyond the size 2"):
        state.update({"losses": Rows(torch.ones(1, 1), None, torch.tensor([2]))}, generator=torch.Generator())
    with pytest.raises(UserError, match="have no ids"):
        state.update({"losses": Rows(torch.ones(1, 1))}, generator=torch.Generator())
    state.update({"losses": Rows(torch.zeros(0, 1), None, torch.zeros(0).long())}, generator=torch.Generator())
    assert not state.counts.any()


# --- the term ----------------------------------------------------------------------------------------


def flow(bells: Tensor) -> FakeFlow:
    ids = torch.tensor([3, 0, 1])
    return FakeFlow({"a": Rows(random(3, 2, 0), None, ids), "b": Rows(random(3, 2, 1), None, ids),
                     "state.pairs.bells": bells, "state.t.values": torch.tensor([2.0, 0.0, 1.0, 0.5])})  # fmt: skip


def test_a_term_weighs_each_anchor_and_takes_the_mean_over_all() -> None:
    bells = torch.tensor([[0.0, 0, 0], [math.log(0.25), 0, 0], [0, 0, 0], [0, 1.0, 2.0]])
    (plain,) = InfoNCE("a", "b")(flow(bells))
    (weighed,) = InfoNCE("a", "b", bells="state.pairs.bells")(flow(bells))
    loss = plain.values.tolist()
    expected = [loss[0] * math.exp(-((loss[0] - 1) * 2) ** 2 / 2), loss[1], loss[2] / 4]  # anchors 3, 0, 1
    assert weighed.values.tolist() == pytest.approx(expected)
    assert weighed.losses.tolist() == pytest.approx(loss)
    assert float(reduce_groups([weighed], "mean").detach()) == pytest.approx(sum(expected) / 3)


def test_the_losses_of_a_term_are_those_of_unweighed_anchors() -> None:
    bells = torch.zeros(4, 3)
    (plain,) = InfoNCE("a", "b")(flow(bells))
    (weighed,) = InfoNCE("a", "b", weights="state.t.values", bells="state.pairs.bells")(flow(bells))
    losses = plain.values.tolist()
    assert weighed.values.tolist() == pytest.approx([0.5 * losses[0], 2 * losses[1], 0.0])
    assert weighed.losses.tolist() == pytest.approx([losses[0], losses[1], 0.0])
    assert not weighed.losses.requires_grad


# --- in a run ----------------------------------------------------------------------------------------


def planted(path: Path, count: int) -> Tensor:
    """Waves of which a tenth is noise; which ones."""
    rng = np.random.default_rng(0)
    raw = make_waves(count, 0)
    noisy = np.sort(rng.permutation(count)[: count // 10])
    values = np.full((count, 2, max(map(len, raw.values))), np.nan)
    for number, series in enumerate(raw.values):
        shown = rng.standard_normal(series.shape) if number in noisy else series
        values[number, :, : len(series)] = shown.T
    np.savez(path, X=values)
    return torch.from_numpy(noisy)


def test_planted_noise_and_wrong_pairs_are_found(tmp_path: Path) -> None:
    """A tenth of the series is noise, of another tenth one view is of another series."""
    noisy = planted(tmp_path / "planted.npz", 150)
    recipe = graphcl.load(
        "dbpm", f"data.path={tmp_path / 'planted.npz'}", "views.b.source={mispaired: {p: 0.1}}", "train.threads=1",
        "views.a.augment.crop_time.ratio=0.9", "views.b.augment.crop_time.ratio=0.9", "train.batch_size=150",
        "train.epochs=28", "states.pairs.warmup=15", "states.pairs.noisy_beyond=0.65", "states.pairs.faulty_beyond=1",
        "encoder={chain_conv: {num_layers: 4, pooling: max, pieces: 1, jk: last, changes: 0}}",
    )  # fmt: skip
    state = graphcl.fit(recipe).model.states["pairs"]
    wrong = (mispaired(torch.arange(150), 0.1) != torch.arange(150)).nonzero().view(-1)
    for flags, truth in ((state.noisy, noisy), (state.faulty, wrong)):
        found = flags.nonzero().view(-1)
        right = torch.isin(found, truth).sum()
        assert right / len(found) > 0.8
        assert right / len(truth) > 0.5
    assert int((state.bells != 0).any(1).sum()) == int((state.noisy | state.faulty).sum()) > 15


def test_losses_are_read_by_states_when_a_step_is_over() -> None:
    small = ("data=karate", "train.epochs=1", "encoder.dim=8", "eval.baselines=[]", "eval.random_encoder=false")
    with pytest.raises(UserError, match="a state reads them"):
        graphcl.load("grace", *small, "terms.info_nce.weights=loss.info_nce")
    with pytest.raises(UserError, match="no term 'info'"):
        graphcl.load("grace", *small, "states.t={name: table, rows: loss.info}")
    early = graphcl.load("grace", *small, "states.t={name: table, rows: loss.info_nce, when: before_step}")
    with pytest.raises(UserError, match="set when=after_step"):
        graphcl.fit(early)
    after = graphcl.load("grace", *small, "states.t={name: table, rows: loss.info_nce}")
    fitted = graphcl.fit(after)
    assert float(fitted.model.states["t"].values.min()) > 1.1  # 1 before the first step; every node is an anchor
