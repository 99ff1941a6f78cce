from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.objective.regularizers import GroupLasso

from .fake_flow import FakeFlow


def test_it_is_one_value_a_row_the_sum_of_its_groups_norms() -> None:
    weight = torch.tensor([[[[3.0, 4.0], [0.0, 0.0]]], [[[1.0, 0.0], [0.0, 2.0]]]])  # [2, 1, 2, 2]
    flow = FakeFlow({}, {"heads.forecast.inward": weight, "heads.forecast.bias": torch.ones(2)})
    assert GroupLasso(["forecast"]).group(flow, "").values.tolist() == [5.0, 3.0]
    assert GroupLasso(["forecast"], rows=2, groups=0).group(flow, "").values.tolist() == [6.0, 2.0]


def test_what_it_cannot_group_is_refused() -> None:
    flow = FakeFlow({}, {"heads.forecast.bias": torch.ones(2)})
    with pytest.raises(UserError, match=r"0 parameters are called 'inward'; known: heads\.forecast\.bias"):
        GroupLasso(["forecast"]).group(flow, "")
    with pytest.raises(UserError, match="'bias' has 1 dimensions"):
        GroupLasso(["forecast"], parameter="bias").group(flow, "")
    with pytest.raises(UserError, match="both dimension 1"):
        GroupLasso(["forecast"], rows=1, groups=1)
