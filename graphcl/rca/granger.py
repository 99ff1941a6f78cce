"""Linear Granger causality between all pairs of series: does the past of one improve the forecast of another?"""

from __future__ import annotations

import numpy as np
from scipy.stats import f as f_distribution


def granger_p_values(values: np.ndarray, lags: int = 3) -> np.ndarray:
    """[C, C] p-values of the pairwise F test; row: cause, column: effect; 1 on the diagonal and for constants.

    Each series is regressed on its own last values, then on these and the last values of one other (Granger, 1969).

    Args:
        values: [T, C] series without missing values, ``T > 2 lags + 2``.
        lags: How many past values.
    """
    rows, series = values.shape
    n = rows - lags
    free = n - 2 * lags - 1
    p = np.ones((series, series))
    if free < 1:
        return p
    moving = np.ptp(values, axis=0) > 0
    scaled = np.zeros_like(values)
    scaled[:, moving] = (values[:, moving] - values[:, moving].mean(axis=0)) / values[:, moving].std(axis=0)
    past = np.stack([scaled[lags - lag : rows - lag] for lag in range(1, lags + 1)], axis=2)  # [n, C, lags]
    for effect in np.flatnonzero(moving):
        own = np.column_stack([np.ones(n), past[:, effect]])
        basis = np.linalg.svd(own, full_matrices=False)[0]
        target = scaled[lags:, effect]
        target = target - basis @ (basis.T @ target)
        others = past.reshape(n, -1)
        others = (others - basis @ (basis.T @ others)).reshape(n, series, lags)
        gram = np.einsum("ncl,ncm->clm", others, others)
        gain = np.einsum("ncl,n->cl", others, target)
        explained = np.einsum("cl,clm,cm->c", gain, np.linalg.pinv(gram, rcond=1e-9, hermitian=True), gain)
        rest = np.maximum((target**2).sum() - explained, 1e-12 * n)
        p[:, effect] = f_distribution.sf(np.maximum(explained, 0) / lags / (rest / free), lags, free)
    np.fill_diagonal(p, 1.0)
    p[~moving] = 1.0
    return p
