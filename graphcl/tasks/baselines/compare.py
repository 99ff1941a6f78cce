"""Baselines of ranking tasks: chosen on validation, fitted on train, judged once on test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphcl.core.build import build
from graphcl.core.seeds import derive
from graphcl.data.interactions import Pairs
from graphcl.tasks.baselines.base import RankingBaseline, Settings, check_task, choose
from graphcl.tasks.ranking import Ranking

#: Share of train held back to choose settings where the data has no validation part.
HELD_BACK = 0.1


@dataclass(frozen=True)
class BaselineResult:
    """A baseline in its best setting.

    Attributes:
        settings: Chosen on validation.
        valid: Its value there, NDCG at the task's middle cut-off.
        tried: Number of settings compared.
        ranking: On test.
    """

    settings: Settings
    valid: float
    tried: int
    ranking: Ranking

    def record(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"settings": dict(self.settings), "valid_ndcg": self.valid, "tried": self.tried}


def build_baselines(
    wanted: Sequence[str | Mapping[str, Mapping[str, Any]]], task: str = "recommend"
) -> dict[str, RankingBaseline]:
    """Name -> baseline of a task, from names and ``{name: {options}}``.

    Raises:
        UserError: no baseline of the task has that name, or an option does not fit.
    """
    built: dict[str, RankingBaseline] = {}
    for entry in wanted:
        for name, options in ({entry: {}} if isinstance(entry, str) else entry).items():
            check_task(name, task)
            built[name] = build("baseline", name, options)
    return built


def refusals(baselines: Mapping[str, RankingBaseline], num_users: int, num_items: int) -> dict[str, str]:
    """The baselines that cannot be fitted at this size, and why."""
    reasons = {name: baseline.refusal(num_users, num_items) for name, baseline in baselines.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def compare(
    baselines: Mapping[str, RankingBaseline],
    train: Pairs,
    valid: Pairs,
    num_users: int,
    num_items: int,
    *,
    judge: Callable[[Any, Pairs, Pairs], float],
    test: Callable[[Any], Ranking],
    held_back: Callable[[], tuple[Pairs, Pairs]],
) -> dict[str, BaselineResult]:
    """Choose each baseline's settings and rank the test split once with the best, fitted on ``train``.

    Args:
        baselines: By name; those that refuse the size are left out.
        train: What to fit on.
        valid: What to choose by.
        num_users: U.
        num_items: I.
        judge: (what was fitted, what it was fitted on, what is to be found) -> value, larger is better.
        test: What was fitted -> ranking of the test split.
        held_back: Where ``valid`` is empty, train parted in what to fit on and what to choose by in its place.
    """
    fitted_on, find = (train, valid) if len(valid) else held_back()
    left_out = refusals(baselines, num_users, num_items)
    results = {}
    for name, baseline in baselines.items():
        if name in left_out:
            continue
        fits = baseline.fits(fitted_on, num_users, num_items)
        best = choose(fits, lambda fitted: judge(fitted, fitted_on, find))
        fitted = best.fitted
        if fitted_on is not train:
            again = baseline.fits(train, num_users, num_items)
            fitted = next(fitted for settings, fitted in again if settings == best.settings)
        results[name] = BaselineResult(best.settings, best.value, best.tried, test(fitted))
    return results


def hold_back(train: Pairs, seed: int) -> tuple[Pairs, Pairs]:
    """Train without, and with only, a random tenth of its pairs (at least one)."""
    order = np.random.default_rng(derive(seed, "baselines", "held back")).permutation(len(train))
    cut = max(1, int(HELD_BACK * len(train)))
    return train.take(np.sort(order[cut:])), train.take(np.sort(order[:cut]))


def hold_back_last(train: Pairs) -> tuple[Pairs, Pairs]:
    """Train without, and with only, the last row of each user who has two or more, rows being in the order of time."""
    counts = np.bincount(train.users)
    order = np.argsort(train.users, kind="stable")
    last = order[counts.cumsum()[counts >= 2] - 1]
    held = np.zeros(len(train), dtype=bool)
    held[last] = True
    return train.take(~held), train.take(held)
