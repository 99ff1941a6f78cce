"""What a text encoder is, and the options of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch import Tensor

from graphcl.core.options import Count, Index, ModelName, Share

Encoder = Literal["tfidf_svd", "bag_of_words", "sentence_transformer"]


@dataclass(frozen=True)
class TextOptions:
    """How the texts of nodes become features.

    Args:
        encoder: tfidf_svd (no weights needed), bag_of_words (0 or 1 a word, rows of length 1), or
            sentence_transformer (needs the extra text and a model).
        dim: Columns of tfidf_svd.
        units: What tfidf_svd and bag_of_words count: words, or pieces of 2 and 3 characters, for scripts that do not
            write spaces between words.
        stop_words: Words that are left out.
        min_df: A word must occur in so many texts; 0 is 2 for tfidf_svd and 5 for bag_of_words.
        max_df: A word that occurs in a larger share of the texts is left out.
        model: Of sentence_transformer: a folder, or a name on the Hugging Face hub.
        max_length: Tokens of a text that sentence_transformer reads; 0 is the model's own number.
    """

    encoder: Encoder = "tfidf_svd"
    dim: Count = 256
    units: Literal["words", "characters"] = "words"
    stop_words: Literal["english", "none"] = "english"
    min_df: Index = 0
    max_df: Share = 0.5
    model: ModelName = ""
    max_length: Index = 128


class TextEncoder(Protocol):
    """Fitted on some texts; maps any texts to rows of the same width, each of length 1 (an empty text: zeros)."""

    options: TextOptions

    @property
    def dim(self) -> int:
        """Columns."""

    @property
    def told(self) -> str:
        """What it is, for the screen and for provenance."""

    def encode(self, texts: Sequence[str]) -> Tensor:
        """[n, dim] float32."""

    def state(self) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
        """Tensors and plain values from which it can be made again."""
