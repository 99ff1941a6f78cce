"""Plagiarism that we make ourselves, to choose settings for IR-Plag without a look at who copied there.

Of five problems of POJ-104 that nothing is trained on: a solution, copies of it disguised at levels 2 to 6
(:mod:`graphcl.data.code_sets.disguise`), and the 15 solutions by others that read most like it. On these files token
sets and 4-grams of tokens do about as well as they are known to do on IR-Plag, level by level; beside solutions drawn
at random both do far better, and so does everything else.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

#: Problems of a set, others' solutions of each, copies of each level.
PROBLEMS, OTHERS, COPIES = 5, 15, 9
#: Share of names that a copy changes, and probability of each other change.
NAMES, CHANGES = 0.5, 0.7
#: A solution more like the original is the same file handed in twice.
_SAME = 0.95


def token_grams(code: str, language: str, n: int = 4) -> set[tuple[str, ...]]:
    """Each run of ``n`` tokens, where a name, a number and a string are one kind of token each."""
    from graphcl.data.code_sets.languages import parser

    kinds, nodes = [], [parser(language).parse(code.encode()).root_node]
    while nodes:
        node = nodes.pop()
        if node.child_count and "string" not in node.type:
            nodes += reversed(node.children)
        elif "comment" not in node.type:
            kinds.append(node.type)
    return {tuple(kinds[at : at + n]) for at in range(len(kinds) - n + 1)}


def jaccard(sets: list[set[Any]]) -> np.ndarray:
    """[n, n], what two sets share over what either has."""
    place: dict[Any, int] = {}
    columns = [place.setdefault(one, len(place)) for each in sets for one in each]
    rows = np.arange(len(sets)).repeat([len(each) for each in sets])
    found = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(sets), max(len(place), 1)))
    size, shared = np.asarray(found.sum(1)).ravel(), (found @ found.T).toarray()
    return shared / np.maximum(size[:, None] + size - shared, 1)


@cache
def disguised_files(number: int) -> list[dict[str, Any]]:
    """Rows of case, kind, level, path and code as IR-Plag has them, of the ``number``-th five problems."""
    from benchmarks.code_clones import read_lines
    from graphcl.core.seeds import generator
    from graphcl.data.code_sets.disguise import LEVELS, disguise

    solved: dict[int, list[str]] = {}
    for row in read_lines("poj104", "programs.jsonl.gz"):
        if row["split"] == "valid":
            solved.setdefault(row["label"], []).append(row["code"])
    files: list[dict[str, Any]] = []
    for case in sorted(solved)[number * PROBLEMS : (number + 1) * PROBLEMS]:
        codes = solved[case]
        like = torch.from_numpy(jaccard([token_grams(code, "cpp") for code in codes]))
        original = int(like.topk(OTHERS + 1, dim=1).values.sum(1).argmax())  # what is most like the others
        near = like[original].argsort(descending=True, stable=True).tolist()
        others = [n for n in near if n != original and like[original, n] < _SAME][:OTHERS]
        rows = [("original", None, codes[original]), *(("non-plagiarized", None, codes[n]) for n in others)]
        for level in LEVELS:
            for copy in range(COPIES):
                draw = generator(number, "disguise", case * 1000 + level * 100 + copy)
                code = disguise(codes[original], "cpp", level, p=CHANGES, names=NAMES, generator=draw)
                rows.append(("plagiarized", f"L{level}", code))
        files += [{"case": case, "kind": kind, "level": level, "code": code} for kind, level, code in rows]
    return [{**row, "path": str(place)} for place, row in enumerate(files)]
