"""RecBole 1.2.1 with our recommenders, and with what it needs to run on current packages.

>>> import graphcl.recbole  # doctest: +SKIP
>>> from recbole.quick_start import run_recbole  # doctest: +SKIP
>>> run_recbole(model="LightGCL", dataset="ml-100k")  # doctest: +SKIP

Import it before anything of RecBole. What it replaces is listed in ``graphcl.recbole.compat.SHIMS``, and put back by
``graphcl.recbole.compat.undo()``.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from graphcl.core.errors import MissingExtra, error_lines

if find_spec("recbole") is None:
    _python = f"{sys.version_info.major}.{sys.version_info.minor}"
    _here = "" if sys.version_info < (3, 12) else f", on Python 3.11: RecBole 1.2.1 cannot be installed on {_python}"
    _error = MissingExtra(f"this needs RecBole: pip install 'graphcl[recbole]'{_here}")
    if sys.argv[0] == "-m":  # `python -m graphcl.recbole` is on its way to __main__
        print(*error_lines(_error), sep="\n", file=sys.stderr)
        sys.exit(_error.exit_code)
    raise _error

from graphcl.recbole import compat

compat.apply()
