"""The sentence encoder's cache and errors, with a stand-in for the package; no weights are needed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from graphcl.core.errors import MissingExtra, UserError
from graphcl.data.text_encoders import TextOptions, fit_text_encoder, restore_text_encoder


class Model:
    """Embeds a text by its length and its number of words."""

    calls = 0

    def __init__(self, name: str, device: str) -> None:
        if name == "nowhere":
            raise OSError("no such model\nmore")
        self.max_seq_length = 512

    def get_sentence_embedding_dimension(self) -> int:
        return 2

    def encode(self, texts: list[str], normalize_embeddings: bool, show_progress_bar: bool) -> np.ndarray:
        Model.calls += len(texts)
        rows = np.array([[len(text) + 1, len(text.split())] for text in texts], dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module = ModuleType("sentence_transformers")
    module.SentenceTransformer = Model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path / "cache"))
    Model.calls = 0


@pytest.mark.usefixtures("package")
def test_texts_are_encoded_once() -> None:
    options = TextOptions("sentence_transformer", model="some/name", max_length=7)
    encoder = fit_text_encoder(["never fitted on"], options)
    first = encoder.encode([f"text {i}" for i in range(300)])
    again = restore_text_encoder(options, *encoder.state())
    assert torch.equal(again.encode([f"text {i}" for i in range(300)]), first)
    assert Model.calls == 300
    assert (encoder.dim, encoder.model.max_seq_length) == (2, 7)  # type: ignore[attr-defined]
    other = fit_text_encoder([], TextOptions("sentence_transformer", model="another/name")).encode(["text 1", " "])
    assert Model.calls == 302
    assert other[0].any()
    assert not other[1].any()
    assert encoder.encode([]).shape == (0, 2)


@pytest.mark.usefixtures("package")
def test_other_files_under_the_same_name_are_another_model(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for content in ("one", "two", "two"):
        (tmp_path / "model" / "weights").write_text(content)
        fit_text_encoder([], TextOptions("sentence_transformer", model=str(tmp_path / "model"))).encode(["x"])
    assert Model.calls == 2


@pytest.mark.usefixtures("package")
def test_a_run_is_read_without_its_model_and_refuses_another(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("one")
    options = TextOptions("sentence_transformer", model=str(tmp_path / "model"))
    state = fit_text_encoder([], options).state()
    (tmp_path / "model" / "weights").write_text("two")
    kept = restore_text_encoder(options, *state)
    with pytest.raises(UserError, match="is not the model that the run was trained with"):
        kept.encode(["x"])
    (tmp_path / "model" / "weights").write_text("one")
    assert restore_text_encoder(options, *state).encode(["x"]).shape == (1, 2)


@pytest.mark.usefixtures("package")
def test_a_damaged_cache_is_encoded_again(tmp_path: Path) -> None:
    encoder = fit_text_encoder([], TextOptions("sentence_transformer", model="some/name"))
    first = encoder.encode(["x"])
    next((tmp_path / "cache" / "text-embeddings").glob("*.safetensors")).write_bytes(b"broken")
    assert torch.equal(encoder.encode(["x"]), first)
    assert Model.calls == 2


@pytest.mark.usefixtures("package")
def test_mistakes_are_one_line() -> None:
    with pytest.raises(UserError, match=r"needs data.text.model"):
        fit_text_encoder([], TextOptions("sentence_transformer"))
    with pytest.raises(UserError, match=r"cannot load 'nowhere': no such model$"):
        fit_text_encoder([], TextOptions("sentence_transformer", model="nowhere"))
    for folder in ("tuned/", "./tuned", "/models/tuned", "a/b/c"):  # no name of a hub, which need not be asked
        with pytest.raises(UserError, match=f"data.text.model: no folder {folder}$"):
            fit_text_encoder([], TextOptions("sentence_transformer", model=folder))


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtra, match=r"graphcl\[text\]"):
        fit_text_encoder([], TextOptions("sentence_transformer", model="some/name"))
