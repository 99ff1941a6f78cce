from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphcl.core.config.yaml12 import dump, load, scalar
from graphcl.core.errors import UserError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), ("on", "on"), ("no", "no"), ("yes", "yes"), ("true", True), ("0x10", 16), ("0o17", 15),
        ("1_000", "1_000"), ("12:30", "12:30"), ("2020-01-01", "2020-01-01"), (".5", 0.5), ("~", None), ("'1'", "1"),
        ("[10, 20]", [10, 20]), ("__import__('os').getpid()", "__import__('os').getpid()"), ("-3", -3),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    assert scalar(text, "test") == value
    assert type(scalar(text, "test")) is type(value)


def test_lines_of_keys_are_kept():
    data, lines = load("a: 1\nb:\n  c: 2\n  d: [3,\n   4]\n", "x.yaml")
    assert data == {"a": 1, "b": {"c": 2, "d": [3, 4]}}
    assert (lines["b", "c"], lines["b", "d", 1]) == (3, 5)


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2", "a: !!python/object/apply:os.system [id]", "a: [1", "a: &x [1]\nb: *x", "? [1]\n: 2"]
)
def test_what_is_refused_names_the_line(text):
    with pytest.raises(UserError, match=r"^x\.yaml:\d: "):
        load(text, "x.yaml")


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_like)
def test_what_is_dumped_reads_back(value):
    text = dump(value)
    try:
        again = load(text, "x")[0]
    except UserError:
        # YAML cannot hold some control characters at all
        assert any(ord(c) < 32 or 0x7F <= ord(c) <= 0xA0 or ord(c) > 0xD7FF for c in repr(value) + str(value))
        return
    assert again == value
