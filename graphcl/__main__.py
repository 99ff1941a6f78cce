"""``python -m graphcl``: the same as the command ``graphcl``."""

from __future__ import annotations

import sys

from graphcl.cli.main import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
