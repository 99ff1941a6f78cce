"""Ranking: scores in blocks, the best of each row exactly, metrics of each user."""

from graphcl.tasks.ranking.candidates import Candidates, SampledBy, sample_candidates
from graphcl.tasks.ranking.evaluate import Ranking, rank_users
from graphcl.tasks.ranking.lists import ItemLists
from graphcl.tasks.ranking.metrics import coverage, metric_names, ranking_metrics
from graphcl.tasks.ranking.scorers import InnerProduct, ScoreBlock
from graphcl.tasks.ranking.slices import SliceRow, popularity_slices, slice_items, slice_users
from graphcl.tasks.ranking.topk import BLOCK_BYTES, TopK, iter_top_k, top_k

__all__ = [
    "BLOCK_BYTES",
    "Candidates",
    "InnerProduct",
    "ItemLists",
    "Ranking",
    "SampledBy",
    "ScoreBlock",
    "SliceRow",
    "TopK",
    "coverage",
    "iter_top_k",
    "metric_names",
    "popularity_slices",
    "rank_users",
    "ranking_metrics",
    "sample_candidates",
    "slice_items",
    "slice_users",
    "top_k",
]
