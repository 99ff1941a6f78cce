from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.core.seeds import generator
from graphcl.objective.base import Rows
from graphcl.objective.states.running_mean import RunningMean


def test_the_rule_by_hand() -> None:
    """From 0: .75 * 0 + .25 * 4 = 1; then .75 * 1 + .25 * 9 = 3."""
    state = RunningMean("a.codes", dim=1, momentum=0.75)
    for rows, mean in (([[2.0], [6.0]], 1.0), ([[9.0]], 3.0)):
        state.update({"rows": Rows(torch.tensor(rows))}, generator=generator(0))
        assert state.field("mean").tolist() == [mean]
    state.update({"rows": Rows(torch.zeros(0, 1))}, generator=generator(0))
    assert state.field("mean").tolist() == [3.0]


def test_what_cannot_enter_is_refused() -> None:
    state = RunningMean("a.codes", dim=2)
    with pytest.raises(UserError, match="width 3; set dim=3"):
        state.update({"rows": Rows(torch.zeros(1, 3))}, generator=generator(0))
    with pytest.raises(NonFiniteError):
        state.update({"rows": Rows(torch.full((1, 2), torch.nan))}, generator=generator(0))
