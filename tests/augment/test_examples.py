from __future__ import annotations

import doctest

import graphcl.augment


def test_the_examples_of_the_package_hold():
    result = doctest.testmod(graphcl.augment)
    assert result.attempted > 0
    assert result.failed == 0
