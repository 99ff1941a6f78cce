from __future__ import annotations

import pytest

from graphcl.core.address import Address, parse_address
from graphcl.core.errors import UserError

TYPES = ("user", "item")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("svd.nodes[user][users]", Address("encoded", view="svd", level="nodes", node_type="user", rows="users")),
        ("graph.nodes[user]", Address("encoded", view="graph", level="nodes", node_type="user")),
        ("a.proj[batch]", Address("encoded", view="a", level="proj", rows="batch")),
        ("a.layers[1][*][unique]",
         Address("encoded", view="a", level="layers", layer=1, node_type="*", rows="unique")),
        ("teacher(b).pred", Address("encoded", tower="teacher", view="b", level="pred")),
        ("a.messages[2]", Address("encoded", view="a", level="messages", layer=2)),
        ("input.x", Address("input", "x")),
        ("table.item[items_pos]", Address("table", "item", rows="items_pos")),
        ("loss.info_nce#2[item]", Address("loss", "info_nce#2", node_type="item")),
        ("state.clusters.centroids[user]", Address("state", "clusters", level="centroids", node_type="user")),
    ],
)
def test_every_form(text, expected):
    assert parse_address(text, TYPES) == expected


@pytest.mark.parametrize(
    "text", ["", "nodes", "a.layers", "a.nodes[]", "a.nodes[user][users][x]", "a b.nodes", "f(a.x", "loss.x[batch]"]
)
def test_what_is_no_address(text):
    with pytest.raises(UserError):
        parse_address(text, TYPES)
