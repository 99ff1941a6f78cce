"""The sentence encoder's cache and errors, with a stand-in for the package; no weights are needed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
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

    def __init__(self, name: str, device: str, local_files_only: bool = False) -> None:
        if name == "nowhere" or (name.startswith("new/") and local_files_only):
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


@pytest.fixture
def hub() -> Iterator[str]:
    """A server that answers something."""
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


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
    for folder in ("tuned/", "./tuned", "/models/tuned", "a/b/c"):  # no name of a hub, which need not be asked
        with pytest.raises(UserError, match=f"data.text.model: no folder {folder}$"):
            fit_text_encoder([], TextOptions("sentence_transformer", model=folder))


@pytest.mark.usefixtures("package")
def test_the_hub_is_asked_for_what_was_not_downloaded_before(
    hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub)
    assert fit_text_encoder([], TextOptions("sentence_transformer", model="new/name")).dim == 2
    with pytest.raises(UserError, match=r"cannot load 'nowhere': no such model$"):
        fit_text_encoder([], TextOptions("sentence_transformer", model="nowhere"))


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("variable", ["HF_ENDPOINT", "HF_HUB_OFFLINE"])
def test_without_a_hub_a_name_is_refused_at_once(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package itself tries for more than a minute."""
    monkeypatch.setenv(variable, {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}[variable])
    began = time.monotonic()
    with pytest.raises(UserError, match=r"data.text.model: 'new/name' .* cannot be reached \(.*; give the folder of a"):
        fit_text_encoder([], TextOptions("sentence_transformer", model="new/name"))
    assert time.monotonic() - began < 5
    assert fit_text_encoder([], TextOptions("sentence_transformer", model="some/name")).dim == 2, "downloaded before"


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingExtra, match=r"graphcl\[text\]"):
        fit_text_encoder([], TextOptions("sentence_transformer", model="some/name"))
