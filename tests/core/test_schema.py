"""The schema of a part: what its docstring says of each option."""

from __future__ import annotations

from graphcl.core import schema


def test_what_goes_on_to_another_constructor_is_no_part_of_an_options_text() -> None:
    text = "Does.\n\nArgs:\n    p: Share\n        dropped.\n    **common: Of every log,\n        the rest."
    assert schema.option_docs(text) == {"p": "Share dropped."}


def test_no_option_of_a_part_speaks_of_the_code() -> None:
    texts = [o["doc"] for parts in schema.build().values() for part in parts.values() for o in part["options"].values()]
    assert not [text for text in texts if "**" in text]
