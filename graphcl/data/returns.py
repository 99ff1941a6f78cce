"""Two rewards of an event, and what is still to come of them: derived from ratings and times of a log.

Immediate feedback is whether an event was liked: 1 where its rating reaches a limit. Retention is whether the user came
back: 1 at the last event of a session after which the next session begins soon enough. Both are of the rows that are
given and of no others, so that returns of a train history know nothing of what is held out; its last event, of which
nobody knows yet whether the user came back, has none.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

import numpy as np
from pydantic import Field

from graphcl.core.options import Positive
from graphcl.data.times import PER_SECOND, unit_by_size

#: What the columns of rewards and returns are.
REWARDS = ("immediate", "retention")
Discount = Annotated[float, Field(gt=0.0, le=1.0)]


@dataclass(frozen=True)
class Returns:
    """How rewards are derived, and how those of later events count.

    Args:
        liked: Least rating of an event that counts as immediate feedback.
        session: Seconds without an event after which the next one begins a session.
        within: Most seconds between two sessions of a user who is retained.
        discount: What a reward counts less for each event that it is later.
    """

    liked: float = 4.0
    session: Positive = 3600.0
    within: Positive = 604800.0
    discount: Discount = 0.9


def rewards(ptr: np.ndarray, rating: np.ndarray, time: np.ndarray, how: Returns) -> np.ndarray:
    """Immediate feedback and retention of each event.

    >>> rewards(np.array([0, 3]), np.array([5, 3, 4]), np.array([0, 60, 90_000]), Returns()).tolist()
    [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]

    Args:
        ptr: [U + 1] where the events of each user begin, in the order of time.
        rating: [n].
        time: [n], since 1970 in seconds, milliseconds, ... (by their size), or seconds from another start.
        how: Limits.

    Returns:
        [n, 2] float32 of zeros and ones.
    """
    gap = np.diff(time, append=time[-1:]).astype(np.float64) / PER_SECOND[unit_by_size(time) or "seconds"]
    gap[ptr[1:][ptr[1:] > ptr[:-1]] - 1] = 0.0  # the next event is another user's
    back = (gap > how.session) & (gap <= how.within)
    return np.stack([rating >= how.liked, back], axis=1).astype(np.float32)


def returns_to_go(reward: np.ndarray, ptr: np.ndarray, discount: float) -> np.ndarray:
    """What comes after each event: ``R_t = r_(t+1) + discount R_(t+1)`` (Chen et al., Decision Transformer, 2021).

    >>> returns_to_go(np.array([[1.0], [0.0], [4.0]]), np.array([0, 3]), 0.5).tolist()
    [[2.0], [4.0], [0.0]]

    Args:
        reward: [n, k].
        ptr: [U + 1] where the events of each user begin.
        discount: Above 0, at most 1.

    Returns:
        [n, k]; 0 at the last event of each user.
    """
    counts = np.diff(ptr)
    left = np.repeat(ptr[1:], counts) - 1 - np.arange(len(reward))  # events after this one
    result = np.zeros_like(reward)
    order = np.argsort(left, kind="stable")
    bounds = np.searchsorted(left[order], np.arange(1, int(left.max(initial=0)) + 2))
    for begin, end in pairwise(bounds):
        events = order[begin:end]
        result[events] = reward[events + 1] + discount * result[events + 1]
    return result
