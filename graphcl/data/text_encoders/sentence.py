"""A sentence encoder with weights of its own, and its embeddings kept on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from graphcl.core.bars import no_bars_in_files
from graphcl.core.errors import UserError, require
from graphcl.core.files import replacing
from graphcl.core.paths import absolute_model, cache_dir, is_folder_name
from graphcl.core.tell import tell
from graphcl.data.download import sha256_of
from graphcl.data.text_encoders.base import TextOptions

#: Texts whose embeddings are kept together: what a killed encoding loses at most.
BLOCK = 256
#: Seconds in which the hub must take a connection, and answer.
_HUB_TIMEOUT = (3, 5)


class SentenceEncoder:
    """Pooled embeddings of a ``sentence-transformers`` model; nothing is fitted.

    The model is loaded when it is first needed, so that a run can be read where its model is not.

    Args:
        options: ``model`` is a folder or a hub name.
        identity: Hash of the model that a run was trained with; another one is refused. "" takes any.

    Raises:
        UserError: no model is named.
    """

    def __init__(self, options: TextOptions, identity: str = "") -> None:
        if not options.model:
            raise UserError("data.text.encoder=sentence_transformer needs data.text.model, a folder or a hub name")
        # kept with the data of a run, which may be opened from another folder
        self.options, self._expected = replace(options, model=absolute_model(options.model)), identity

    @cached_property
    def model(self) -> Any:
        """The model of the package.

        Raises:
            UserError: it cannot be loaded, or is another than in training.
            MissingExtra: the package is not installed.
        """
        name = self.options.model
        if self._expected and self._expected != model_identity(self.options):
            here = "is not the model" if Path(name).exists() else "is not there any more: it was the model"
            raise UserError(f"data.text.model: {name!r} {here} that the run was trained with")
        model = load_sentence_model(name)
        if self.options.max_length:
            model.max_seq_length = self.options.max_length
        return model

    @cached_property
    def identity(self) -> str:
        """A hash of what the embeddings depend on; after training, of what they depended on then."""
        return self._expected or model_identity(self.options)

    @property
    def dim(self) -> int:
        """Columns."""
        width = getattr(self.model, "get_embedding_dimension", None) or self.model.get_sentence_embedding_dimension
        return int(width())

    @property
    def told(self) -> str:
        """What it is, for the screen and for provenance."""
        return f"sentence encoder {Path(self.options.model).name} ({self.identity[:12]}), {self.dim} columns"

    def encode(self, texts: Sequence[str]) -> Tensor:
        """[n, dim] float32, rows of length 1. Blocks of texts that were encoded before are read from the cache."""
        if not texts:
            return torch.empty(0, self.dim)
        return torch.cat([self._block(texts[at : at + BLOCK]) for at in range(0, len(texts), BLOCK)])

    def state(self) -> tuple[Mapping[str, Tensor], Mapping[str, Any]]:
        """The weights stay where they are; their hash tells others from them."""
        return {}, {"identity": self.identity}

    def _block(self, texts: Sequence[str]) -> Tensor:
        digest = hashlib.sha256(json.dumps([self.identity, *texts]).encode()).hexdigest()
        path = cache_dir() / "text-embeddings" / f"{digest}.safetensors"
        if path.is_file():
            try:
                return load_file(path)["x"]
            except SafetensorError:  # damaged: encoded again
                path.unlink()
        rows = self.model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        x = torch.as_tensor(rows, dtype=torch.float32)
        x[[not text.strip() for text in texts]] = 0  # the model has a vector for nothing, too
        with replacing(path) as temporary:
            save_file({"x": x}, temporary)
        return x


def load_sentence_model(name: str, device: str = "cpu", *, option: str = "data.text.model") -> Any:
    """The model of ``sentence-transformers`` in a folder or of a hub name; ``option`` is what named it, for messages.

    Raises:
        UserError: it cannot be loaded.
        MissingExtra: the package is not installed.
    """
    package = require("sentence_transformers", "text")
    if Path(name).exists():
        return _opened(package, name, device, option)
    if is_folder_name(name):
        raise UserError(f"{option}: no folder {name}")
    with suppress(UserError):
        return _opened(package, name, device, option, local_files_only=True)  # downloaded before
    tell(f"{option}: {name!r} is no folder here; the hub is asked")
    if why := _unreachable():
        raise UserError(
            f"{option}: {name!r} is no folder here, was not downloaded before, and {_hub()} cannot be reached ({why}); "
            "give the folder of a model"
        )
    return _opened(package, name, device, option)


def _opened(package: Any, name: str, device: str, option: str, **how: bool) -> Any:
    log = logging.getLogger("huggingface_hub")
    level = log.level
    log.setLevel(logging.ERROR)  # a line for each of its many tries; what came of them is said below
    try:
        with no_bars_in_files():
            return package.SentenceTransformer(name, device=device, **how)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{option}: cannot load {name!r}: {reason}") from error
    finally:
        log.setLevel(level)


def _hub() -> str:
    """Where the package looks for models, as its own environment variable says."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _unreachable() -> str:
    """Why the hub gives no answer, found out by one request: the package tries for more than a minute. Else ""."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return "HF_HUB_OFFLINE says so"
    try:
        requests.head(_hub(), timeout=_HUB_TIMEOUT)
    except requests.exceptions.SSLError:
        return ""  # somebody answers; the package may have certificates of its own
    except requests.Timeout:
        return "no answer"
    except requests.RequestException:
        return "no connection"
    return ""


def model_identity(options: TextOptions) -> str:
    """A hash of what the embeddings depend on: the model's files where they are local, else its name."""
    folder = Path(options.model)
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    hashed = [(str(path.relative_to(folder)), sha256_of(path)) for path in files] or options.model
    return hashlib.sha256(json.dumps([hashed, options.max_length]).encode()).hexdigest()
