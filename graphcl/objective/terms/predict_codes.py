"""Codes over prototypes: what one view is assigned to is predicted from the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from graphcl.core.address import parse_address
from graphcl.core.errors import UserError
from graphcl.core.options import Address, Addresses, Count, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import widen
from graphcl.objective.pairs import Matching, check_widths, pair_rows

Codes = Literal["sinkhorn", "softmax"]


@torch.no_grad()
def sinkhorn_codes(scores: Tensor, temperature: float = 0.05, iterations: int = 3) -> Tensor:
    """Codes that use all prototypes alike (SwAV, Caron et al., NeurIPS 2020, eq. 3 to 5): ``exp(S / t)``, scaled in
    turns so that every column has the same sum and every row the sum 1, the rows last.

    Args:
        scores: [B, K] of rows to prototypes.
        temperature: t, the weight of the codes' entropy; small values make them sharp.
        iterations: Turns (Sinkhorn and Knopp).

    Returns:
        [B, K], at least float32, without gradient. Computed by logarithms, so that no score is too large.

    Example:
        >>> sinkhorn_codes(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
        tensor([[0.5000, 0.5000],
                [0.5000, 0.5000]])
    """
    logs = widen(scores) / temperature
    for _ in range(iterations):
        logs = logs - logs.logsumexp(dim=0, keepdim=True)
        logs = logs - logs.logsumexp(dim=1, keepdim=True)
    return logs.exp()


@torch.no_grad()
def softmax_codes(scores: Tensor, temperature: float, center: Tensor | None = None) -> Tensor:
    """``softmax((S - c) / t)`` of each row: sharp, and kept apart by a centre (DINO, Caron et al., ICCV 2021, eq. 1 and
    section 3.1).

    Args:
        scores: [B, K].
        temperature: t.
        center: [K], the running mean of scores; None subtracts nothing.
    """
    scores = widen(scores)
    return ((scores if center is None else scores - center) / temperature).softmax(dim=1)


def predict_codes(scores: Tensor, codes: Tensor, temperature: float) -> Tensor:
    """Cross-entropy ``-sum_k q_k log softmax(S / t)_k`` of each row (SwAV, eq. 2).

    Args:
        scores: [B, K], which predict.
        codes: [B, K] of sum 1.
        temperature: t.

    Returns:
        [B].

    Example:
        >>> predict_codes(torch.zeros(1, 2), torch.tensor([[1.0, 0.0]]), 0.1)
        tensor([0.6931])
    """
    return -(codes * (widen(scores) / temperature).log_softmax(dim=1)).sum(1)


@register("term", "predict_codes", example={"x": "a.nodes[batch]", "y": "b.nodes[batch]"})
class PredictCodes(Term):
    """Predicts the codes of one view, which take no gradient, from the scores of the other.

    Scores are those of a head ``prototypes`` on graphs or on nodes of any kind. Lists are taken item by item.

    - SwAV (Caron et al., NeurIPS 2020): ``x: [a.codes, b.codes]``, ``y: [b.codes, a.codes]``. Multi-crop: more views
      in ``x``, each beside the view whose codes it predicts.
    - DINO's loss (Caron et al., ICCV 2021) and SlotCon's grouping (Wen et al., NeurIPS 2022): ``codes: softmax`` of a
      teacher's scores, with the ``center`` of a state ``running_mean``.
    """

    combine = "gather"
    detached: ClassVar[tuple[str, ...]] = ("y",)

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        x: Addresses,
        y: Addresses,
        codes: Codes = "sinkhorn",
        temperature: Positive = 0.1,
        codes_temperature: Positive = 0.05,
        iterations: Count = 3,
        center: Address | None = None,
        queue: Addresses | None = None,
        pair: Matching = "id",
        *,
        heads: Mapping[str, nn.Module] | None = None,
        **common: Any,
    ) -> None:
        """
        Args:
            x: Scores that predict; a list is taken item by item with that of `y`.
            y: Scores whose codes are predicted, without gradient.
            codes: How scores become codes: `sinkhorn`, together with all others of the view so that all prototypes
                are used alike; or `softmax`, each by itself.
            temperature: Of the prediction.
            codes_temperature: Of the codes.
            iterations: Of sinkhorn.
            center: Address of what is subtracted from scores before softmax, as `state.NAME.mean`.
            queue: Latents of earlier steps that the codes are balanced with, so that a batch may be smaller than there
                are prototypes: those that the head of `y` is applied to, as `state.NAME.keys`; a list has one for each
                of `y`.
            pair: Which rows belong together: by `id` (two views of an example or a node), by `position`, or by `place`
                (patches of two views of an image that show the same place of it).
            heads: The recipe's (supplied).

        Raises:
            UserError: lists of different lengths; an option of the other kind of codes; a queue whose head is unknown.
        """
        super().__init__(**common)
        self.x, self.y = _listed(x), _listed(y)
        self.queue = _listed(queue) * (len(self.y) if isinstance(queue, str) else 1) if queue else []
        if len(self.x) != len(self.y) or len(self.queue) not in (0, len(self.y)):
            counts = f"{len(self.x)} of x, {len(self.y)} of y" + (f", {len(self.queue)} of queue" if queue else "")
            raise UserError(f"predict_codes: addresses are paired item by item: {counts}; give as many of each")
        if (center and codes == "sinkhorn") or (queue and codes == "softmax"):
            raise UserError("predict_codes: center is for codes: softmax, and queue for sinkhorn; leave it out")
        self.codes, self.temperature, self.codes_temperature = codes, temperature, codes_temperature
        self.iterations, self.center, self.pair = iterations, center, pair
        # In a tuple: heads are no part of this module, and must not be in its state_dict.
        self._heads = tuple(_head_of(address, heads or {}) for address in self.y) if queue else ()

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value for each row of each x that has a partner, with the id of x."""
        parts = [self._predicted(flow, node_type, item) for item in range(len(self.x))]
        values, left_out = torch.cat([value for value, _, _ in parts]), sum(without for _, _, without in parts)
        found = [ids for _, ids, _ in parts if ids is not None]
        ids = torch.cat(found) if len(found) == len(parts) else None
        weight = self.anchor_weight(flow, node_type, ids, values.new_ones(len(values)))
        return Anchored(values * weight, weight, ids, left_out=left_out)

    def _predicted(self, flow: Flow, node_type: str, item: int) -> tuple[Tensor, Tensor | None, int]:
        """Values and ids of the rows of one x, and how many have no partner."""
        x, y = (flow.rows(at_type(addresses[item], node_type)) for addresses in (self.x, self.y))
        check_widths(x, y)
        scores, others, ids = pair_rows(x, y, self.pair)
        values = predict_codes(scores, self._codes(flow, node_type, item, others.detach()), self.temperature)
        return values, ids, len(x) - len(scores)

    def _codes(self, flow: Flow, node_type: str, item: int, scores: Tensor) -> Tensor:
        if self.codes == "softmax":
            center = None if self.center is None else flow.tensor(at_type(self.center, node_type))
            return softmax_codes(scores, self.codes_temperature, center)
        if not self.queue:
            return sinkhorn_codes(scores, self.codes_temperature, self.iterations)
        latents = flow.rows(at_type(self.queue[item], node_type)).values
        with torch.no_grad():
            earlier = self._heads[item](latents).to(scores.dtype)
        return sinkhorn_codes(torch.cat([scores, earlier]), self.codes_temperature, self.iterations)[: len(scores)]


def _head_of(address: str, heads: Mapping[str, nn.Module]) -> nn.Module:
    """The head that gives the scores at an address.

    Raises:
        UserError: it is no head of the recipe on its own tower.
    """
    parsed = parse_address(address)
    if parsed.tower != "main" or parsed.level not in heads:
        raise UserError(
            f"predict_codes: queue holds latents for the head of y, and '{address}' is none of tower main; heads: "
            f"{', '.join(heads) or 'none'}"
        )
    return heads[parsed.level]


def _listed(address: str | list[str]) -> list[str]:
    return [address] if isinstance(address, str) else address
