"""Clones of programs: MAP@R on POJ-104, also with renamed queries, and levels of plagiarism in IR-Plag.

``python -m benchmarks.code_clones`` runs the missing cells. Similarity of token sets, the bar, is measured here on the
same programs: raw tokens, comments removed.
"""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from benchmarks import tables
from benchmarks.cells import Cell, Suite, command, data_root
from benchmarks.disguised import disguised_files, jaccard, token_grams

#: Renamed variables of a query.
RENAMED = (0, 1, 4, 8)
#: Name of a cell -> recipe and overrides.
VARIANTS: dict[str, tuple[str, list[str]]] = {
    "simclr": ("simclr_code", []),
    "simclr, two views of one": ("simclr_code", ["views.b.source=self"]),
    "simclr, nothing renamed": ("simclr_code", [f"views.{view}.augment.rename_names.p=0" for view in "ab"]),
    "simclr, names counted": ("simclr_code", ["encoder.names=true"]),
    "simclr, no structure": ("simclr_code", ["encoder.tower={mlp: {dim: 128, num_layers: 2, pooling: mean}}"]),
    "simclr, no word sets": ("simclr_code", ["encoder.sets=0"]),
    "simclr, labelled positives": ("simclr_code", ["views.b.source=same_target"]),
    "moco": ("moco_code", []),
    "swav": ("swav_code", []),
    "contrabert": ("contrabert", ["views.b.source={similar_words: {k: 5}}"]),
}
EPOCHS, SEEDS = 2, 3
#: Judged on plagiarised files, no one of which is labelled in training.
PLAGIARISTS = ("simclr_code", "contrabert")
_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|[A-Za-z_]\w*|\d+(?:\.\d+)?|\S')
_COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.DOTALL)


def suite(epochs: int = EPOCHS, seeds: int = SEEDS) -> Suite:
    """One cell for the bars, and one for each variant and seed."""
    cells = [Cell("token sets", "benchmarks.code_clones:bars")]
    for name, (recipe, overrides) in VARIANTS.items():
        for seed in range(seeds):
            options = [*overrides, f"train.epochs={epochs}", f"train.seed={seed}"]
            arguments = {"recipe": recipe, "overrides": options}
            cells.append(Cell(f"{name}, seed-{seed}", "benchmarks.code_clones:clones", arguments))
    cells.append(Cell("disguised, bars", "benchmarks.code_clones:disguised_bars"))
    for seed in range(seeds):
        for name in PLAGIARISTS:
            arguments = {"recipe": name, "overrides": [f"train.seed={seed}"]}
            cells.append(Cell(f"ir-plag, {name}, seed-{seed}", "benchmarks.code_clones:plagiarism", arguments))
        arguments = {"recipe": "simclr_code", "overrides": [f"train.seed={seed}"], "disguised": seed}
        cells.append(Cell(f"disguised, simclr_code, seed-{seed}", "benchmarks.code_clones:plagiarism", arguments))
    return Suite("code_clones", tuple(cells))


def read_lines(name: str, file: str) -> list[dict[str, Any]]:
    """Rows of a shared file of JSON lines."""
    root = Path(data_root() or ".")
    path = next(place for place in (root / name, *sorted(root.glob(f"*/{name}"))) if (place / file).is_file()) / file
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def token_sets(codes: Sequence[str], known: dict[str, int] | None = None) -> tuple[sp.csr_matrix, dict[str, int]]:
    """[n, tokens] of 0 and 1, comments removed; and the column of each token."""
    known = {} if known is None else dict(known)
    rows: list[int] = []
    columns: list[int] = []
    for row, code in enumerate(codes):
        found = set(_TOKEN.findall(_COMMENT.sub(lambda match: match[1] or " ", code)))
        rows += [row] * len(found)
        columns += [known.setdefault(token, len(known)) for token in sorted(found)]
    entries = np.ones(len(rows), np.float32), (rows, columns)
    return sp.csr_matrix(entries, shape=(len(codes), len(known))), known


def renamed(codes: Sequence[str], count: int) -> list[str]:
    """Each program with ``count`` renamed variables, the same ones for every method."""
    from graphcl.core.seeds import generator
    from graphcl.data.code_sets.rename import rename_variables

    return [rename_variables(code, "cpp", count, generator=generator(0, "rename", n)) for n, code in enumerate(codes)]


def by_sets(codes: Sequence[str], asked: Sequence[str], labels: Tensor) -> float:
    """MAP@R of Jaccard similarity of token sets, by blocks of sparse products."""
    both, _ = token_sets([*codes, *asked])
    x, q = both[: len(codes)], both[len(codes) :]
    sizes, turned = np.asarray(x.sum(1)).ravel(), x.T.tocsr()
    relevant = torch.bincount(labels)[labels] - 1
    values = []
    for start in range(0, len(codes), 256):
        shared = (q[start : start + 256] @ turned).toarray()
        own = np.asarray(q[start : start + 256].sum(1))
        scores = torch.from_numpy(shared / np.maximum(own + sizes - shared, 1))
        at = torch.arange(start, start + len(scores))
        scores[torch.arange(len(scores)), at] = -1
        near = scores.topk(int(relevant[at].max()), dim=1).indices
        hit = labels[near] == labels[at, None]
        place = torch.arange(1, near.shape[1] + 1)
        hit &= place <= relevant[at, None]
        values.append(((hit.cumsum(1) / place * hit).sum(1) / relevant[at]).double())
    return float(torch.cat(values).mean())


def bars() -> dict[str, Any]:
    """Token sets on the test programs of POJ-104 with 0 to 8 renamed variables, and on IR-Plag."""
    rows = [row for row in read_lines("poj104", "programs.jsonl.gz") if row["split"] == "test"]
    codes, labels = [row["code"] for row in rows], torch.tensor([row["label"] for row in rows])
    found = {str(count): by_sets(codes, renamed(codes, count), labels) for count in RENAMED}
    files = read_lines("ir-plag", "files.jsonl.gz")
    sets, _ = token_sets([row["code"] for row in files])
    sizes = np.asarray(sets.sum(1)).ravel()
    shared = (sets @ sets.T).toarray()
    return {"map_at_r": found, "auc": by_level(files, shared / (sizes[:, None] + sizes - shared))}


def disguised_bars() -> dict[str, Any]:
    """Token sets, and 4-grams of tokens, on each of the sets of files that we disguised ourselves."""
    found: dict[str, Any] = {"token sets": [], "4-grams": []}
    for number in range(SEEDS):
        files = disguised_files(number)
        codes = [row["code"] for row in files]
        sets, _ = token_sets(codes)
        found["token sets"].append(by_level(files, jaccard([set(row.indices.tolist()) for row in sets])))
        found["4-grams"].append(by_level(files, jaccard([token_grams(code, "cpp") for code in codes])))
    return {"auc": found}


def clones(recipe: str, overrides: list[str]) -> dict[str, Any]:
    """Train on POJ-104, without its test programs, then rank them with 0 to 8 renamed variables in the query."""
    import graphcl
    from graphcl.engine.unseen import embed_unseen
    from graphcl.tasks.probes.base import Labelled
    from graphcl.tasks.probes.map_at_r import map_at_r

    fitted = graphcl.fit(graphcl.load(recipe, "data=poj104", *overrides), data_root=data_root())
    data = fitted.task.data  # type: ignore[attr-defined]
    labels = data.labels[data.split.test]
    x = fitted.embeddings["graph"][data.split.test]
    code = {str(n): row["code"] for n, row in enumerate(read_lines("poj104", "programs.jsonl.gz"), 1)}
    codes = [code[data.ids[n]] for n in data.split.test.tolist()]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in RENAMED:
            path = Path(folder) / f"{count}.jsonl"
            path.write_text("\n".join(json.dumps({"code": text}) for text in renamed(codes, count)))
            asked, _ = embed_unseen(fitted.model, data, options={"path": str(path)})
            found[str(count)] = map_at_r(Labelled(x, labels), asked=asked["graph"])["map_at_r"]
    return {"recipe": recipe, "overrides": overrides, "metrics": fitted.metrics, "map_at_r": found}


def plagiarism(recipe: str, overrides: list[str], disguised: int | None = None) -> dict[str, Any]:
    """Train on the files of IR-Plag without any label, then compare each with the original of its case.

    Args:
        recipe: Its settings for ir-plag are taken.
        overrides: Other settings.
        disguised: Take the files of this number of :func:`disguised_files` in the place of IR-Plag's.
    """
    import graphcl

    files = read_lines("ir-plag", "files.jsonl.gz") if disguised is None else disguised_files(disguised)
    with tempfile.TemporaryDirectory() as folder:
        (root := Path(folder) / "ir-plag").mkdir()
        rows = [json.dumps({"code": row["code"], "id": row["path"]}) for row in files]  # without what is judged
        (root / "files.jsonl.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
        language = "java" if disguised is None else "cpp"
        asked = graphcl.load(recipe, "data=ir-plag", f"data.language={language}", *overrides)
        fitted = graphcl.fit(asked, data_root=folder)
    x = torch.nn.functional.normalize(fitted.embeddings["graph"], dim=1)
    place = {name: n for n, name in enumerate(fitted.task.data.ids)}  # type: ignore[attr-defined]
    kept = [row for row in files if row["path"] in place]
    order = torch.tensor([place[row["path"]] for row in kept])
    auc = by_level(kept, (x @ x.T)[order][:, order])
    return {"recipe": recipe, "overrides": overrides, "files": len(kept), "auc": auc}


def by_level(files: Sequence[dict[str, Any]], similarity: Any) -> dict[str, float]:
    """ROC-AUC of plagiarised against independent files by their similarity to the original, mean over cases.

    Args:
        files: Rows with case, kind and level.
        similarity: [n, n].

    Returns:
        ``all`` and each level.
    """
    from sklearn.metrics import roc_auc_score

    found: dict[str, list[float]] = {}
    for case in sorted({row["case"] for row in files}):
        inside = [n for n, row in enumerate(files) if row["case"] == case]
        original = next(n for n in inside if files[n]["kind"] == "original")
        independent = [float(similarity[original][n]) for n in inside if files[n]["kind"] == "non-plagiarized"]
        levels: dict[str, list[float]] = {"all": []}
        for n in inside:
            if files[n]["kind"] == "plagiarized":
                value = float(similarity[original][n])
                levels["all"].append(value)
                levels.setdefault(str(files[n]["level"]), []).append(value)
        for level, values in levels.items():
            truth = [1] * len(values) + [0] * len(independent)
            found.setdefault(level, []).append(float(roc_auc_score(truth, values + independent)))
    return {level: float(np.mean(values)) for level, values in sorted(found.items())}


# --- the report --------------------------------------------------------------------------------------


def section() -> str:
    """The tables of docs/benchmarks.md."""
    made = suite()
    sets = made.results().get("token sets", {})
    bar, levels = sets.get("auc", {}), ["all", *(f"L{number}" for number in range(1, 7))]
    rows = [["token sets", "", *(tables.figure(sets.get("map_at_r", {}).get(str(count)), 3) for count in RENAMED)]]
    for name in VARIANTS:
        records = _of(made, f"{name}, seed-")
        values = [[record["map_at_r"][str(count)] for record in records] for count in RENAMED]
        rows.append([name, f"{len(records)} of {SEEDS}", *(tables.mean_sd(column, 3) for column in values)])
    plagiarised = [["token sets", "", *(tables.figure(bar.get(level), 2) for level in levels)]]
    told: list[str] = []
    for name in PLAGIARISTS:
        records = _of(made, f"ir-plag, {name}, seed-")
        columns = [[record["auc"][level] for record in records if level in record["auc"]] for level in levels]
        plagiarised.append([name, f"{len(records)} of {SEEDS}", *(tables.mean_sd(column, 2) for column in columns)])
        worse = [level for level, column in zip(levels, columns, strict=True) if column and mean(column) < bar[level]]
        if worse:
            told.append(f"{name} is below token sets at {', '.join(worse)}.")
    head = (
        f"MAP@R on the 6,000 test programs of POJ-104 (R = 499), comments removed, {EPOCHS} epochs on the training "
        "programs without labels, unless said; then with 1, 4 and 8 variables of the query renamed. Below, ROC-AUC of "
        "plagiarised against independent files of IR-Plag by level, mean over its cases. Its settings were chosen on "
        "the files of the last table: solutions of POJ-104's validation problems that we disguised ourselves, among "
        "the solutions most like them."
    )
    named = ("POJ-104, MAP@R", "seeds", *(f"{count} renamed" for count in RENAMED))
    above = tables.table(named, rows)
    below = tables.table(("IR-Plag, ROC-AUC", "seeds", *levels), plagiarised)
    named = ("disguised by us, ROC-AUC", "sets", *(level for level in levels if level != "L1"))
    ours = tables.table(named, _disguised())
    return "\n\n".join(part for part in (head, above, below, " ".join(told), ours) if part)


def _disguised() -> list[list[str]]:
    """Rows of the sets of files that we disguised ourselves."""
    made = suite()
    columns = ["all", *(f"L{number}" for number in range(2, 7))]
    found = dict(made.results().get("disguised, bars", {}).get("auc", {}))
    found["simclr_code"] = [record["auc"] for record in _of(made, "disguised, simclr_code, seed-")]
    return [
        [name, f"{len(sets)} of {SEEDS}", *(tables.mean_sd([one[level] for one in sets], 2) for level in columns)]
        for name, sets in found.items()
    ]


def _of(made: Suite, prefix: str) -> list[dict[str, Any]]:
    return [record for name, record in made.results().items() if name.startswith(prefix)]


if __name__ == "__main__":
    command(suite, epochs=EPOCHS, seeds=SEEDS)
