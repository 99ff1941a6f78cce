from __future__ import annotations

import time

import sklearn.linear_model  # noqa: F401  (loads the linear algebra whose threads are meant)
import threadpoolctl

from graphcl.core.threads import one_thread


def threads() -> dict[str, int]:
    return {library["filepath"]: library["num_threads"] for library in threadpoolctl.threadpool_info()}


def test_one_thread_within_and_as_many_as_before_after_it() -> None:
    one_thread()  # finds the libraries
    with threadpoolctl.threadpool_limits(2):
        before = threads()
        assert set(before.values()) == {2}
        with one_thread():
            assert set(threads().values()) == {1}
        assert threads() == before


def test_it_costs_nothing_beside_the_smallest_fit() -> None:
    one_thread()
    spent = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(20):
            with one_thread():
                pass
        spent.append((time.process_time() - began) / 20)
    assert min(spent) < 5e-4  # finding the libraries anew takes five times as long
