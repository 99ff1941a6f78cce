"""Contrast between devices that one thing is measured by at the same time."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from graphcl.core.address import parse_address
from graphcl.core.errors import UserError
from graphcl.core.options import Address, Addresses, Count, Index, Positive
from graphcl.core.registry import register
from graphcl.encode.windows import tracks_of
from graphcl.objective.base import Anchored, Flow, Term, at_type
from graphcl.objective.kernels import Csr, log_partition, unit_rows
from graphcl.objective.pairs import align
from graphcl.objective.terms.mmd import mmd_values

#: Distances below count as this: devices that say the same have a finite weight.
NEAREST = 1e-6
#: Records by which weights are told at an evaluation, which may be of all there are.
MEASURED = 1024


class Chosen(NamedTuple):
    """What an anchor device is contrasted with.

    Attributes:
        positives: [D], the weight of each device's row at the anchor's own time; 0 where it is no positive.
        negatives: [D], the weight of each device's rows at other times.
    """

    positives: Tensor
    negatives: Tensor


def device_distances(devices: Tensor) -> Tensor:
    """[D, D] squared maximum mean discrepancies between the rows of each two devices [D, B, d], without gradient."""
    rows = devices.detach()
    count, result = len(rows), rows.new_zeros(len(rows), len(rows))
    for a in range(count):
        for b in range(a + 1, count):
            result[a, b] = result[b, a] = mmd_values(rows[a], rows[b]).sum() / max(rows.shape[1], 1)
    return result.clamp_min(0)


def choose_devices(distances: Tensor, anchor: int, positives: int = 1, negatives: int = 0) -> Chosen:
    """Device selection of ColloSSL (Jain et al., 2022, 4.1): the nearest are positives, near ones count more.

    Weights are one over the distance, and of each set together 1.

    >>> distances = torch.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 2.0], [3.0, 2.0, 0.0]])
    >>> chosen = choose_devices(distances, anchor=0)
    >>> chosen.positives.tolist(), chosen.negatives.tolist()
    ([0.0, 1.0, 0.0], [0.0, 0.75, 0.25])

    Args:
        distances: [D, D].
        anchor: From 0.
        positives: How many of the nearest are positives.
        negatives: Of how many of the nearest other times are negatives; 0 takes all.
    """
    own = distances[anchor].clone()
    own[anchor] = torch.inf  # of weight 0, and behind all others
    near = own.argsort(stable=True)
    weights = 1 / own.clamp_min(NEAREST)
    others = len(own) - 1
    kept = [torch.zeros_like(own).index_fill(0, near[:count], 1.0) * weights
            for count in (min(positives, others), min(negatives or others, others))]
    return Chosen(*(one / one.sum() for one in kept))


def device_contrast(devices: Tensor, chosen: Chosen, anchor: int, temperature: float = 0.1) -> Tensor:
    """The multi-view contrastive loss of one anchor device (ColloSSL, Jain et al., 2022, eq. 4).

    ``-log P / (P + N)``, ``P = sum_p w_p exp(s(a_t, p_t) / tau)`` over positive devices at the anchor's own time t,
    ``N = sum_n w_n sum_(t' != t) exp(s(a_t, n_t') / tau)`` over negative ones at all others; s is the cosine. The
    authors' code takes s from a loss that is minus the cosine, so that likeness is pushed apart; this does not.

    Args:
        devices: [D, B, d]; row t of each is of one time.
        chosen: Weights of the others.
        anchor: From 0.
        temperature: tau.

    Returns:
        [B]; 0 where there is no other time.
    """
    rows = unit_rows(devices)
    count = rows.shape[1]
    held, pushed = (one.nonzero().view(-1) for one in chosen)
    likeness = (rows[anchor] * rows.index_select(0, held)).sum(-1).T / temperature  # [B, P]
    positive = (likeness + chosen.positives.index_select(0, held).log().to(rows.dtype)).logsumexp(1)
    itself = (torch.arange(count, device=rows.device)[:, None] + count * torch.arange(len(pushed), device=rows.device))
    own_time = Csr(len(pushed) * torch.arange(count + 1, device=rows.device), itself.reshape(-1))
    negative = log_partition(
        rows[anchor], rows.index_select(0, pushed).flatten(0, 1), temperature=temperature, mask=own_time,
        log_weights=chosen.negatives.index_select(0, pushed).log().repeat_interleave(count),
    )  # fmt: skip
    return F.softplus(negative - positive)


@register(
    "term", "device_contrast", example={"x": ["a.nodes[batch]", "b.nodes[batch]", "c.nodes[batch]"], "temperature": 0.5}
)
class DeviceContrast(Term):
    """Devices that measure one thing at once are views of it: the nearest device, at the same time, is the positive,
    other times of near devices are the negatives (ColloSSL, Jain et al., IMWUT 2022).

    How near devices are is measured anew in each batch, by their maximum mean discrepancy. The rows of a record are of
    one time, those of other records of other times, so that batches need not be drawn in a special way.
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        x: Addresses,
        compared: Address | None = None,
        anchor: Index = 0,
        positives: Count = 1,
        negatives: Index = 0,
        temperature: Positive = 0.1,
        **common: Any,
    ) -> None:
        """
        Args:
            x: The rows of each device, a list of addresses; or one address, of a view's graphs, whose rows hold all
                devices beside each other, as a tower with `apart` gives them.
            compared: Such rows of the same devices, by which their distances are measured; none takes x.
            anchor: The device that is contrasted with the others, from 1; 0 takes each in turn, the mean counting.
            positives: How many of the nearest devices are positives.
            negatives: Of how many of the nearest devices other times are negatives; 0 takes all.
            temperature: What cosines are divided by.
        """
        super().__init__(**common)
        self.x, self.compared, self.anchor, self.temperature = x, compared, anchor, temperature
        self.positives, self.negatives = positives, negatives

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per record."""
        devices, ids, all_rows = self._devices(flow, node_type, self.x)
        distances = self._distances(flow, node_type, devices)
        values = torch.stack([
            device_contrast(devices, self._chosen(distances, anchor), anchor, self.temperature)
            for anchor in self._anchors(len(devices))
        ]).mean(0)  # fmt: skip
        weight = self.anchor_weight(flow, node_type, ids, values.new_ones(len(values)))
        return Anchored(values * weight, weight, ids, left_out=all_rows - len(values))

    def measure(self, flow: Flow) -> dict[str, float]:
        """``weight/N`` of each device: what its other times weigh as negatives, the mean over the anchors."""
        devices = self._devices(flow, "", self.x)[0][:, :MEASURED]
        distances, anchors = self._distances(flow, "", devices), self._anchors(len(devices))
        weights = torch.stack([self._chosen(distances, anchor).negatives for anchor in anchors]).mean(0)
        return {f"weight/{number}": weight for number, weight in enumerate(weights.tolist(), 1)}

    def _distances(self, flow: Flow, node_type: str, devices: Tensor) -> Tensor:
        if self.compared is None:
            return device_distances(devices)
        return device_distances(self._devices(flow, node_type, self.compared)[0][:, : devices.shape[1]])

    def _chosen(self, distances: Tensor, anchor: int) -> Chosen:
        return choose_devices(distances, anchor, self.positives, self.negatives)

    def _anchors(self, count: int) -> list[int]:
        if count < 2:
            raise UserError("device_contrast: there is one device, and nothing to contrast it with; give two or more")
        if self.anchor > count:
            raise UserError(f"device_contrast: anchor {self.anchor} of {count} devices; they are numbered from 1")
        return [self.anchor - 1] if self.anchor else list(range(count))

    def _devices(self, flow: Flow, node_type: str, address: str | list[str]) -> tuple[Tensor, Tensor | None, int]:
        """[D, B, d] rows of each device, their ids, and how many rows there were."""
        if isinstance(address, list):
            sides = [flow.rows(at_type(one, node_type)) for one in address]
            rows, ids = align(sides, "id")
            return torch.stack(rows), ids, len(sides[0])
        found, count = flow.rows(at_type(address, node_type)), tracks_of(flow.view(parse_address(address).view).graph)
        values = found.values
        if values.shape[1] % count:
            raise UserError(f"device_contrast: '{address}' is {values.shape[1]} wide, which is not {count} devices "
                            "beside each other; set apart on its tower and head")  # fmt: skip
        return values.view(len(values), count, values.shape[1] // count).transpose(0, 1), found.ids, len(values)
