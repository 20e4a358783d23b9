"""Work in threads gives its results in order, and its first error; nothing goes on afterwards."""

import threading
import time

import pytest

from ensemblekit.scaling._threads import Beside, in_order, next_of_each, run_all


def waiting(seconds, n, closed, fails_at=None):
    try:
        for k in range(n):
            time.sleep(seconds)
            if k == fails_at:
                raise ValueError(f"{seconds} {k}")
            yield k
    finally:
        closed.append(seconds)


@pytest.fixture
def running():
    """List the pools' threads that were not there before; Dask keeps some of its own."""
    before = set(threading.enumerate())
    return lambda: [t for t in threading.enumerate() if t.name.startswith("ThreadPoolExecutor") and t not in before]


def test_the_next_of_each_generator_come_together(running):
    closed = []
    given = [waiting(seconds, 5, closed) for seconds in (0.004, 0.001, 0.0)]
    assert list(next_of_each(given)) == [[k] * 3 for k in range(5)]
    assert sorted(closed) == [0, 0.001, 0.004]
    assert not running()


def test_the_error_of_the_first_generator_is_raised_when_its_turn_comes(running):
    closed = []
    given = [waiting(0.004, 5, closed, fails_at=2), waiting(0.0, 5, closed, fails_at=2)]
    rows = next_of_each(given)
    assert [next(rows), next(rows)] == [[0, 0], [1, 1]]
    with pytest.raises(ValueError, match=r"^0\.004 2$"):
        next(rows)
    assert sorted(closed) == [0, 0.004]
    assert not running()


def test_a_caller_may_leave_before_the_end(running):
    closed = []
    rows = next_of_each([waiting(0.001, 50, closed), waiting(0.002, 50, closed)])
    assert next(rows) == [0, 0]
    rows.close()
    assert sorted(closed) == [0.001, 0.002]
    results = in_order(lambda k: k, range(50))
    assert next(results) == 0
    results.close()
    assert not running()


def test_generators_run_to_their_ends_beside_each_other(running):
    steps, closed = [], []

    def work(name):
        try:
            for k in range(4):
                steps.append((name, k))
                time.sleep(0.001)
                yield
        finally:
            closed.append(name)

    run_all([work("a"), work("b"), work("c")])
    assert sorted(steps) == [(name, k) for name in "abc" for k in range(4)]
    assert [name for name, k in steps if k == 0] == ["a", "b", "c"]
    assert sorted(closed) == ["a", "b", "c"]
    assert not running()


def test_the_first_error_of_a_generator_ends_all(running):
    steps = []

    def work(name, fails):
        for k in range(100):
            steps.append(name)
            time.sleep(0.001)
            if fails and k == 3:
                raise ValueError(name)
            yield

    with pytest.raises(ValueError, match=r"^b$"):
        run_all([work("a", False), work("b", True)])
    assert len(steps) < 20
    assert not running()


def test_results_come_in_order_and_few_are_begun_ahead(running):
    begun = []

    def work(k):
        begun.append(k)
        time.sleep(0.003 if k % 3 == 0 else 0)
        if k == 12:
            raise ValueError(k)
        return k

    results = in_order(work, range(20), ahead=2)
    for k in range(12):
        assert next(results) == k
        assert max(begun) <= k + 3
    with pytest.raises(ValueError, match="12"):
        next(results)
    assert not running()


def test_what_is_done_beside_is_done_in_order_and_its_error_is_raised(running):
    done = []

    def work(k):
        time.sleep(0.001)
        if k == 7:
            raise ValueError(k)
        done.append(k)

    def give(numbers, error=None):
        with Beside(work) as beside:
            for k in numbers:
                beside.give(k)
            if error:
                raise error

    give(range(5))
    assert done == [0, 1, 2, 3, 4]
    for numbers in (range(7, 100), [7]):
        with pytest.raises(ValueError, match="7"):
            give(numbers)
    assert len(done) < 10
    with pytest.raises(KeyError, match="the caller's own error stays"):
        give([7], KeyError("the caller's own error stays"))
    assert not running()


def test_a_generator_that_ends_before_the_others_is_an_error():
    rows = next_of_each([waiting(0, 3, []), waiting(0, 2, [])])
    with pytest.raises(ValueError, match="same number"):
        list(rows)
