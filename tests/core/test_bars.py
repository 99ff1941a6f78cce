"""Progress bars of other libraries: drawn on a terminal, not into files."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from graphcl.core.bars import no_bars_in_files


class Library:
    """The switches of ``transformers`` and ``huggingface_hub``."""

    def __init__(self, drawing: bool = True) -> None:
        self.drawing = drawing
        self.utils = SimpleNamespace(
            logging=SimpleNamespace(
                is_progress_bar_enabled=lambda: self.drawing, disable_progress_bar=self.off, enable_progress_bar=self.on
            ),
            are_progress_bars_disabled=lambda: not self.drawing, disable_progress_bars=self.off,
            enable_progress_bars=self.on,
        )

    def on(self) -> None:
        self.drawing = True

    def off(self) -> None:
        self.drawing = False


@pytest.mark.parametrize("name", ["transformers", "huggingface_hub"])
def test_bars_are_off_inside_and_as_before_outside(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for other in ("transformers", "huggingface_hub"):
        monkeypatch.delitem(sys.modules, other, raising=False)
    library = Library()
    monkeypatch.setitem(sys.modules, name, library)  # type: ignore[arg-type]

    def failing() -> None:
        with no_bars_in_files():
            assert not library.drawing
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        failing()
    assert library.drawing
    library.off()
    with no_bars_in_files():
        pass
    assert not library.drawing, "who switched them off keeps them off"
    library.on()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with no_bars_in_files():
        assert library.drawing


def test_without_the_libraries_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("transformers", "huggingface_hub"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with no_bars_in_files():
        pass
