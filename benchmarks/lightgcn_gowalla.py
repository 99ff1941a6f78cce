"""LightGCN on gowalla at the reference's check point: ``python -m benchmarks.lightgcn_gowalla [--epochs N]``."""

from __future__ import annotations

from benchmarks.published import Published

CLAIM = Published(
    name="lightgcn_gowalla",
    recipe="lightgcn",
    data="gowalla",
    overrides=("encoder.num_layers=3", "train.batch_size=2048", "train.lr=1e-3"),
    metrics={"recall@20": 0.1071, "ndcg@20": 0.0894},
    tolerance=0.0,
    source=(
        "LightGCN-PyTorch README, log of gowalla with 3 layers at epoch 5 (batch 2,048, lr 1e-3, decay 1e-4). Whether "
        "it counts from 0 is not known to us; its loss there is .1128, ours .1295 after 5 epochs and .1192 after 6. "
        "The cell of 6 epochs was added after the test figure of 5 was seen"
    ),
    epochs=5,
    patience=0,
)

section = CLAIM.section

if __name__ == "__main__":
    CLAIM.command()
