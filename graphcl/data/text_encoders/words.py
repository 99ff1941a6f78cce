"""Word statistics as features: bag of words, and TF-IDF reduced by a truncated SVD."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.preprocessing import normalize
from torch import Tensor

from graphcl.core.errors import UserError
from graphcl.data.text_encoders.base import TextOptions

_MIN_DF = {"tfidf_svd": 2, "bag_of_words": 5}
#: Columns of a bag of words, which is a dense matrix: the most frequent words are kept.
MAX_WORDS = 10_000


class WordEncoder:
    """Counts the words of a fixed vocabulary; see :func:`fit_words`.

    Args:
        options: Of the fit.
        vocabulary: Words in column order.
        idf: [words] inverse document frequencies; None for a bag of words.
        components: [words, dim] right singular vectors; None for a bag of words.
    """

    def __init__(
        self, options: TextOptions, vocabulary: Sequence[str], idf: Tensor | None, components: Tensor | None
    ) -> None:
        self.options, self.vocabulary, self.idf, self.components = options, list(vocabulary), idf, components
        self._vectorizer = _vectorizer(options, vocabulary=self.vocabulary)
        if idf is not None:
            self._vectorizer.idf_ = idf.numpy()

    @property
    def dim(self) -> int:
        """Columns."""
        return len(self.vocabulary) if self.components is None else self.components.shape[1]

    @property
    def told(self) -> str:
        """What it is, for the screen and for provenance."""
        if self.components is None:
            return f"bag of {self.dim:,} {self.options.units}"
        return f"TF-IDF of {len(self.vocabulary):,} {self.options.units}, SVD to {self.dim}"

    def encode(self, texts: Sequence[str]) -> Tensor:
        """[n, dim] float32, rows of length 1; zeros for a text without a known word."""
        counts = self._vectorizer.transform(texts)
        if self.components is None:
            return torch.from_numpy(normalize(counts.astype(np.float32)).toarray())
        return torch.from_numpy(normalize(counts @ self.components.double().numpy()).astype(np.float32))

    def state(self) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
        """Tensors and plain values from which it can be made again."""
        tensors = {} if self.idf is None or self.components is None else {"idf": self.idf, "svd": self.components}
        return tensors, {"vocabulary": self.vocabulary}


def fit_words(texts: Sequence[str], options: TextOptions) -> WordEncoder:
    """Choose a vocabulary, and for ``tfidf_svd`` fit frequencies and singular vectors, on these texts alone.

    TF-IDF takes 1 + log of the counts and rows of length 1; the projection's rows have length 1 again. Few texts give
    fewer columns than ``options.dim``.

    Raises:
        UserError: no word is left to count.
    """
    options = replace(options, min_df=options.min_df or min(_MIN_DF[options.encoder], len(texts)))
    vectorizer = _vectorizer(options)
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError as error:
        raise UserError(_why_empty(texts, options)) from error
    vocabulary = vectorizer.get_feature_names_out().tolist()
    if options.encoder == "bag_of_words":
        return WordEncoder(options, vocabulary, None, None)
    components = torch.from_numpy(_singular_vectors(counts, options.dim))
    return WordEncoder(options, vocabulary, torch.from_numpy(vectorizer.idf_.copy()), components)


def _singular_vectors(counts: Any, dim: int) -> np.ndarray:
    """[words, at most dim] float32."""
    texts, words = counts.shape
    if words == 1:  # which TruncatedSVD refuses
        return np.ones((1, 1), dtype=np.float32)
    # The seed is fixed: features are data, and must not differ between the runs over them.
    with np.errstate(invalid="ignore"):  # equal texts have no variance to explain, which is not used
        svd = TruncatedSVD(min(dim, words, texts), random_state=0).fit(counts)
    return svd.components_.T.astype(np.float32)


def _vectorizer(options: TextOptions, vocabulary: Sequence[str] | None = None) -> Any:
    words = options.units == "words"
    counting = {
        "vocabulary": vocabulary,
        "analyzer": "word" if words else "char_wb",
        "ngram_range": (1, 1) if words else (2, 3),
        "stop_words": "english" if words and options.stop_words == "english" else None,
        "min_df": options.min_df or 1,
        "max_df": options.max_df,
    }
    if options.encoder == "bag_of_words":
        return CountVectorizer(binary=True, max_features=MAX_WORDS, **counting)
    return TfidfVectorizer(sublinear_tf=True, **counting)


def _why_empty(texts: Sequence[str], options: TextOptions) -> str:
    if not any(text.strip() for text in texts):
        return "all texts are empty; set data.features=degree, or give texts"
    where = f"occurs in at least {options.min_df} texts and in at most {options.max_df:.0%} of them"
    advice = "; data.text.units=characters suits scripts without spaces" if options.units == "words" else ""
    what = f"no {options.units[:-1]} of the {len(texts):,} texts"
    return f"{what} {where}: set data.text.min_df, data.text.max_df{advice}"
