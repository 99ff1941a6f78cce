"""``graphcl augment``: what experts say of every node of a graph of texts, made once for any recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphcl.cli.asking import checked, interruptible, own_prompts, refuse_unread, require_answers, sampling, told
from graphcl.cli.options import DataRoot, Json, Overrides, Overwrite, Quiet, argument, option
from graphcl.cli.output import Output
from graphcl.cli.texts import load_texts, now_and_then
from graphcl.core.errors import UserError, suggestion
from graphcl.core.words import counted

if TYPE_CHECKING:
    from graphcl.data.edge_answers import EdgeAnswers
    from graphcl.data.graphs.labelled import NodeGraph
    from graphcl.data.make_text_views import Asked
    from graphcl.data.text_views import TextViews
    from graphcl.llm.backends import Backend
    from graphcl.llm.cache import AnswerCache
    from graphcl.llm.limits import Limits
    from graphcl.llm.prompts import Prompt

_BACKENDS = ("offline", "openai", "transformers")


def augment(
    recipe: Annotated[str, argument("RECIPE", "Recipe whose data is read, or a first setting: data=cora-tag.")],
    overrides: Overrides = None,
    out: Annotated[Path | None, option("--out", "DIR", "New folder for texts, embeddings and provenance.")] = None,
    backend: Annotated[
        str, option("--backend", "NAME", "offline (no model; the default), openai, or transformers.")
    ] = "offline",
    model: Annotated[str, option("--model", "NAME", "As the endpoint names it; of transformers a folder.")] = "",
    base_url: Annotated[str, option("--base-url", "URL", "Endpoint that speaks OpenAI's API, with /v1.")] = "",
    key_variable: Annotated[
        str, option("--key-variable", "NAME", "Environment variable with the key (OPENAI_API_KEY).")
    ] = "OPENAI_API_KEY",
    experts: Annotated[
        str, option("--experts", "A,B", "independent, summary, reasoning, or prompts of your own; default all.")
    ] = "",
    prompts: Annotated[
        Path | None, option("--prompts", "DIR", "Folder of prompts (.j2), which come before the packed ones.")
    ] = None,
    class_names: Annotated[
        bool, typer.Option("--class-names", help="Tell the names of the classes: knowledge of the labels.")
    ] = False,
    edges: Annotated[
        bool, typer.Option("--edges", help="Ask about links too, for edge_modifier: one question a node.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take; send nothing.")] = False,
    price_in: Annotated[float, option("--price-in", "MONEY", "Of a million prompt tokens.")] = 0.0,
    price_out: Annotated[float, option("--price-out", "MONEY", "Of a million answer tokens.")] = 0.0,
    budget: Annotated[float, option("--budget", "MONEY", "Nothing more is sent when it is spent.")] = 0.0,
    concurrency: Annotated[int, option("--concurrency", "N", "Requests under way at once (8).")] = 8,
    requests_per_minute: Annotated[float, option("--requests-per-minute", "N", "At most; 0: no limit.")] = 0.0,
    tokens_per_minute: Annotated[float, option("--tokens-per-minute", "N", "At most; 0: no limit.")] = 0.0,
    max_tokens: Annotated[int, option("--max-tokens", "N", "Of an answer (300).")] = 300,
    param: Annotated[
        list[str] | None,
        option("--param", "NAME=VALUE", "A parameter of the request: top_p=0.9; temperature= sends none. Repeatable."),
    ] = None,
    timeout: Annotated[float, option("--timeout", "SECONDS", "For an answer (60).")] = 60.0,
    cache: Annotated[Path | None, option("--cache", "FILE", "Kept answers; default one file for all runs.")] = None,
    overwrite: Overwrite = False,
    data_root: DataRoot = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Ask experts about every node, embed what they say, and keep both. A killed run goes on where it ended."""
    if backend not in _BACKENDS:
        raise UserError(f"--backend: {backend!r}{suggestion(backend, _BACKENDS)}")
    if budget and not (price_in or price_out):
        raise UserError("--budget needs --price-in and --price-out: nothing costs anything without them")
    if edges and backend == "offline":
        raise UserError("--edges asks a language model; offline, edge_modifier decides by key phrases as it is built")
    refuse_unread(backend, {
        "--model": model, "--base-url": base_url, "--prompts": prompts, "--price-in": price_in,
        "--price-out": price_out, "--cache": cache, "--requests-per-minute": requests_per_minute,
        "--tokens-per-minute": tokens_per_minute, "--param": param,
    })
    if not dry_run:
        _require_new(out, overwrite)
    limits = checked(
        concurrency=concurrency, requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute,
        budget=budget, price_in=price_in, price_out=price_out, max_tokens=max_tokens, timeout=timeout,
    )
    output = Output(as_json=json, quiet=quiet)
    names = [name.strip() for name in experts.split(",") if name.strip()]
    if backend == "offline":
        data = load_texts(recipe, list(overrides or []), data_root, output)
        if dry_run:
            output.result({"requests": 0, "cost": 0.0}, lambda: "the offline experts send no request and cost nothing")
            return
        _finish(_offline(data, names, class_names, output), data, out, overwrite, output, {})
        return
    # All that can be wrong in the command is found before the data is read.
    from graphcl.core.paths import cache_dir
    from graphcl.data.make_edge_answers import EDGES, EdgeQuestions
    from graphcl.data.make_text_views import asked_views, estimated
    from graphcl.llm.cache import AnswerCache
    from graphcl.llm.prompts import load_prompt

    asked = _asked(names, prompts, sampling(max_tokens, param or []), limits)
    decide = load_prompt(EDGES, prompts) if edges else None
    for line in own_prompts(prompts, [*asked.prompts, *([decide] if decide else [])]):
        output.say(line)
    speaker = _backend(backend, model, base_url, key_variable, timeout, sends=not dry_run)
    answers = AnswerCache(cache or cache_dir() / "llm" / "answers.sqlite")
    data = load_texts(recipe, list(overrides or []), data_root, output)
    if dry_run:
        more = EdgeQuestions(data, speaker.model, decide, asked.params) if decide else ()
        found = estimated(data, asked, speaker.model, answers, class_names, more)
        output.result(vars(found), found.line)
        return
    say = now_and_then(output)
    with interruptible(output, answers):
        made, outcome = asked_views(
            data, speaker, answers, asked, class_names=class_names, watch=lambda so_far: say(so_far.line)
        )
        output.say(told(outcome))
        require_answers(outcome)
        decided = []
        if decide is not None:
            left = replace(asked, limits=limits.after(outcome.cost))
            again = _backend(backend, model, base_url, key_variable, timeout)
            decided = [_edges(data, again, answers, left, decide, output)]
    _finish(
        made, data, out, overwrite, output, {"stopped": outcome.stopped, "again": outcome.again}, decided
    )


def _require_new(out: Path | None, overwrite: bool) -> None:
    if out is None:
        raise UserError("--out: name a folder for the views")
    if out.exists() and not overwrite:
        raise UserError(f"--out: {out} exists already; --overwrite replaces it")
    if out.exists() and not (out / "views.json").is_file():
        raise UserError(f"--out: {out} holds no views; it is not replaced")
    from graphcl.core.files import require_place

    require_place(out)


def _asked(names: list[str], folder: Path | None, params: dict[str, Any], limits: Limits) -> Asked:
    from graphcl.data.make_text_views import Asked
    from graphcl.llm.experts import ASKED, RAW
    from graphcl.llm.prompts import load_prompt

    chosen = [name for name in names or ASKED if name != RAW]
    return Asked([load_prompt(name, folder) for name in chosen], params, limits)


def _backend(
    name: str, model: str, base_url: str, key_variable: str, timeout: float, *, sends: bool = True
) -> Backend:
    from graphcl.llm.backends import OpenAIBackend, TransformersBackend

    if name == "transformers":
        return TransformersBackend(model)
    return OpenAIBackend(model, base_url, key_variable=key_variable, timeout=timeout, sends=sends)


def _offline(data: NodeGraph, names: list[str], class_names: bool, output: Output) -> TextViews:
    from graphcl.data.make_text_views import offline_views

    say = now_and_then(output)
    return offline_views(
        data,
        experts=list(dict.fromkeys(["raw", *names])) if names else None,
        class_names=class_names,
        watch=lambda expert, done, total: say(lambda: f"{expert}: {done:,} of {total:,} nodes"),
    )


def _edges(
    data: NodeGraph, speaker: Backend, answers: AnswerCache, asked: Asked, decide: Prompt, output: Output
) -> EdgeAnswers:
    """The model's decisions about candidate links, with what is left of the budget."""
    from graphcl.data.make_edge_answers import asked_edges

    say = now_and_then(output)
    decided, outcome = asked_edges(
        data, speaker, answers, decide, asked.params, asked.limits,
        watch=lambda so_far: say(lambda: f"links: {so_far.line()}"),
    )
    output.say(f"links: {told(outcome)}")
    if without := decided.about["unanswered"]:
        output.say(f"links: {counted(without, 'node')} without a well-formed answer, whose links stay as they are")
    return decided


def _finish(
    views: TextViews, data: NodeGraph, out: Path | None, overwrite: bool, output: Output, more: dict[str, Any],
    decided: Sequence[EdgeAnswers] = (),
) -> None:
    from graphcl.data.make_text_views import node_texts

    assert out is not None
    views.save(out, node_texts(data)[2], replace=overwrite, beside=decided)
    about = views.about
    missing = {expert: count for expert, count in about["missing"].items() if count}
    for expert, count in missing.items():
        output.say(f"{expert}: {counted(count, 'node')} without an answer: the node's own text stands there")
    labels = "; they know the names of the classes" if about["label_knowledge"] else ""
    value = {"out": str(out), "nodes": about["nodes"], "experts": list(views.experts), "backend": about["backend"],
             "model": about["model"], "label_knowledge": about["label_knowledge"], "missing": missing, **more}
    output.result(
        value,
        lambda: f"{about['nodes']:,} nodes, experts {', '.join(views.experts)} ({about['model']}{labels}) "
        f"written to {out}",
    )
