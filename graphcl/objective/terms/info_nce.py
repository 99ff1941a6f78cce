"""InfoNCE: pick out the partner of an anchor among candidates."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.core.options import Address, Addresses, Positive
from graphcl.core.registry import register
from graphcl.objective.base import Anchored, Flow, Rows, Term, at_type, same_storage
from graphcl.objective.curve import CurveWeights
from graphcl.objective.kernels import Csr, Similarity, contrast, mutual_contrast, mutual_possible
from graphcl.objective.pairs import Pairing, check_widths, match_rows
from graphcl.objective.sides import Side, as_assigned, nothing_like, side_of

Keep = Annotated[float, Field(gt=0.0, le=1.0)]


@register("term", "info_nce", example={"anchors": "main.nodes[user][users]", "candidates": "main.nodes[user]"})
class InfoNCE(Term):
    """``-log exp(s(a, c+) / t) / sum_c exp(s(a, c) / t)`` for every anchor (van den Oord et al. 2018).

    The positive of an anchor is the candidate row with the same id; anchors without one are left out and
    counted. Rows that occur several times in a batch are computed once with their count as weight: equal
    result, less work (without the positive in the denominator, all its copies leave the sum). Relations:

    - LightGCL's released loss (Cai et al. 2023): anchors of the SVD view, all nodes of the graph view as
      candidates, ``similarity: dot``, ``clamp: 5``, ``reduce: mean_per_group``. It has 1e-8 inside the
      logarithm and overflows at logits above 88; this form does neither.
    - GRACE (Zhu et al. 2020): ``symmetric: true``, ``intra: true``. Over a batch of anchors ``a.proj[batch]`` against
      all nodes (``candidates: b.proj``, ``own_view: a.proj``) its mean over the batches is the loss of all anchors.
    - SimGCL, XSimGCL (Yu et al. 2022, 2023): unique rows of the batch on both sides.
    - NCL's prototypes (Lin et al. 2022): ``assignment``; ICLRec's intents (Chen et al. 2022): ``assigned_only`` too.
    - MoCo (He et al. 2020): ``positives`` from the teacher, candidates from a queue. MoCHi (Kalantidis et al. 2020):
      ``own_negatives``.
    - DCL (Yeh et al. 2022): ``positive_in_denominator: false``.
    - Next-item cross-entropy over the whole catalogue: ``main.nodes[predict]`` against ``table.item``, ``positives:
      table.item[next]``, ``pair: position``, ``similarity: dot``, ``temperature: 1``.
    - iSogCLR (Qiu et al. 2023): DCL with ``temperatures`` and ``weights`` of the state ``temperatures``.
    - ProGCL (Xia et al. 2022): GRACE with ``negative_weights`` of a ``beta_mixture``.
    """

    combine = "gather"

    def __init__(  # noqa: D417 - Term documents the common options
        self,
        anchors: Addresses,
        candidates: Addresses,
        positives: Address | None = None,
        pair: Pairing = "id",
        temperature: Positive = 0.2,
        similarity: Similarity = "cosine",
        clamp: Positive | None = None,
        positive_in_denominator: bool = True,
        symmetric: bool = False,
        intra: bool = False,
        own_view: Address | None = None,
        own_negatives: Addresses | None = None,
        own_weights: list[Positive] | None = None,
        assignment: Address | None = None,
        assigned_only: bool = False,
        negative_weights: Address | None = None,
        temperatures: Address | None = None,
        keep: Keep = 1.0,
        **common: Any,
    ) -> None:
        """
        Args:
            anchors: Rows that look for their partner.
            candidates: Rows among which they look.
            positives: Rows of the partners, one for each anchor, when ids do not find them among the candidates.
            pair: How positives are given: ``id``, rows of the anchors' ids; ``position``, one for each anchor in order.
            temperature: What similarities are divided by.
            similarity: ``cosine``, ``dot`` or ``neg_sqdist`` (minus the squared distance).
            clamp: Bound of the positive's logit on both sides; beyond it a pair gets no gradient.
            positive_in_denominator: Whether the sum over candidates contains the positive.
            symmetric: Average with the opposite direction, in which partners look for anchors.
            intra: Add the other anchors to the candidates (negatives within the anchors' own view).
            own_view: All rows of the anchors' view, where the anchors are a part of them; ``intra`` and the opposite
                direction then take all of these in the place of the anchors.
            own_negatives: Latent [B, K, d] with further negatives of each anchor's own; or K addresses, each of a
                row for each anchor in order. With these, candidates may be [].
            own_weights: How much each of the K own negatives counts; empty: one.
            assignment: Integer vector, id of an anchor -> position of its positive among the candidates.
            assigned_only: Whether to sum over what the batch's anchors are assigned to, each as often as they are and
                an anchor's own once, so that who shares it is no negative; else over all candidates, each once.
            negative_weights: Curve of a state over cosines, ``state.NAME.curve``; each negative counts as it says, and
                1 on average over those of an anchor. An empty one weighs nothing.
            temperatures: A state's table of a temperature for each anchor, in the place of `temperature`; the anchor's
                value is then multiplied by it, so that gradients do not grow as it falls.
            keep: Probability with which a step contrasts an anchor (LightGCL's paper drops half of them).

        Raises:
            UserError: ``symmetric`` with an option that has no opposite direction; two sources of positives;
                ``assigned_only`` without ``assignment``, or with negatives that have none; ``negative_weights`` of what
                are no cosines, or with ``positives``.
        """
        super().__init__(**common)
        one_way = {"positives": positives, "own_negatives": own_negatives, "assignment": assignment,
                   "temperatures": temperatures}
        given = [name for name, value in one_way.items() if value is not None]
        if symmetric and given:
            raise UserError(f"info_nce: symmetric has no opposite direction with {', '.join(given)}; leave one out")
        if positives is not None and assignment is not None:
            raise UserError("info_nce: positives and assignment both name the positive; leave one out")
        if negative_weights is not None and (similarity != "cosine" or positives is not None):
            raise UserError("info_nce: negative_weights is a curve over cosines of candidates that hold the positive; "
                            "leave positives out and take similarity: cosine")
        if assigned_only and (assignment is None or intra or negative_weights is not None):
            raise UserError("info_nce: assigned_only counts what anchors are assigned to; give assignment, and leave "
                            "intra and negative_weights out")
        self.anchors, self.candidates, self.positives, self.pair = anchors, candidates, positives, pair
        if not candidates and (own_negatives is None or positives is None or intra):
            raise UserError("info_nce: candidates are [] only where positives and own_negatives name all there is")
        if own_weights is not None and own_negatives is None:
            raise UserError("info_nce: own_weights are those of own_negatives; give these, or leave it out")
        self.negative_weights, self.own_weights, self.temperatures = negative_weights, own_weights, temperatures
        self.own_negatives, self.assignment, self.assigned_only = own_negatives, assignment, assigned_only
        self.symmetric, self.intra, self.own_view, self.keep = symmetric, intra, own_view, keep
        self._temperature = float(temperature)
        self._kernel: dict[str, Any] = {
            "temperature": temperature,
            "similarity": similarity,
            "clamp": None if clamp is None else (-clamp, clamp),
            "positive_in_denominator": positive_in_denominator,
        }

    def group(self, flow: Flow, node_type: str) -> Anchored:
        """One value per anchor that has a partner."""
        anchors = side_of(flow.rows(at_type(self.anchors, node_type)))
        named = self.candidates
        candidates = side_of(flow.rows(at_type(named, node_type))) if named else nothing_like(anchors)
        if self._shared:
            anchors, candidates = anchors.unique(), candidates.unique()
        if named and len(anchors.rows) and not len(candidates.rows):  # clusters before their first run, an empty queue
            none = anchors.values.sum(1)[:0]
            return Anchored(none, None, None, left_out=int(anchors.counts.sum()))
        check_widths(anchors.rows, candidates.rows)
        partner, positive_rows = self._partners(flow, node_type, anchors, candidates)
        view, place = self._place(flow, node_type, anchors)
        found = (partner >= 0) & (place >= 0)
        if self.assigned_only:
            candidates = as_assigned(candidates, partner, anchors.counts)
        left_out = int(anchors.counts[~found].sum())
        if self.keep < 1:
            draw = torch.rand(len(partner), generator=flow.generator(f"info_nce keep {node_type}"))
            found &= (draw < self.keep).to(found.device)
        kept = found.nonzero().squeeze(1)
        partner, place, counts = (x.index_select(0, kept) for x in (partner, place, anchors.counts))
        ids = None if anchors.rows.ids is None else anchors.rows.ids.index_select(0, kept)
        weight = self.anchor_weight(flow, node_type, ids, counts)
        own = None if self.own_negatives is None else self._own(flow, node_type, len(anchors.rows))
        own = None if own is None else own.index_select(0, kept)
        positives = partner if positive_rows is None else positive_rows.values.index_select(0, partner)
        curve = None if self.negative_weights is None else flow.tensor(at_type(self.negative_weights, node_type))
        curve = None if curve is None or not len(curve) else curve
        heat = None if self.temperatures is None else self._looked_up(flow, node_type, self.temperatures, ids)
        if self._mutual(view, candidates, kept, curve):
            both = mutual_contrast(view.values, candidates.values, place, partner, temperature=self._temperature)
            return Anchored(weight * both, weight, ids, left_out=left_out)
        values = self._direction(view, candidates, place, positives, weight, own, curve, heat)
        if self.symmetric:
            values = (values + self._direction(candidates, view, partner, place, weight, None, curve)) / 2
        return Anchored(values, weight, ids, left_out=left_out)

    @property
    def _shared(self) -> bool:
        """Whether equal anchors have equal values, so that one can stand for all."""
        return not (self.intra or self.own_negatives or self.positives)

    def _mutual(self, view: Side, candidates: Side, kept: Tensor, curve: Tensor | None) -> bool:
        """Whether all rows of both views meet each other, so that one kernel does both directions.

        It computes the sums of all rows: for a few anchors the two directions are less work.
        """
        plain = self._kernel["clamp"] is None and self._kernel["positive_in_denominator"] and curve is None
        every = self.symmetric and self.intra and self._kernel["similarity"] == "cosine"
        most = 3 * len(kept) > len(view.rows) + len(candidates.rows)
        return every and plain and most and mutual_possible(self._temperature)

    def _place(self, flow: Flow, node_type: str, anchors: Side) -> tuple[Side, Tensor]:
        """The rows of the anchors' view, and the position of each anchor among them (-1: none)."""
        if self.own_view is None:
            return anchors, torch.arange(len(anchors.rows), device=anchors.rows.base.device)
        view = side_of(flow.rows(at_type(self.own_view, node_type)))
        return view, match_rows(anchors.rows, view.rows)

    def _partners(self, flow: Flow, node_type: str, anchors: Side, candidates: Side) -> tuple[Tensor, Rows | None]:
        """Position of each anchor's positive (-1: none), among the candidates or among the returned rows."""
        if self.assignment is not None:
            if anchors.rows.ids is None:
                raise UserError(f"info_nce: assignment '{self.assignment}': the anchors have no ids to look up")
            table = flow.tensor(at_type(self.assignment, node_type))
            return table.index_select(0, anchors.rows.ids).long(), None
        if self.positives is None:
            return match_rows(anchors.rows, candidates.rows), None
        rows = flow.rows(at_type(self.positives, node_type))
        if self.pair == "position":
            return _in_order(anchors.rows, candidates.rows, rows)
        if rows.ids is None and len(rows) == len(anchors.rows):
            rows = replace(rows, ids=anchors.rows.ids)  # aligned with the anchors, not a table to look ids up in
        return match_rows(anchors.rows, rows), rows

    @staticmethod
    def _looked_up(flow: Flow, node_type: str, table: str, ids: Tensor | None) -> Tensor:
        """The entry of each anchor in a table, without gradient."""
        if ids is None:
            raise UserError(f"info_nce: '{table}': the anchors have no ids to look up in the table")
        return flow.tensor(at_type(table, node_type)).detach().index_select(0, ids)

    def _own(self, flow: Flow, node_type: str, count: int) -> Tensor:
        named = at_type(self.own_negatives, node_type)
        several = isinstance(named, list)
        parts = [flow.rows(one).values for one in (named if several else [named])]
        if any(part.shape != parts[0].shape for part in parts):
            shapes = ", ".join(str(list(part.shape)) for part in parts)
            raise UserError(f"info_nce: own_negatives of shapes {shapes}; each needs one row for each anchor")
        own = torch.stack(parts, dim=1) if several else parts[0]
        if self.own_weights is not None and own.dim() == 3 and own.shape[1] != len(self.own_weights):
            raise UserError(f"info_nce: {len(self.own_weights)} own_weights for {own.shape[1]} own_negatives")
        if own.dim() != 3 or own.shape[0] != count:
            raise UserError(
                f"info_nce: own_negatives '{self.own_negatives}' is {list(own.shape)}; {count} anchors need"
                f" [{count}, K, d]"
            )
        return own

    def _direction(
        self,
        anchors: Side,
        candidates: Side,
        which: Tensor,
        positives: Tensor,
        weight: Tensor,
        own: Tensor | None,
        curve: Tensor | None,
        heat: Tensor | None = None,
    ) -> Tensor:
        """Values of the anchors at ``which`` against all candidates."""
        pool, mask, itself, count = candidates.values, None, None, len(candidates.rows)
        log_weights: Tensor | CurveWeights | None = candidates.log_counts
        if self.intra:
            itself = which + count
            mask = Csr.one_each(itself)
            pool = torch.cat([pool, anchors.values])
        elif self.assigned_only:  # the own one is not in the sum over the others, however often it occurs
            mask, positives = Csr.one_each(positives), pool.index_select(0, positives)
        if curve is not None:
            log_weights = CurveWeights(curve, positives, itself, count, candidates.log_counts)
        return contrast(
            anchors.values.index_select(0, which),
            pool,
            positives,
            own_candidates=own,
            own_log_weights=None if self.own_weights is None else pool.new_tensor(self.own_weights).log(),
            log_weights=log_weights,
            mask=mask,
            anchor_weight=weight if heat is None else weight * heat,
            **(self._kernel if heat is None else {**self._kernel, "temperature": heat}),
        )


def _in_order(anchors: Rows, candidates: Rows, positives: Rows) -> tuple[Tensor, Rows | None]:
    """Partners that are given one for each anchor: positions among the candidates where they are rows of the same
    table, which the sum over candidates then holds already; else rows of their own.

    Raises:
        UserError: not as many as anchors.
    """
    if len(positives) != len(anchors):
        raise UserError(f"info_nce: {len(positives)} positives for {len(anchors)} anchors; pair=position needs as many")
    if positives.index is not None and candidates.index is None and same_storage(positives.base, candidates.base):
        return positives.index, None
    return torch.arange(len(anchors), device=anchors.base.device), positives
