"""A real, tiny, random language model in a local folder: its answers mean nothing, the path is the real one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="the extra text is not installed")

from graphcl.core.errors import UserError
from graphcl.llm.backends import TransformersBackend
from graphcl.llm.cache import AnswerCache
from graphcl.llm.engine import run_requests
from graphcl.llm.request import Request
from tests.llm.tiny_model import make_tiny_model


def test_answers_are_the_same_every_time_and_named_by_the_weights(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny")
    backend = TransformersBackend(str(folder))
    requests = [
        Request(f"n{i}", backend.model, "p", (("system", "be brief"), ("user", f"text {i}")), (("max_tokens", 6),))
        for i in range(3)
    ]
    first = run_requests(requests, backend, AnswerCache(tmp_path / "one.sqlite"))
    again = run_requests(requests, TransformersBackend(str(folder)), AnswerCache(tmp_path / "two.sqlite"))
    assert first.answers == again.answers
    assert sorted(first.answers) == ["n0", "n1", "n2"]
    assert 0 < first.tokens_out <= 18
    other = TransformersBackend(str(make_tiny_model(tmp_path / "other" / "tiny", seed=1)))
    assert other.model.partition("@")[0] == backend.model.partition("@")[0]
    assert other.model != backend.model


def test_a_folder_without_a_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no config.json, so it is no model"):
        TransformersBackend(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="cannot load"):
        TransformersBackend(str(tmp_path))


def test_a_model_that_cannot_chat_is_refused_and_what_is_too_long_for_it_is_counted(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny")
    requests = [Request(f"n{i}", "tiny", "p", (("user", "x" * i),), (("max_tokens", 6),)) for i in (10, 3000)]
    outcome = run_requests(requests, TransformersBackend(str(folder)), AnswerCache(tmp_path / "one.sqlite"))
    assert list(outcome.answers) == ["n10"]
    assert outcome.missing == {"n3000": "too long for the model"}
    for path in folder.glob("chat_template*"):
        path.unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "chat_template"}))
    with pytest.raises(UserError, match="has no chat template; take a model that was made to answer"):
        TransformersBackend(str(folder))
