"""Texts of nodes: checked, counted, made into features, and packed for disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.graphs.raw import RawGraph
from graphcl.data.report import DataReport
from graphcl.data.text_encoders import TextEncoder, TextOptions, fit_text_encoder


def text_features(
    raw: RawGraph, options: TextOptions, report: DataReport, encoder: TextEncoder | None = None
) -> tuple[Tensor, TextEncoder]:
    """[N, F] float32 of the texts, and the encoder that made them: a fitted one, or one fitted on these texts.

    The fit sees the texts of all nodes of the graph, which is all that a node task trains on, and never a label.

    Raises:
        UserError: the nodes have no texts; see :func:`graphcl.data.text_encoders.fit_text_encoder`.
    """
    if raw.text is None:
        raise UserError(
            f"{raw.source}: the nodes have no texts; a table of nodes has them in the column 'text', "
            "or in the one that data.columns.text names"
        )
    if empty := sum(not text.strip() for text in raw.text):
        report.note(f"nodes with an empty text, kept: {empty:,}")
    if repeated := len(raw.text) - len(set(raw.text)):
        report.note(f"nodes whose text another one has too, kept: {repeated:,}")
    try:
        fitted = encoder or fit_text_encoder(raw.text, options)
    except UserError as error:
        raise UserError(f"{raw.source}: {error}") from error
    x = fitted.encode(raw.text)
    report.note(f"features: {fitted.told}" + (", as in training" if encoder else ", fitted on these texts, no label"))
    if blank := int((x == 0).all(dim=1).sum()) - empty:
        report.note(f"nodes with a text of which no feature is left: {blank:,}")
    return x, fitted


def packed_texts(texts: Sequence[str]) -> dict[str, Tensor]:
    """UTF-8 bytes of all texts one behind the other, and where each ends."""
    pieces = [text.encode() for text in texts]
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    joined = np.frombuffer(bytearray(b"".join(pieces)), dtype=np.uint8)
    return {"text.bytes": torch.from_numpy(joined), "text.ends": torch.from_numpy(ends)}


def unpacked_texts(tensors: Mapping[str, Tensor]) -> list[str] | None:
    """The inverse of :func:`packed_texts`; None where there are no texts."""
    if "text.ends" not in tensors:
        return None
    joined, ends = tensors["text.bytes"].numpy().tobytes(), tensors["text.ends"].tolist()
    return [joined[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
