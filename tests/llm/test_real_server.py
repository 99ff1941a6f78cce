"""The whole path against a real OpenAI-compatible server with a real, tiny transformer behind it, on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from graphcl.cli.main import run
from graphcl.data.text_views import TextViews
from tests.llm.tiny_model import make_tiny_model

START_SECONDS = 240


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(base URL, model folder)."""
    for module in ("openai", "transformers", "fastapi", "uvicorn", "accelerate"):
        pytest.importorskip(module, reason="needs the extra llm and transformers[serving]")
    folder = make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers'; main()"
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    server = subprocess.Popen(
        [sys.executable, "-c", code, "serve", str(folder), *options, "--default-seed", "0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _healthy(port):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"transformers serve did not start (exit {server.poll()})")
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1", folder
    finally:
        server.kill()
        server.wait()


def _healthy(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=2).ok
    except requests.RequestException:
        return False


def test_views_are_made_by_a_real_model(
    served: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url, model = served
    monkeypatch.setenv("GRAPHCL_CACHE", str(tmp_path / "cache"))
    rows = [f'n{i},"On {["kernel machines", "genetic search"][i % 2]} {i} 🙂",{"ab"[i % 2]}' for i in range(8)]
    (tmp_path / "nodes.csv").write_text("id,text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    edges = "".join(f"n{i},n{(i + 2) % 8}\n" for i in range(8))
    (tmp_path / "edges.csv").write_text("source,target\n" + edges)
    command = [
        "augment", f"data.path={tmp_path}", "data.text.max_df=1.0", "data.split.ratios=[0.4,0.2,0.4]",
        "data.split.stratified=true", "--backend", "openai", "--base-url", url, "--model", str(model),
        "--max-tokens", "6", "--experts", "summary,reasoning",
    ]
    assert run([*command, "--out", str(tmp_path / "views")]) == 0
    capsys.readouterr()
    assert run([*command, "--out", str(tmp_path / "again")]) == 0
    assert "16 answers, 16 of them kept from before" in capsys.readouterr().err
    views = TextViews.load(tmp_path / "views")
    assert views.experts == ("raw", "summary", "reasoning")
    assert views.about["tokens"][1] > 0
    assert views.texts == TextViews.load(tmp_path / "again").texts
    # Greedy answers of one model over its own tokenizer, which a second, equal prompt repeats.
    assert all(isinstance(text, str) and text for text in views.texts["summary"])
