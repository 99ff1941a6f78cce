from __future__ import annotations

import torch
from torch import Tensor

from graphcl.core.seeds import generator
from graphcl.encode.base import View
from graphcl.encode.window_encoder import WindowEncoder
from graphcl.encode.windows import read_windows
from graphcl.graph.window import build_windows

TABLE = torch.randn(12, 3, generator=generator(0, "table"))
GRAPH = build_windows(TABLE, torch.tensor([0, 4, 11]), torch.tensor([5, 12, 12]))


def encode(table: Tensor = TABLE, **options: object) -> Tensor:
    graph = build_windows(table, torch.tensor([0, 4, 11]), torch.tensor([5, 12, 12]))
    return WindowEncoder(**options, graph=graph, generator=generator(1))(View(graph)).nodes.detach()  # type: ignore[arg-type]


def test_lags_and_trend_by_loops() -> None:
    windows = read_windows(GRAPH)
    lagged, trend = windows.lagged(3), windows.trend(4)
    for node in range(len(GRAPH.row)):
        begin = int(GRAPH.ptr[GRAPH.batch[node]])
        past = [GRAPH.x[max(node - back, begin)] for back in range(4)]
        torch.testing.assert_close(lagged[node], torch.stack(past[:3], dim=1))
        torch.testing.assert_close(trend[node], torch.stack(past).mean(0))


def test_without_a_width_the_latent_is_the_past_itself() -> None:
    assert torch.equal(encode(lags=2), read_windows(GRAPH).lagged(2).flatten(1))
    parted = encode(lags=1, trend=3).view(-1, 3, 2)
    torch.testing.assert_close(parted.sum(2), GRAPH.x)  # trend and rest add up


def test_a_row_sees_its_own_past_alone() -> None:
    options = {"lags": 2, "trend": 3, "dim": 4, "activation": "gelu"}
    later = TABLE.clone()
    later[8] += 1.0
    same = torch.isclose(encode(**options), encode(later, **options)).all(1)
    touched = [node for node, row in enumerate(GRAPH.row.tolist()) if row >= 8 and int(GRAPH.batch[node]) == 1]
    # 2 lags of a trend over 3 rows reach 3 rows back
    assert (~same).nonzero().view(-1).tolist() == touched[:4]


def test_what_is_read_of_a_metric_says_nothing_of_others() -> None:
    other = TABLE.clone()
    other[:, 1] += 1.0
    options = {"lags": 2, "trend": 3, "dim": 4, "activation": "gelu"}
    before, after = (encode(table, **options).view(-1, 3, 4) for table in (TABLE, other))
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.isclose(before[:, 1], after[:, 1]).any(1).all()


def test_longer_filters_give_the_same_latent() -> None:
    tower = WindowEncoder(lags=2, dim=4, graph=GRAPH, generator=generator(1))
    before = tower(View(GRAPH)).nodes
    with torch.no_grad():
        tower.filters.mul_(7.0)  # type: ignore[union-attr]
    torch.testing.assert_close(tower(View(GRAPH)).nodes, before)
