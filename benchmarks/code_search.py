"""Code found by what is said of it: CoSQA's questions of the web, and docstrings in four languages.

``python -m benchmarks.code_search`` runs the missing cells. CoSQA's 500 test questions are each asked of all 6,267
functions, whose docstrings are taken out; no question is trained on. CodeSearchNet's pairs are asked in five folds:
the docstrings of a fifth of the functions, of all functions of their language, after training on the others. BM25 is
measured here on the same texts; the bar is a BM25 with other endings taken off, which was better.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command
from benchmarks.code_clones import read_lines

LANGUAGES = ("python", "java", "php", "javascript")
FOLDS, SEEDS = 5, 3
#: The best BM25 that we know of, MRR, average rank for ties: code without docstrings, and the pairs.
BAR = {"cosqa": 0.251, "python": 0.603, "java": 0.529, "php": 0.533, "javascript": 0.549}
METRICS = ("mrr", "recall@1", "recall@5", "recall@10")
#: Name of a row of CoSQA -> recipe, what it is trained on, overrides.
VARIANTS: dict[str, tuple[str, str, list[str]]] = {
    "cocosoda, trained on the standard library": ("cocosoda", "stdlib", []),
    "cocosoda, trained on the docstrings of the functions": ("cocosoda", "pool", []),
    "code_search, trained on the docstrings of the functions": ("code_search", "pool", []),
    "nothing hidden": ("cocosoda", "pool", [f"views.soft_{side}.augment.hide_words.p=0" for side in ("code", "text")]),
    "no structure": ("cocosoda", "pool", ["encoder.tower={mlp: {dim: 128, num_layers: 1, pooling: mean}}"]),
}
#: Recipe that is trained on the pairs -> how its cells begin.
PAIRS = {"cocosoda": "pairs", "code_search": "pairs by code_search"}
#: From the first ``def`` to its first string in three quotes.
_DOCSTRING = re.compile(r"""^(.*?\bdef\b.*?:\s*)[rRuUbB]{0,2}(\"{3}|'{3}).*?\2""", re.DOTALL)


def suite(seeds: int = SEEDS) -> Suite:
    """One cell for the bars; of CoSQA one for each variant and seed, of the pairs one for each fold and seed."""
    cells = [Cell("bm25", "benchmarks.code_search:bars")]
    for seed in range(seeds):
        for name, (recipe, trained_on, overrides) in VARIANTS.items():
            arguments = {"recipe": recipe, "trained_on": trained_on, "overrides": [*overrides, f"train.seed={seed}"]}
            cells.append(Cell(f"cosqa, {name}, seed-{seed}", "benchmarks.code_search:cosqa", arguments))
        for (recipe, prefix), fold in product(PAIRS.items(), range(FOLDS)):
            arguments = {"recipe": recipe, "fold": fold, "overrides": [f"train.seed={seed}"]}
            cells.append(Cell(f"{prefix}, fold-{fold}, seed-{seed}", "benchmarks.code_search:pairs", arguments))
    return Suite("code_search", tuple(cells))


# --- the cells ---------------------------------------------------------------------------------------


def bars() -> dict[str, Any]:
    """BM25 on CoSQA, with docstrings and without, and on the pairs of each language."""
    codes = [row["code"] for row in read_lines("cosqa", "codebase.jsonl.gz")]
    found: dict[str, Any] = {"cosqa": {}, "pairs": {}}
    for part in ("dev", "test"):
        texts, own = _questions(part)
        for what, pool in (("code", [without_docstring(code) for code in codes]), ("with docstrings", codes)):
            found["cosqa"][f"{part}, {what}"] = judged(bm25(pool, texts), own)
    for language in LANGUAGES:
        rows = read_lines("csn-pairs", f"{language}.jsonl.gz")
        scores = bm25([" ".join(row["code_tokens"]) for row in rows], [row["nl"] for row in rows])
        found["pairs"][language] = judged(scores, list(range(len(rows))))
    return found


def cosqa(recipe: str, trained_on: str, overrides: list[str]) -> dict[str, Any]:
    """Train on functions and their docstrings, then ask CoSQA's questions of its functions."""
    codes = [row["code"] for row in read_lines("cosqa", "codebase.jsonl.gz")]
    (dev, own_dev), (test, own_test) = _questions("dev"), _questions("test")
    with tempfile.TemporaryDirectory() as folder:
        data = []
        if trained_on == "pool":
            (source := Path(folder) / "source").mkdir()
            for number, code in enumerate(codes):
                (source / f"{number}.py").write_text(code, encoding="utf-8")
            data = [f"data.path={source}"]
        ask = _asker(recipe, [*data, *overrides], Path(folder) / "run")
        pool = _lines(Path(folder) / "pool.jsonl", [{"code": code, "language": "python"} for code in codes])
        scores = ask(pool, [*dev, *test])
    found = {"dev": judged(scores[: len(dev)], own_dev), "test": judged(scores[len(dev) :], own_test)}
    return {"recipe": recipe, "overrides": overrides, "metrics": found}


def pairs(recipe: str, fold: int, overrides: list[str]) -> dict[str, Any]:
    """Train on four fifths of the functions of all languages, then ask the docstrings of the others."""
    rows = {language: read_lines("csn-pairs", f"{language}.jsonl.gz") for language in LANGUAGES}
    asked = {language: [n for n in range(len(rows[language])) if n % FOLDS == fold] for language in LANGUAGES}
    trained = [
        {"code_tokens": row["code_tokens"], "nl": row["nl"], "language": language}
        for language in LANGUAGES for n, row in enumerate(rows[language]) if n % FOLDS != fold
    ]  # fmt: skip
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        data = [f"data.path={_lines(Path(folder) / 'pairs.jsonl', trained)}", "data.ratios=[0.89,0.1,0.01]"]
        ask = _asker(recipe, [*data, *overrides], Path(folder) / "run")
        for language in LANGUAGES:
            functions = [{"code_tokens": row["code_tokens"], "language": language} for row in rows[language]]
            pool = _lines(Path(folder) / f"{language}.jsonl", functions)
            found[language] = judged(ask(pool, [rows[language][n]["nl"] for n in asked[language]]), asked[language])
    return {"recipe": recipe, "overrides": overrides, "fold": fold, "metrics": found}


def _asker(recipe: str, overrides: list[str], run: Path) -> Callable[[Path, Sequence[str]], np.ndarray]:
    """Train; then the cosine [texts, functions] of texts and the functions of a file."""
    import graphcl
    from graphcl.core.errors import UserError
    from graphcl.serve.search import CodeSearch

    graphcl.fit(graphcl.load(recipe, *overrides), out=run)

    def ask(pool: Path, texts: Sequence[str]) -> np.ndarray:
        found = CodeSearch.open(run, {"path": str(pool), "least_nodes": 1})
        # the number of a function is that of its line, from 1; what could not be read is found last
        place = {name: int(name.partition(":")[0]) - 1 for name in found.places}
        scores = np.full((len(texts), len(pool.read_text(encoding="utf-8").splitlines())), -2.0)
        for row, text in zip(scores, texts, strict=True):
            try:
                for hit in found.search(text, len(place)):
                    row[place[hit.place]] = hit.cosine
            except UserError:  # without a word: like nothing
                continue
        return scores

    return ask


def _questions(part: str) -> tuple[list[str], list[int]]:
    rows = read_lines("cosqa", f"queries-{part}.jsonl.gz")
    return [row["query"] for row in rows], [row["retrieval_idx"] for row in rows]


def _lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


# --- the bar and the measure -------------------------------------------------------------------------


def without_docstring(code: str) -> str:
    """A Python function less its docstring.

    >>> without_docstring('def f(x):\\n    \"\"\"Twice.\"\"\"\\n    return 2 * x')
    'def f(x):\\n    \\n    return 2 * x'
    """
    return _DOCSTRING.sub(r"\1", code, count=1)


def words(text: str) -> list[str]:
    """Words in lower case, camelCase and snake_case taken apart, less the commonest endings.

    >>> words("sorting readCSVFiles(x)")
    ['sort', 'read', 'csv', 'file', 'x']
    """
    from graphcl.data.code_sets.subtokens import subtokens

    return [re.sub(r"(?<=\w{3})(ing|ed|s)$", "", word) for word in subtokens(text) if word.isalnum()]


def bm25(pool: Sequence[str], texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> np.ndarray:
    """[texts, pool], Okapi BM25 (Robertson and Zaragoza, 2009, eq. 3.15)."""
    known: dict[str, int] = {}
    counts = [Counter(words(text)) for text in pool]
    lengths = np.array([sum(count.values()) for count in counts], dtype=float)
    entries = [(n, known.setdefault(word, len(known)), count) for n, found in enumerate(counts)
               for word, count in found.items()]  # fmt: skip
    rows, columns, times = (np.array(column) for column in zip(*entries, strict=True))
    having = np.bincount(columns, minlength=len(known))
    weight = np.log1p((len(pool) - having + 0.5) / (having + 0.5))[columns]
    value = weight * times * (k1 + 1) / (times + k1 * (1 - b + b * lengths[rows] / lengths.mean()))
    functions = sp.csr_matrix((value, (columns, rows)), shape=(len(known), len(pool)))
    said = [(n, known[word]) for n, text in enumerate(texts) for word in set(words(text)) if word in known]
    at, word = np.array(said).T
    return (sp.csr_matrix((np.ones(len(at)), (at, word)), shape=(len(texts), len(known))) @ functions).toarray()


def judged(scores: np.ndarray, own: Sequence[int]) -> dict[str, float]:
    """Mean reciprocal rank and recall of one answer each; equal scores share the mean of their ranks.

    >>> judged(np.array([[3.0, 1.0, 2.0], [0.0, 0.0, 0.0]]), [2, 0])
    {'mrr': 0.5, 'recall@1': 0.0, 'recall@5': 1.0, 'recall@10': 1.0}
    """
    mine = scores[np.arange(len(own)), list(own)][:, None]
    rank = (scores > mine).sum(1) + ((scores == mine).sum(1) + 1) / 2
    return {"mrr": float((1 / rank).mean()), **{f"recall@{k}": float((rank <= k).mean()) for k in (1, 5, 10)}}


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    made = suite()
    bar = made.results().get("bm25", {})
    known = bar.get("cosqa", {})
    rows = [
        [f"BM25, {what}", "", *(tables.figure(known.get(f"test, {what}", {}).get(name), 3) for name in METRICS)]
        for what in ("code", "with docstrings")
    ]
    rows.insert(0, ["the bar: the best BM25 known to us, code", "", f"{BAR['cosqa']:.3f}", "", "", ""])
    for name in VARIANTS:
        records = _of(made, f"cosqa, {name}, seed-")
        values = [[record["metrics"]["test"][metric] for record in records] for metric in METRICS]
        rows.append([name, f"{len(records)} of {SEEDS}", *(tables.mean_sd(column, 3) for column in values)])
    head = (
        "CoSQA: 500 questions of the web, each asked of 6,267 Python functions without their docstrings. Below, "
        "docstrings of CodeSearchNet asked of all functions of their language, MRR, in five folds."
    )
    below = [["the bar: the best BM25 known to us", "", *(f"{BAR[language]:.3f}" for language in LANGUAGES)]]
    below += [["BM25", "", *(tables.figure(bar.get("pairs", {}).get(one, {}).get("mrr"), 3) for one in LANGUAGES)]]
    below += [[recipe, *_folds(made, prefix)] for recipe, prefix in PAIRS.items()]
    first = tables.table(("CoSQA", "seeds", *METRICS), rows)
    return f"{head}\n\n{first}\n\n{tables.table(('docstrings, MRR', 'seeds', *LANGUAGES), below)}"


def _folds(made: Suite, prefix: str) -> list[str]:
    """Seeds all of whose folds were run, and the mean MRR of each language over them."""
    records = [_of(made, f"{prefix}, fold-", f"seed-{seed}") for seed in range(SEEDS)]
    complete = [found for found in records if len(found) == FOLDS]
    values = [[float(np.mean([record["metrics"][one]["mrr"] for record in found])) for found in complete]
              for one in LANGUAGES]  # fmt: skip
    return [f"{len(complete)} of {SEEDS}", *(tables.mean_sd(column, 3) for column in values)]


def _of(made: Suite, prefix: str, suffix: str = "") -> list[dict[str, Any]]:
    return [record for name, record in made.results().items() if name.startswith(prefix) and name.endswith(suffix)]


if __name__ == "__main__":
    command(suite, seeds=SEEDS)
