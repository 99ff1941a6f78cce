"""Progress bars that other libraries draw."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_bars_in_files() -> Iterator[None]:
    """Inside, ``transformers`` and ``huggingface_hub`` draw no bars where stderr is no terminal but a file of lines.

    Both must have been imported before: what is not imported draws nothing.
    """
    restore = []
    if not sys.stderr.isatty():
        transformers, hub = sys.modules.get("transformers"), sys.modules.get("huggingface_hub")
        if transformers is not None and transformers.utils.logging.is_progress_bar_enabled():
            transformers.utils.logging.disable_progress_bar()
            restore.append(transformers.utils.logging.enable_progress_bar)
        if hub is not None and not hub.utils.are_progress_bars_disabled():
            hub.utils.disable_progress_bars()
            restore.append(hub.utils.enable_progress_bars)
    try:
        yield
    finally:
        for switch in restore:
            switch()
