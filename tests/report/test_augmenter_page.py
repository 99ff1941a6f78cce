from __future__ import annotations

import pytest

from graphcl.core import registry
from graphcl.report import augmenter_page


@pytest.mark.skipif(not augmenter_page.PAGE.is_file(), reason="the documentation is not in this copy")
def test_the_page_is_current() -> None:
    assert augmenter_page.main(["--check"]) == 0, "run: python -m graphcl.report.augmenter_page"


def test_each_augmenter_has_a_row_and_what_is_around_the_table_stays() -> None:
    page = augmenter_page.renewed(f"above\n{augmenter_page.BEGIN}a stale row\n{augmenter_page.END}below\n")
    assert page.startswith("above\n")
    assert page.endswith("below\n")
    assert "a stale row" not in page
    parts = [registry.resolve("augmenter", name) for name in registry.names("augmenter")]
    own = [part.name for part in parts if part.cls.__module__.startswith("graphcl.")]  # other tests register toys
    assert all(f"| `{name}` |" in page for name in own)
    assert "| `ppr` | graph | no | new ones, weighted |" in page
    assert augmenter_page.renewed(page) == page
