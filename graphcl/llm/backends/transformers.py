"""A causal language model in a local folder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphcl.core.bars import no_bars_in_files
from graphcl.core.errors import UserError, require
from graphcl.llm.backends.base import Answer, Fault
from graphcl.llm.request import Messages


class TransformersBackend:
    """Greedy answers of a model of the library ``transformers``; one at a time, nothing is fetched.

    Args:
        model: Folder with weights, tokenizer and its chat template.

    Raises:
        UserError: the folder holds no such model.
        MissingExtra: the package is not installed.
    """

    def __init__(self, model: str) -> None:
        folder = Path(model)
        if not folder.is_dir():
            raise UserError(f"--model: {model} is no folder; the backend transformers reads weights from one")
        if not (folder / "config.json").is_file():
            raise UserError(f"--model: {model} has no config.json, so it is no model of the library transformers")
        package = require("transformers", "text")
        try:
            self._tokenizer = package.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            if not getattr(self._tokenizer, "chat_template", None):  # known before weights are read
                raise UserError(f"--model: {model} has no chat template; take a model that was made to answer")
            with no_bars_in_files():
                self._model = package.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
        except (OSError, ValueError, KeyError) as error:
            raise UserError(f"--model: cannot load {model}: {(str(error).splitlines() or ['?'])[0]}") from error
        self.model, self.where = f"{folder.name}@{_fingerprint(folder)}", str(folder)
        self._longest = getattr(self._model.config, "max_position_embeddings", None)
        self._turn = asyncio.Lock()

    async def ask(self, messages: Messages, params: Mapping[str, Any]) -> Answer:
        """See :class:`~graphcl.llm.backends.base.Backend`."""
        async with self._turn:
            return await asyncio.to_thread(self._generate, messages, params)

    async def close(self) -> None:
        """Nothing is held open."""

    def _generate(self, messages: Messages, params: Mapping[str, Any]) -> Answer:
        chat = [{"role": role, "content": content} for role, content in messages]
        given = self._tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        length, most = given["input_ids"].shape[1], int(params.get("max_tokens", 256))
        if self._longest and length + most > self._longest:
            raise Fault("too long for the model", "request")
        made = self._model.generate(**given, max_new_tokens=most, do_sample=False)[0, length:]
        text = self._tokenizer.decode(made, skip_special_tokens=True).strip()
        if not text:
            raise Fault("empty", "unusable", tokens=(length, len(made)))
        return Answer(text, length, len(made), "length" if len(made) >= most else "stop")


def _fingerprint(folder: Path) -> str:
    """12 digits of a hash over the names, sizes and contents of the model's files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
