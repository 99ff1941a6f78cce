"""From texts and options to a fitted encoder, and back from what a run keeps of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from graphcl.data.text_encoders.base import TextEncoder, TextOptions
from graphcl.data.text_encoders.sentence import SentenceEncoder


def fit_text_encoder(texts: Sequence[str], options: TextOptions = TextOptions()) -> TextEncoder:
    """An encoder that has seen these texts and nothing else.

    >>> fit_text_encoder(["red cats", "red dogs", "blue cats"], TextOptions(dim=2, max_df=1.0)).dim
    2

    Raises:
        UserError: no word is left to count, or a model cannot be loaded.
    """
    if options.encoder == "sentence_transformer":
        encoder = SentenceEncoder(options)
        _ = encoder.model  # refused now, where it cannot be loaded
        return encoder
    from graphcl.data.text_encoders.words import fit_words

    return fit_words(texts, options)


def restore_text_encoder(
    options: TextOptions, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
) -> TextEncoder:
    """The encoder whose ``state()`` these are; a model with weights of its own is loaded when it is needed."""
    if options.encoder == "sentence_transformer":
        return SentenceEncoder(options, values["identity"])
    from graphcl.data.text_encoders.words import WordEncoder

    return WordEncoder(options, values["vocabulary"], tensors.get("idf"), tensors.get("svd"))
