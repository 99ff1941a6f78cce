"""Graphs whose edges are of kinds: ``edge_kind`` [E], a number for each edge, and ``edge_kinds``, what they mean.

The names are those of the whole data, whichever kinds a batch happens to have.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch_geometric.data import Data, HeteroData

from graphcl.core.errors import UserError

#: Field with the number of each edge's kind, [E] of whole numbers.
KIND = "edge_kind"
#: Field with the names of the kinds.
KINDS = "edge_kinds"


def kinds_of_edges(graph: Data | HeteroData) -> tuple[str, ...]:
    """The names of the kinds that edges of this data are of, in the order of their numbers.

    Raises:
        UserError: the data has none.
    """
    names = graph.get(KINDS) if isinstance(graph, Data) and KINDS in graph else None
    if isinstance(names, list) and names and all(one == names[0] for one in names):  # torch_geometric's batches
        names = names[0]
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise UserError(
            "the edges of this data are of no kinds (edge_kind): set edge_kinds=none in the tower, or take data with "
            "kinds (molecules, code_set, code_pairs)"
        )
    return tuple(names)


def kind_of_edges(graph: Data | HeteroData) -> Tensor:
    """[E], the number of each edge's kind, below the number of :func:`kinds_of_edges`.

    Raises:
        UserError: the data has no kinds, edges were made anew without any, or a number is none of them.
    """
    count = len(kinds_of_edges(graph))
    kind = graph.get(KIND) if KIND in graph else None
    if not isinstance(kind, Tensor) or kind.shape != graph.edge_index.shape[1:]:
        raise UserError(
            "a view has edges without a kind: leave the augmenter out that makes all edges anew, or set "
            "edge_kinds=none in the tower"
        )
    if kind.numel() and not 0 <= int(kind.min()) <= int(kind.max()) < count:
        raise UserError(f"edge_kind: kinds are numbered 0 to {count - 1}, found {int(kind.min())} to {int(kind.max())}")
    return kind
