"""Protocols that part a log into train, validation and test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

from graphcl.core.errors import UserError
from graphcl.core.options import PathBeside, Probability
from graphcl.core.seeds import derive
from graphcl.data.log import TEST, TRAIN, VALID, Log
from graphcl.data.values import as_time

By = Literal["", "random", "leave_one_out", "temporal", "temporal_user", "given"]
_TIMED = ("leave_one_out", "temporal", "temporal_user")


@dataclass(frozen=True)
class Files:
    """Files of a given split; relative to data.path where that is a folder.

    Args:
        train: Training rows.
        valid: Validation rows; empty where there is no such file.
        test: Test rows.
    """

    train: PathBeside = ""
    valid: PathBeside = ""
    test: PathBeside = ""


@dataclass(frozen=True)
class Split:
    """How a log is parted.

    Args:
        by: Empty: given where the data come in train and test files, else random (of histories: leave_one_out).
            leave_one_out: each user's last row is test, the one before it validation. temporal: the same two times
            for all. temporal_user: each user's last rows.
        ratios: Shares of train, validation and test, for random, temporal and temporal_user.
        per_user: Whether random splits and carved validation take their share of each user's rows, or of all
            rows. A share of 0.8 rows is one row with probability 0.8; one row of a user always stays in train.
        cuts: For temporal, when validation and test begin: timestamps or dates, in place of ratios.
        files: For given, the files; empty finds train.*, valid.* and test.* in the folder.
        valid: What serves as validation. Empty: the split's own part, else one carved out of train.
            carve: carve it (of histories with a given test part: each user's last row). refit: as empty, and then
            train once more on train and validation together. none: no validation, so that nothing may be chosen.
        valid_ratio: Share of train that is carved out.
    """

    by: By = ""
    ratios: list[Probability] = field(default_factory=lambda: [0.8, 0.1, 0.1])
    per_user: bool = True
    cuts: list[float | str] = field(default_factory=list)
    files: Files | None = None
    valid: Literal["", "carve", "refit", "none"] = ""
    valid_ratio: Probability = 0.1

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise UserError(problem)

    @property
    def needs_time(self) -> bool:
        """Whether the protocol asks for the order of events."""
        return self.by in _TIMED

    def _problem(self) -> str:
        if len(self.ratios) != 3 or abs(sum(self.ratios) - 1) > 1e-6 or self.ratios[0] <= 0:
            return f"data.split.ratios={self.ratios} must be shares of train, validation and test that sum to 1"
        if self.cuts and self.by != "temporal":
            return f"data.split.cuts is for data.split.by=temporal, not {self.by}"
        if self.cuts and len(self.cuts) not in (1, 2):
            return "data.split.cuts takes the beginning of validation and of test, or of test alone"
        cuts = [_as_cut(cut) for cut in self.cuts]
        if len(cuts) == 2 and cuts[0] > cuts[1]:
            return f"data.split.cuts={self.cuts}: validation must begin before test"
        if self.files is not None and self.by not in ("", "given"):
            return f"data.split.files is for data.split.by=given, not {self.by}; set data.split.files=null or by=given"
        if (
            self.valid == "carve"
            and self.by
            and self.has_own_valid(file=self.files is not None and bool(self.files.valid))
        ):
            return f"data.split.valid=carve, but the {self.by} split has a validation part of its own"
        if self.valid == "none" and self.by not in ("", "leave_one_out") and self.has_own_valid(file=False):
            return "data.split.valid=none contradicts a validation share; set data.split.ratios=[0.8,0,0.2], say"
        return ""

    def has_own_valid(self, file: bool) -> bool:
        """Whether the protocol itself makes a validation part; ``file``: one is given as a file."""
        if self.by == "given":
            return file
        if self.by == "leave_one_out":
            return self.valid != "none"
        return len(self.cuts) == 2 if self.cuts else self.ratios[1] > 0


@dataclass(frozen=True, eq=False)
class Parts:
    """The outcome of a protocol.

    Attributes:
        part: int8 [n] of TRAIN, VALID, TEST.
        valid: Where validation comes from: ``own``, ``carve`` or ``none``.
        facts: What the report tells of the protocol.
    """

    part: np.ndarray
    valid: str
    facts: dict[str, object]


def assign_parts(log: Log, split: Split, seed: int, *, in_order: bool = False) -> Parts:
    """Part a log, validation carved where the protocol has none. Ties in time keep the order of the file.

    Args:
        log: Filtered; with ``part`` where the split is given.
        split: With ``by`` resolved.
        seed: Of the run.
        in_order: Whether train rows are in the order of time, so that what is carved out of a given train part is
            each user's last row, of two or more.

    Raises:
        UserError: a protocol that needs time without one, or a cut that is no time.
    """
    if split.needs_time and log.time is None:
        raise UserError(f"data.split.by={split.by} needs the order of events: set data.time")
    random = np.random.default_rng(derive(seed, "split")).random(len(log))
    everyone = np.zeros(len(log), dtype=np.int8)
    facts: dict[str, object] = {"by": split.by}
    if split.by == "given":
        assert log.part is not None
        part = log.part.copy()
    elif split.by == "leave_one_out":
        part = _leave_one_out(log.users, _time(log), with_valid=split.valid != "none")
    elif split.by == "temporal":
        part, facts["cuts"] = _by_cuts(_time(log), split)
    else:
        ratios = (split.ratios[1], split.ratios[2])
        each_user = split.per_user or split.by == "temporal_user"
        key = random if split.by == "random" else _time(log)
        part = _by_share(log.users if each_user else everyone, key, *ratios, seed=seed)
        facts |= {"ratios": list(split.ratios), "per_user": each_user}
    if split.has_own_valid(file=bool((part == VALID).any())):
        if split.valid == "carve":
            raise UserError("data.split.valid=carve, but there is a validation file; leave one of them out")
        return Parts(part, "own", facts)
    if split.valid == "none":
        return Parts(part, "none", facts)
    if in_order and split.by == "given":
        train = np.flatnonzero(part == TRAIN)
        back, size = _from_end(log.users[train], train)
        part[train[(back == 0) & (size >= 2)]] = VALID
        return Parts(part, "carve", facts)
    _carve(log, part, split, random, seed)
    return Parts(part, "carve", facts | {"valid_ratio": split.valid_ratio, "per_user": split.per_user})


def _carve(log: Log, part: np.ndarray, split: Split, random: np.ndarray, seed: int) -> None:
    """Turn a share of the training rows into validation, in place: the last ones where the protocol is temporal."""
    train = np.flatnonzero(part == TRAIN)
    users = log.users[train]
    each_user = split.per_user if split.by in ("random", "given") else split.by == "temporal_user"
    key = _time(log) if split.needs_time else random
    groups = users if each_user else np.zeros_like(users)
    carved = _by_share(groups, key[train], split.valid_ratio, 0.0, seed=seed)
    part[train[carved == VALID]] = VALID


def _by_share(groups: np.ndarray, key: np.ndarray, valid: float, test: float, *, seed: int) -> np.ndarray:
    """In each group the last ``test`` share by key is test, the ``valid`` share before it validation.

    Rounding down would never test a user of few rows: the fraction of a row is held out with its probability.
    """
    back, size = _from_end(groups, key)
    rng = np.random.default_rng(derive(seed, "split", "rounding"))
    draws = rng.random((2, int(groups.max(initial=0)) + 1))[:, groups]
    held_test = np.minimum(_rounded(test * size, draws[0]), size - 1)
    held_valid = np.minimum(_rounded(valid * size, draws[1]), size - 1 - held_test)
    return _parts(back, held_valid, held_test)


def _rounded(rows: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """``rows`` rounded up with the probability of its fraction; a float's error is no fraction."""
    whole = np.floor(rows + 1e-9)
    return whole + (draw < rows - whole - 1e-9)


def _leave_one_out(users: np.ndarray, time: np.ndarray, with_valid: bool) -> np.ndarray:
    """A user of one row keeps it in train; of two rows, has no validation."""
    back, size = _from_end(users, time)
    return _parts(back, (size >= 3) * int(with_valid), (size >= 2) * 1)


def _parts(back: np.ndarray, held_valid: np.ndarray, held_test: np.ndarray) -> np.ndarray:
    part = np.full(len(back), TRAIN, dtype=np.int8)
    part[back < held_test + held_valid] = VALID
    part[back < held_test] = TEST
    return part


def _from_end(groups: np.ndarray, key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row its place counted from the end of its group (0 is the last by key), and the group's size."""
    order = np.lexsort((key, groups))
    sizes = np.bincount(groups, minlength=1)
    ends = np.cumsum(sizes)[groups[order]] - 1
    back = np.empty(len(groups), dtype=np.int64)
    back[order] = ends - np.arange(len(groups))
    return back, sizes[groups]


def _by_cuts(time: np.ndarray, split: Split) -> tuple[np.ndarray, list[float | int]]:
    """Validation begins at the first cut, test at the last; rows of one time are never parted."""
    cuts = [_as_cut(cut) for cut in split.cuts] or _quantiles(time, split.ratios)
    part = np.full(len(time), TRAIN, dtype=np.int8)
    part[time >= cuts[0]] = VALID
    part[time >= cuts[-1]] = TEST
    return part, cuts


def _quantiles(time: np.ndarray, ratios: list[float]) -> list[float | int]:
    ordered = np.sort(time)
    shares = [ratios[0], ratios[0] + ratios[1]] if ratios[1] else [ratios[0]]
    return [ordered[min(int(share * len(ordered) + 1e-9), len(ordered) - 1)].item() for share in shares]


def _as_cut(cut: float | str) -> float | int:
    if not isinstance(cut, str):
        return cut
    time, wrong, _ = as_time(pa.array([cut]))
    if wrong[0] or not np.isfinite(time[0]):
        raise UserError(f"data.split.cuts: {cut!r} is neither a timestamp nor a date such as 2024-01-31")
    return time[0].item()


def _time(log: Log) -> np.ndarray:
    assert log.time is not None
    return log.time
