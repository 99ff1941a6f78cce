from __future__ import annotations

import pytest
import torch

from graphcl.core.errors import UserError
from graphcl.graph.window import build_windows


def test_windows_lie_end_to_end_and_may_overlap() -> None:
    table = torch.arange(12.0).view(6, 2)
    graph = build_windows(table, torch.tensor([2, 0, 3]), torch.tensor([5, 1, 5]))
    assert graph.row.tolist() == [2, 3, 4, 0, 3, 4]
    assert torch.equal(graph.x, table[graph.row])
    assert graph.ptr.tolist() == [0, 3, 4, 6]
    assert graph.pos.tolist() == [0, 1, 2, 0, 0, 1]
    assert graph.batch.tolist() == [0, 0, 0, 1, 2, 2]
    assert graph.edge_index.tolist() == [[0, 1, 4], [1, 2, 5]]


@pytest.mark.parametrize(("start", "stop"), [(2, 2), (-1, 2), (4, 7)])
def test_a_window_of_rows_that_are_not_there_is_refused(start: int, stop: int) -> None:
    with pytest.raises(UserError, match="at least one of the 6 rows"):
        build_windows(torch.zeros(6, 2), torch.tensor([start]), torch.tensor([stop]))
