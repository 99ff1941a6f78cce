"""``graphcl tune-text``: a sentence encoder fine-tuned on a graph of texts, without labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from graphcl.cli.options import DataRoot, Json, Overrides, Overwrite, Quiet, argument, option
from graphcl.cli.output import Output
from graphcl.cli.texts import load_texts, now_and_then
from graphcl.core.errors import UserError

if TYPE_CHECKING:
    from graphcl.data.text_encoders.tune import TuneOptions

#: What tells a folder of ours, which may be replaced, from any other.
_MODEL = "modules.json"


def tune_text(
    recipe: Annotated[str, argument("RECIPE", "Recipe whose data is read, or a first setting: data=cora-tag.")],
    overrides: Overrides = None,
    model: Annotated[str, option("--model", "NAME", "Sentence encoder: a folder, or a name on the hub.")] = "",
    out: Annotated[Path | None, option("--out", "DIR", "New folder for the fine-tuned encoder.")] = None,
    epochs: Annotated[int, option("--epochs", "N", "Passes over the links (1).")] = 1,
    batch_size: Annotated[int, option("--batch-size", "N", "Links of a step (32).")] = 32,
    lr: Annotated[float, option("--lr", "RATE", "Learning rate after the warm-up (6e-5).")] = 6e-5,
    temperature: Annotated[float, option("--temperature", "T", "Of the softmax over cosines (0.05).")] = 0.05,
    max_length: Annotated[int, option("--max-length", "N", "Tokens of a text; 0: the model's own (128).")] = 128,
    seed: Annotated[int, option("--seed", "N", "Of the order of links and of dropout (0).")] = 0,
    device: Annotated[str, option("--device", "NAME", "cpu, cuda, or auto (the default).")] = "auto",
    overwrite: Overwrite = False,
    data_root: DataRoot = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fine-tune a sentence encoder so that linked texts are told from others; data.text.model takes the folder."""
    if not model:
        raise UserError("--model: name a sentence encoder, a folder or a name on the hub")
    target = _require_new(out, overwrite)
    options = _options(epochs=epochs, batch_size=batch_size, lr=lr, temperature=temperature, max_length=max_length)
    output = Output(as_json=json, quiet=quiet)
    data = load_texts(recipe, list(overrides or []), data_root, output, features="degree")

    from graphcl.data.text_encoders import TextOptions
    from graphcl.data.text_encoders.sentence import load_sentence_model, model_identity
    from graphcl.data.text_encoders.tune import save_tuned, tune_on_neighbours
    from graphcl.engine.prepare import device_of

    tuned = load_sentence_model(model, str(device_of(device, "--device")), option="--model")
    losses = tune_on_neighbours(
        tuned, data.graph.text, data.graph.edge_index, options, seed=seed, watch=_watch(now_and_then(output))
    )
    about = {"model": model, "identity": model_identity(TextOptions(model=model)), "data": data.report.source,
             "nodes": int(data.graph.num_nodes or 0), "seed": seed, "losses": losses}
    save_tuned(tuned, target, options, about, replace=overwrite)
    said = " -> ".join(f"{loss:.3f}" for loss in losses)
    output.result(
        {"out": str(target), "losses": losses},
        lambda: f"fine-tuned on the links of {about['nodes']:,} nodes, mean loss {said}; written to {target}\n"
        f"data.text.encoder=sentence_transformer data.text.model={target}",
    )


def _watch(say: Callable[[Callable[[], str]], None]) -> Callable[[int, int, float], None]:
    return lambda done, total, loss: say(lambda: f"step {done:,} of {total:,}, loss {loss:.3f}")


def _require_new(out: Path | None, overwrite: bool) -> Path:
    if out is None:
        raise UserError("--out: name a folder for the encoder")
    if out.exists() and not overwrite:
        raise UserError(f"--out: {out} exists already; --overwrite replaces it")
    if out.exists() and not (out / _MODEL).is_file():
        raise UserError(f"--out: {out} holds no sentence encoder; it is not replaced")
    from graphcl.core.files import require_place

    require_place(out)
    return out


def _options(**values: float) -> TuneOptions:
    from pydantic import TypeAdapter, ValidationError

    from graphcl.data.text_encoders.tune import TuneOptions

    try:
        return TypeAdapter(TuneOptions).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"--{str(first['loc'][0]).replace('_', '-')}: {first['msg']}, got {first['input']}") from error
