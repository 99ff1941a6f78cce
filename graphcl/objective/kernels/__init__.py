"""One family of kernels under the contrastive losses.

``contrast = log_partition - positive_logit``, per anchor; every loss that compares anchors with many
candidates is made of these, so none of them ever holds a [B, N] matrix.
"""

from graphcl.objective.kernels.backend import BACKENDS, differentiable, is_differentiable
from graphcl.objective.kernels.contrast import contrast
from graphcl.objective.kernels.csr import Csr
from graphcl.objective.kernels.division import divided
from graphcl.objective.kernels.extreme import Extremes, row_extreme
from graphcl.objective.kernels.mutual import mutual_contrast, mutual_possible
from graphcl.objective.kernels.partition import log_partition
from graphcl.objective.kernels.positive import positive_logit
from graphcl.objective.kernels.similarity import Similarity, unit_rows, widen

__all__ = [
    "BACKENDS",
    "Csr",
    "Extremes",
    "Similarity",
    "contrast",
    "differentiable",
    "divided",
    "is_differentiable",
    "log_partition",
    "mutual_contrast",
    "mutual_possible",
    "positive_logit",
    "row_extreme",
    "unit_rows",
    "widen",
]
