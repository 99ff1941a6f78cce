"""Rewards and returns of small logs, worked out by hand, and what they may not know."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from graphcl.core.errors import UserError
from graphcl.core.seeds import generator
from graphcl.data.histories import Histories
from graphcl.data.history_source import HistoriesData
from graphcl.data.returns import Returns, returns_to_go, rewards
from graphcl.tasks.sequence import Sequence
from tests.tasks.small_histories import histories

HOUR, DAY = 3600, 86400


def test_rewards_by_hand() -> None:
    """Two users: liked from 4 on; who comes back within two days, after more than an hour, is retained."""
    ptr = np.array([0, 5, 5, 7])
    time = np.array([0, HOUR, 2 * HOUR + 1, 2 * HOUR + 2, 3 * DAY, 3 * DAY + 5 * HOUR, 5 * DAY + 5 * HOUR])
    rating = np.array([4, 3.5, 5, 1, 4, 2, 5])
    found = rewards(ptr, rating, time, Returns(within=2 * DAY))
    assert found[:, 0].tolist() == [1, 0, 1, 0, 1, 0, 1]
    # after one hour no session ends; after a second more than an hour it does; three days are too long; two are not
    assert found[:, 1].tolist() == [0, 1, 0, 0, 0, 1, 0]
    for unit in (1, 1_000, 1_000_000):  # of our days, in seconds, milliseconds, microseconds
        dated = rewards(ptr, rating, (time + 1_700_000_000) * unit, Returns(within=2 * DAY))
        assert dated.tolist() == found.tolist()


def test_returns_are_the_discounted_rewards_of_later_events() -> None:
    random = np.random.default_rng(0)
    ptr, reward = np.array([0, 4, 4, 5, 12]), random.random((12, 2))
    expected = np.zeros_like(reward)
    for begin, end in pairwise(ptr):
        for t in range(begin, end):
            for later in range(t + 1, end):
                expected[t] += 0.7 ** (later - t - 1) * reward[later]
    np.testing.assert_allclose(returns_to_go(reward, ptr, 0.7), expected)
    assert returns_to_go(reward[:0], np.array([0, 0]), 1.0).shape == (0, 2)


def test_histories_carry_them_and_know_nothing_of_what_is_held_out(tmp_path: Path) -> None:
    rows, rating = [[0, 1, 2, 0, 1], [3, 1, 0, 2, 2]], [[1.0, 5, 4, 5, 5], [5.0, 1, 5, 5, 1]]
    other = [[*row[:3], 1.0, 1.0] for row in rating]
    data, changed = (histories(rows, rating=r, returns=Returns(discount=0.5)) for r in (rating, other))
    found, same = (Sequence(baselines=(), data=one).graphs["chain"].rtg for one in (data, changed))
    assert found.tolist() == [[1.5, 0], [1, 0], [0, 0], [0.5, 0], [1, 0], [0, 0]]
    assert same.tolist() == found.tolist()
    (batch,) = Sequence(baselines=(), data=data).training.epoch(0, generator=generator(0))
    assert sorted(batch.graphs["chain"].rtg[:, 0].tolist()) == [0.5, 1, 1, 1.5]
    (asked,) = Sequence(baselines=(), data=data).examples("test")
    assert asked.graphs["chain"].rtg[:4, 0].tolist() == [1.75, 1.5, 1, 0]  # validation has happened by then
    data.save(tmp_path / "kept")
    kept = Histories.load(tmp_path / "kept")
    assert kept.returns == data.returns
    assert Sequence(baselines=(), data=kept).graphs["chain"].rtg.tolist() == found.tolist()


def test_a_log_without_ratings_or_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.returns needs a rating and a time of every event"):
        histories([[0, 1, 2, 0, 1]] * 2, returns=Returns())
    (tmp_path / "log.csv").write_text("user,item,stars\n" + "".join(f"u{n % 3},i{n},{n % 5}\n" for n in range(12)))
    with pytest.raises(UserError, match="no column that is clearly the time"):
        HistoriesData(path=str(tmp_path / "log.csv"), returns=Returns()).load(seed=0)


def test_the_record_says_what_returns_there_are_and_those_that_are_all_alike() -> None:
    rows = [[0, 1, 2, 3], [1, 2, 3, 0]]
    data = histories(rows, rating=[[5.0, 5.0, 1.0, 1.0]] * 2, returns=Returns(discount=0.5))
    record = Sequence(data=data, baselines=()).describe()
    assert record["returns"]["of_train"] == {"immediate": (0.0, 1.0), "retention": (0.0, 0.0)}
    assert record["returns"]["discount"] == 0.5
    assert "returns: every event of train has 0 of retention; asking for another says nothing" in record["notes"]
