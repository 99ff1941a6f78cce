from __future__ import annotations

from pathlib import Path

import pytest

from graphcl.core.errors import UserError
from graphcl.rca.topology import EXPLAINED, UNREACHED, factors, matched, read_service_map

CALLS = {"web": ["cart", "ads"], "cart": ["db"]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.csv", "caller,called\nweb,cart\nweb,ads\ncart,db\n"),
        ("map.json", '{"web": ["cart", "ads"], "cart": ["db"]}'),
        ("map.csv", ",web,cart,ads,db\nweb,0.0,1.0,1,0\ncart,0,0,,2\nads,0,0,0,0\ndb,0,0,0,0\n"),
    ],
)
def test_every_form_of_a_service_map_says_the_same(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert read_service_map(tmp_path / name) == CALLS
    assert read_service_map(CALLS) == CALLS


def test_names_are_matched_and_what_is_on_one_side_is_listed() -> None:
    found, notes = matched({"web_front end": ["cart", "old"]}, ["web-front-end", "cart", "new"])
    assert found == {"web-front-end": ["cart", "old"]}
    assert notes == ["1 service of the service map not in the table: old",
                     "1 service of the table not in the service map: new"]  # fmt: skip


def test_a_caller_is_explained_by_what_it_calls_and_the_unreached_by_nothing() -> None:
    weight = factors({"web": 8.0, "cart": 10.0, "db": 5.0, "ads": 0.0, "apart": 9.0}, CALLS, "web")
    assert weight["web"] == pytest.approx(1 - EXPLAINED)
    assert weight["cart"] == pytest.approx(1 - EXPLAINED * 0.5)
    assert weight["db"] == weight["ads"] == 1.0
    assert weight["apart"] == UNREACHED
    assert factors({"a": 1.0, "b": 3.0}, {"a": ["a", "b"], "b": ["a"]}, None)["b"] == pytest.approx(1 - EXPLAINED / 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ('{"a": "b"}', "a service map is"),
        ("caller,called\na,b,c\n", "line 2: a service map has two columns"),
        (",a,b\na,0\n", "line 2: 2 fields where line 1 has 3"),
        (",a,b\na,0,x\n", "line 2: an adjacency table holds numbers"),
        ('[["a", "b"]]', "a service map is {caller"),
        ("a;b;c\\na;b;1\\n", "line 1: a service map has two columns"),
    ],
)
def test_what_is_no_service_map(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "map").write_text(text)
    with pytest.raises(UserError, match=message):
        read_service_map(tmp_path / "map")


@pytest.mark.parametrize(
    "text",
    [
        "web,cart\nweb,ads\ncart,db\n",
        "caller;callee\nweb;cart\nweb;ads\ncart;db\n",
        "callee,caller\ncart,web\nads,web\ndb,cart\n",
        "source,calls,target\nweb,7,cart\nweb,1,ads\ncart,3,db\n",
        "service,web,cart,ads,db\nweb,0,1,1,0\ncart,0,0,0,1\nads,0,0,0,0\ndb,0,0,0,0\n",
    ],
)
def test_headers_and_separators_of_a_service_map(text: str, tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text(text)
    assert read_service_map(tmp_path / "map.csv") == CALLS
