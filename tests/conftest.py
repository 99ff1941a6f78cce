"""Shared fixtures: where the real data sets lie, and a small bipartite graph with a known answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No test may depend on how busy the machine is.
settings.register_profile("graphcl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("graphcl")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real public data sets (GRAPHCL_TEST_DATA, or ../shared/data beside the checkout)."""
    path = Path(os.environ.get("GRAPHCL_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"the public data sets are not at {path}; set GRAPHCL_TEST_DATA to run this test")
    return path
