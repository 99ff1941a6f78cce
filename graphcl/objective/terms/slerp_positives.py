"""Hard positives made on the sphere: from a key towards another prototype, but not beyond its own."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, Count, Positive
from graphcl.core.registry import register
from graphcl.core.seeds import uniform_by_id
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import unit_rows
from graphcl.objective.pairs import pair_rows

Reach = Annotated[float, Field(ge=0.0, le=1.0)]
EPS = 1e-7


def slerp(x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """The point at share ``t`` of the way from x to y along the sphere; x itself where the two are one.

    Args:
        x: [..., d] of length 1.
        y: [..., d] of length 1.
        t: [...].
    """
    angle = _angle(x, y)
    far = angle > 1e-4
    safe = torch.where(far, angle, torch.ones_like(angle))
    first, second = (torch.sin(share * safe) / safe.sin() for share in (1 - t, t))
    return torch.where(far[..., None], first[..., None] * x + second[..., None] * y, x)


def boundary(key: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Share of the way from ``key`` to ``other`` at which a point is as near to ``own`` as to ``other``.

    The closed form of HaLP (Shah et al., CVPR 2023): ``tan(t w) = sin w / (C + cos w)`` with the angle w from key to
    other and ``C = (1 - own . other) / (key . (own - other))``.

    Args:
        key: [..., d] of length 1, no nearer to ``other`` than to ``own``.
        own: [..., d] of length 1.
        other: [..., d] of length 1.

    Returns:
        [...], from 0, where the key is on the boundary already, to 1.

    >>> axes = torch.eye(2)
    >>> boundary(axes[0], axes[0], axes[1])
    tensor(0.5000)
    """
    angle = _angle(key, other)
    ahead = (key * (own - other)).sum(-1).clamp_min(EPS)
    c = (1 - (own * other).sum(-1)).clamp_min(0) / ahead
    return (torch.atan2(angle.sin(), c + angle.cos()) / angle.clamp_min(1e-4)).clamp(0, 1)


def _angle(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum(-1).clamp(-1 + EPS, 1 - EPS).arccos()


class Made(NamedTuple):
    """Positives of B keys, K each.

    Attributes:
        points: [B, K, d] of length 1.
        kept: [B, K] bool, those whose nearest prototype is that of their key.
    """

    points: Tensor
    kept: Tensor


def positives_between(
    keys: Tensor,
    prototypes: Tensor,
    count: int,
    *,
    nearest: int,
    reach: float,
    ids: Tensor | None = None,
    generator: torch.Generator,
) -> Made:
    """``count`` points from each key towards others of the prototypes that are nearest to it.

    Each is ``1 - u`` of the way to the boundary, u drawn from 0 to ``reach``, towards one of the ``nearest``
    prototypes after the key's own, drawn alike.

    Args:
        keys: [B, d] of length 1.
        prototypes: [P, d] of length 1, two or more.
        count: K.
        nearest: among how many prototypes is drawn.
        reach: lambda; 0 makes all points at the boundary.
        ids: [B] of the keys, from which their draws follow; None: from their places.
        generator: source of the draws.
    """
    order = (keys @ prototypes.T).argsort(dim=1, descending=True, stable=True)
    own = prototypes.index_select(0, order[:, 0])
    among = min(nearest, len(prototypes) - 1)
    places = torch.arange(len(keys), device=keys.device) if ids is None else ids
    draws = uniform_by_id(places, 2 * count, generator=generator).view(-1, 2, count).unbind(1)
    which = 1 + (draws[0] * among).long().clamp_max(among - 1)
    target = prototypes[order.gather(1, which)]  # [B, K, d]
    starts = keys[:, None].expand_as(target)
    t = (1 - reach * draws[1].to(keys.dtype)) * boundary(starts, own[:, None].expand_as(target), target)
    points = slerp(starts, target, t)
    kept = (points @ prototypes.T).argmax(dim=2) == order[:, :1]
    return Made(points, kept)


@register(
    "term", "slerp_positives",
    example={
        "anchors": "a.nodes[batch]", "keys": "b.nodes[batch]", "prototypes": "state.clusters.centroids", "count": 4,
    },
)  # fmt: skip
class SlerpPositives(Term):
    """``-q . s / t`` over positives s that are made between prototypes (HaLP, Shah et al., CVPR 2023).

    A pull without negatives, beside the contrast of a query q with its key. The positives of a query are points on the
    way from its key to prototypes near by, short of where another than the key's own would be nearest; the few that
    some third prototype is nearest to are left out. Prototypes are those of a ``kmeans`` with ``spherical: true``;
    before its first run there is nothing to pull.

    The mean is over all points that are kept, as if each were an anchor.
    """

    combine = "mean"
    detached = ("keys",)

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        anchors: Address,
        keys: Address,
        prototypes: Address,
        count: Count = 100,
        nearest: Count = 5,
        reach: Reach = 0.8,
        temperature: Positive = 0.07,
        **common: Any,
    ) -> None:
        """
        Args:
            anchors: Queries, which are pulled.
            keys: Their keys, by id, which take no gradient.
            prototypes: Address of a state's prototypes.
            count: Positives of each query.
            nearest: How many prototypes after a key's own are gone towards.
            reach: How much of the way to the boundary may be left out, at most; 0 makes all positives at it.
            temperature: What similarities are divided by.
        """
        super().__init__(**common)
        self.anchors, self.keys, self.prototypes = anchors, keys, prototypes
        self.count, self.nearest, self.reach, self.temperature = count, nearest, reach, temperature

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value for each query with a positive that is kept."""
        rows, keys = flow.rows(at_type(self.anchors, node_type)), flow.rows(at_type(self.keys, node_type))
        query, key, ids = pair_rows(rows, keys, "id")
        query, key = unit_rows(query), unit_rows(key).detach()
        prototypes = flow.tensor(at_type(self.prototypes, node_type)).detach()
        if len(prototypes) < 2 or not len(query):
            return Anchored(query.sum(1)[:0], None, None if ids is None else ids[:0], left_out=len(query))
        if prototypes.shape[1] != key.shape[1]:
            raise UserError(
                f"slerp_positives: '{self.prototypes}' is {prototypes.shape[1]} wide and '{self.keys}' {key.shape[1]}"
            )
        made = positives_between(
            key, unit_rows(prototypes), self.count, nearest=self.nearest, reach=self.reach, ids=ids,
            generator=flow.generator(f"slerp_positives {node_type}"),
        )  # fmt: skip
        total = (made.points * made.kept[..., None]).sum(1)  # the pull is linear in the points
        weight = self.anchor_weight(flow, node_type, ids, made.kept.sum(1).to(query.dtype))
        share = weight / made.kept.sum(1).clamp_min(1)
        values = -(query * total).sum(1) * share / self.temperature
        return Anchored(values, weight, ids, left_out=len(rows) - len(query))
