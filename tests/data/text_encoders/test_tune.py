"""Fine-tuning on neighbours: the loss by hand, its negatives, and a planted graph that a small encoder learns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from graphcl.core.errors import NonFiniteError, UserError
from graphcl.data.text_encoders.tune import TuneOptions, neighbour_loss, tune_on_neighbours, undirected

WORDS = ["red", "crimson", "blue", "azure", "green", "olive", "black", "ebony"]


class Words(nn.Module):
    """An encoder with the interface of ``SentenceTransformer``: the mean of the embeddings of words, with dropout."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.table = nn.Embedding(len(WORDS), 8)
        self.table.weight.data = torch.randn(len(WORDS), 8, generator=torch.Generator().manual_seed(seed))
        self.max_seq_length = 0

    def preprocess(self, texts: list[str]) -> dict[str, Tensor]:
        return {"words": torch.tensor([[WORDS.index(word) for word in text.split()] for text in texts])}

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        embedded = F.dropout(self.table(features["words"]).mean(1), 0.1, self.training)
        return {"sentence_embedding": embedded}


#: Nodes of one word each; a word's partner (red - crimson) is its neighbour.
TEXTS = WORDS * 3
PAIRED = [(a, b) for a in range(len(TEXTS)) for b in range(len(TEXTS)) if a < b and a % 8 // 2 == b % 8 // 2]
EDGES = torch.tensor(PAIRED).T


def test_the_loss_by_hand() -> None:
    left = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    right = torch.tensor([[3.0, 0.0], [1.0, 1.0]])
    # cosines: [[1, .7071], [0, .7071]]
    scores = torch.tensor([[1.0, 0.5**0.5], [0.0, 0.5**0.5]]) / 0.5
    there = (torch.logsumexp(scores, 1) - scores.diagonal()).mean()
    back = (torch.logsumexp(scores, 0) - scores.diagonal()).mean()
    none = torch.zeros(2, 2, dtype=torch.bool)
    assert neighbour_loss(left, right, none, 0.5) == pytest.approx(float((there + back) / 2))


def test_links_and_the_node_itself_are_no_negatives() -> None:
    left, right = torch.randn(3, 4), torch.randn(3, 4)
    unknown = torch.ones(3, 3, dtype=torch.bool)  # the positives themselves stay
    assert float(neighbour_loss(left, right, unknown, 0.1)) == 0.0
    unknown = torch.zeros(3, 3, dtype=torch.bool)
    unknown[0, 1] = True
    moved = right.clone()
    moved[1] = left[0] * 100  # would be the hardest negative of the first
    rows = [neighbour_loss(left[:1], end[:1], unknown[:1, :1], 0.1) for end in (right, moved)]
    assert rows[0] == rows[1]
    assert neighbour_loss(left, moved, unknown, 0.1) < neighbour_loss(left, moved, torch.zeros_like(unknown), 0.1)


def test_links_are_taken_once_and_without_empty_texts() -> None:
    edge_index = torch.tensor([[0, 1, 1, 2, 2, 0], [1, 0, 2, 1, 2, 3]])
    assert undirected(edge_index, ["a", "b", "c", " "]).tolist() == [[0, 1], [1, 2]]
    with pytest.raises(UserError, match="no link joins two nodes with texts"):
        undirected(torch.tensor([[0], [0]]), ["a"])


def alike(model: nn.Module) -> float:
    """By how much a word's partner is nearer than the other words, in cosine."""
    table = F.normalize(model.table.weight.detach(), dim=1)  # type: ignore[attr-defined, arg-type, operator]
    cosine = table @ table.T
    partner = torch.arange(8) ^ 1
    others = (cosine.sum(1) - 1 - cosine[torch.arange(8), partner]) / 6
    return float((cosine[torch.arange(8), partner] - others).mean())


def test_neighbours_come_together_and_the_same_seed_gives_the_same() -> None:
    options = TuneOptions(epochs=20, batch_size=8, lr=0.05, max_length=7)
    models, losses = [Words(), Words(), Words()], []
    before = alike(models[0])
    for model, seed in zip(models, (0, 0, 1), strict=True):
        losses.append(tune_on_neighbours(model, TEXTS, EDGES, options, seed=seed))
    assert alike(models[0]) > before + 0.8
    assert losses[0][-1] < losses[0][0] - 0.3
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(models[0].table.weight, models[1].table.weight)
    assert (len(losses[0]), models[0].max_seq_length, models[0].training) == (20, 7, False)


def test_every_step_is_told_and_a_loss_that_is_no_number_ends_it() -> None:
    steps: list[tuple[int, int]] = []
    options = TuneOptions(epochs=2, batch_size=10)
    tune_on_neighbours(Words(), TEXTS, EDGES, options, watch=lambda done, total, _: steps.append((done, total)))
    per_pass = -(-len(PAIRED) // 10)
    assert steps == [(step + 1, 2 * per_pass) for step in range(2 * per_pass)]
    broken = Words()
    broken.table.weight.data[0] = float("nan")
    with pytest.raises(NonFiniteError, match=r"neighbour prediction: the loss is nan in step \d+; lower --lr"):
        tune_on_neighbours(broken, TEXTS, EDGES, TuneOptions(lr=0.1))


def test_the_command_tunes_a_real_transformer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = pytest.importorskip("sentence_transformers", reason="needs the extra text")
    from graphcl.cli.main import run
    from tests.llm.tiny_model import make_tiny_encoder

    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path / "cache"))
    model, data, out = make_tiny_encoder(tmp_path / "tiny"), tmp_path / "data", tmp_path / "tuned"
    data.mkdir()
    rows = [f"{node},{word} and {word} again,{node % 2}" for node, word in enumerate(TEXTS)]
    (data / "nodes.csv").write_text("id,text,label\n" + "\n".join(rows) + "\n")
    (data / "edges.csv").write_text("source,target\n" + "\n".join(f"{a},{b}" for a, b in PAIRED) + "\n")
    command = ["tune-text", f"data.path={data}", "--model", str(model), "--out", str(out), "--epochs=4", "--lr=5e-3"]
    capsys.readouterr()  # the making of the model draws some
    assert run([*command, "--json"]) == 0
    said = capsys.readouterr()
    assert "it/s]" not in said.err, "no bars in a file"
    losses = json.loads(said.out)["losses"]
    assert losses[-1] < losses[0] - 0.2
    about = json.loads((out / "tuned.json").read_text())
    assert (about["nodes"], about["options"]["epochs"]) == (24, 4)
    assert not list(out.glob("**/*.bin"))  # nothing that is unpickled
    cosine = {}
    for name, folder in (("before", model), ("after", out)):
        encoder = package.SentenceTransformer(str(folder), device="cpu")
        x = torch.as_tensor(encoder.encode(WORDS, normalize_embeddings=True))
        cosine[name] = float((x @ x.T)[torch.arange(8), torch.arange(8) ^ 1].mean() - (x @ x.T).mean())
    assert cosine["after"] > cosine["before"] + 0.05

    settings = ["data.text.encoder=sentence_transformer", f"data.text.model={out}", "train.epochs=1"]
    assert run(["train", "grace", f"data.path={data}", *settings, "--out", str(tmp_path / "run"), "--quiet"]) == 0
    for arguments, message in (
        ([], f"--out: {out} exists already; --overwrite replaces it"),
        (["--out", str(data), "--overwrite"], "holds no sentence encoder; it is not replaced"),
        (["--out", str(tmp_path / "b"), "--lr", "0"], "--lr: Input should be greater than 0"),
        (["--out", str(tmp_path / "b"), "--model", str(data)], f"--model: cannot load '{data}'"),
        (["--out", str(tmp_path / "b"), "--device", "abacus"], "--device: 'abacus' is not a device"),
    ):
        capsys.readouterr()
        assert run([*command, *arguments]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "b").exists()
    assert run([*command, "--overwrite", "--epochs", "1", "--json"]) == 0
    assert json.loads((out / "tuned.json").read_text())["options"]["epochs"] == 1
    assert not list(tmp_path.glob(".tuned*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lightgcl"], "lightgcl is a recipe for the task 'recommend'; what is read are texts of nodes"),
        (["data=karate"], "karate: the nodes have no texts"),
        (["data=karate", "--model", ""], "--model: name a sentence encoder"),
    ],
)
def test_mistakes_that_need_no_model_are_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from graphcl.cli.main import run

    assert run(["tune-text", arguments[0], "--model", "some/name", "--out", str(tmp_path / "t"), *arguments[1:]]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
