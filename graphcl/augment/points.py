"""Points in space seen from elsewhere."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from graphcl.augment.features import change_features
from graphcl.augment.plain import plain
from graphcl.augment.rebuild import uniform
from graphcl.core.errors import UserError
from graphcl.core.registry import register
from graphcl.encode.base import Graph

Degrees = Annotated[float, Field(ge=0.0, le=180.0)]


@plain
def rotate_points(graph: Graph, turn: Degrees, *, tilt: Degrees = 0.0, generator: torch.Generator) -> Graph:
    """Turn each graph around the upright (second) axis, and tilt it around the others, as seen by another camera.

    Args:
        graph: nodes whose features are three coordinates, or several triples of them.
        turn: largest angle around the upright axis, in degrees; drawn alike between it and its negative.
        tilt: largest angle around the first and the third axis.
        generator: source of the draws, one of each angle for each graph of a batch.

    Raises:
        UserError: features that are no triples, or a value is out of range.
    """

    def turned(store: object, x: Tensor) -> Tensor:
        if x.shape[1] % 3:
            raise UserError(f"rotate_points: nodes have {x.shape[1]} features, which are no coordinates of three axes")
        member = store["batch"] if "batch" in store else torch.zeros(len(x), dtype=torch.int64)  # type: ignore[index,operator]
        graphs = int(member.max()) + 1 if len(x) else 0
        most = torch.tensor([tilt, turn, tilt], dtype=torch.float64) * torch.pi / 180
        angles = most * (2 * uniform((graphs, 3), x, generator).double().cpu() - 1)
        matrices = rotations(angles).to(x).index_select(0, member)  # [N, 3, 3]
        return (x.view(len(x), -1, 3) @ matrices).view_as(x)

    return change_features(graph, turned)


def rotations(angles: Tensor) -> Tensor:
    """[G, 3] angles around the first, second and third axis, in this order -> [G, 3, 3], for rows ``x R``."""
    result = torch.eye(3, dtype=angles.dtype).expand(len(angles), 3, 3)
    for axis, angle in enumerate(angles.T):
        one, other = (axis + 1) % 3, (axis + 2) % 3
        step = torch.eye(3, dtype=angles.dtype).repeat(len(angles), 1, 1)
        step[:, one, one] = step[:, other, other] = angle.cos()
        step[:, one, other], step[:, other, one] = angle.sin(), -angle.sin()
        result = result @ step
    return result


@register(
    "augmenter", "rotate_points", example={"turn": 30.0}, level="graph", stochastic=True, edges="same", triples=True
)
class RotatePoints(nn.Module):
    """Turns the points of each graph in space; see :func:`rotate_points`."""

    def __init__(self, turn: Degrees = 30.0, tilt: Degrees = 10.0) -> None:
        """
        Args:
            turn: Largest angle around the upright axis, in degrees.
            tilt: Largest angle around the other axes.
        """
        super().__init__()
        self.turn, self.tilt = turn, tilt

    def forward(self, graph: Graph, *, generator: torch.Generator) -> Graph:
        """The graph as seen from elsewhere."""
        return rotate_points(graph, self.turn, tilt=self.tilt, generator=generator)
