"""Experts without a language model: extracts of a node's text and of those around it."""

from graphcl.llm.offline.experts import EXPERTS, independent, offline_texts, raw, reasoning, summary
from graphcl.llm.offline.textrank import jaccard, key_phrases, key_phrases_of, rank_sentences

__all__ = [
    "EXPERTS",
    "independent",
    "jaccard",
    "key_phrases",
    "key_phrases_of",
    "offline_texts",
    "rank_sentences",
    "raw",
    "reasoning",
    "summary",
]
