"""Training data of several views: each image once an epoch, one view after the other, the same in every run."""

import threading
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemblekit import EnsembleKitError, InvalidOptionError
from ensemblekit.errors import DataError

pytestmark = pytest.mark.keras

keras = pytest.importorskip("keras")

from ensemblekit.features import ViewCycle  # noqa: E402 - its base class is Keras's


def views_of(n_views, n):
    """Features that name their view and their sample."""
    return np.stack([[(view, sample) for sample in range(n)] for view in range(n_views)]).astype("float32")


def epoch_of(data):
    data.on_epoch_begin()
    batches = [data[k] for k in range(len(data))]
    return np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])


@given(n_views=st.integers(1, 4), n=st.integers(1, 9), batch_size=st.integers(1, 10), seed=st.integers(0, 2**40))
def test_each_epoch_gives_each_sample_once_and_the_views_cycle(n_views, n, batch_size, seed):
    data = ViewCycle(views_of(n_views, n), np.arange(n) * 10, batch_size=batch_size, seed=seed)
    assert len(data) == data.num_batches == -(-n // batch_size)
    for epoch in range(2 * n_views + 1):
        x, y = epoch_of(data)
        assert data.epoch == epoch
        assert set(x[:, 0]) == {epoch % n_views}
        assert sorted(x[:, 1]) == list(range(n))
        assert np.array_equal(y, x[:, 1] * 10)


def test_the_order_is_that_of_the_seed_and_the_epoch_whatever_else_is_drawn():
    def orders(seed, disturb):
        data = ViewCycle(views_of(2, 50), np.zeros(50), batch_size=7, seed=seed)
        seen = []
        for _ in range(3):
            if disturb:
                keras.utils.set_random_seed(len(seen))
            seen.append(epoch_of(data)[0][:, 1].tolist())
        return seen

    first = orders(5, False)
    assert first == orders(5, True)
    assert first != orders(6, False)
    assert first[0] != first[1] != first[2]


class Listening(keras.Sequential):
    """Notes what fit gives it, step by step."""

    def train_step(self, *args):  # on jax the first are the state
        self.steps.append(np.asarray(args[-1][0]))
        return super().train_step(*args)


@pytest.mark.parametrize("drawn", [False, True])
def test_fit_takes_one_view_after_the_other(drawn):
    n, views = 10, views_of(3, 10)
    options = {"views": lambda view: views[view], "n_views": 3} if drawn else {"views": views}
    data = ViewCycle(y=np.arange(n) % 2, batch_size=4, **options)
    model = Listening([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    model.steps = []
    model.compile("sgd", "binary_crossentropy", run_eagerly=True)
    assert len(model.fit(data, epochs=5, verbose=0, shuffle=False).epoch) == 5
    assert data.epoch == 4
    for epoch in range(5):
        seen = np.concatenate(model.steps[3 * epoch : 3 * epoch + 3])
        assert set(seen[:, 0]) == {epoch % 3}
        assert sorted(seen[:, 1]) == list(range(n))


def test_the_same_training_twice_gives_the_same_weights():
    def weights():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
        model.compile("sgd", "binary_crossentropy")
        model.fit(ViewCycle(views_of(2, 12), np.arange(12) % 2, batch_size=5), epochs=3, verbose=0, shuffle=False)
        return model.get_weights()

    for a, b in zip(weights(), weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_pixels_keep_their_dtype_and_nothing_but_a_batch_is_copied(tmp_path):
    path = tmp_path / "views.npy"
    np.save(path, np.arange(2 * 5 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 5, 4, 4, 3))
    views = np.load(path, mmap_mode="r")
    data = ViewCycle(views, np.arange(5), batch_size=2)
    x, y = data[0]
    assert x.dtype == np.uint8
    assert type(x) is np.ndarray
    np.testing.assert_array_equal(x, views[0][y])
    view, _ = data._current
    assert np.shares_memory(view, views)


# Views that are drawn.


def drawer(n=4):
    calls = Counter()

    def draw(view):
        calls[view] += 1
        calls["other thread"] += threading.current_thread() is not threading.main_thread()
        return np.full((n, 1), view, dtype=np.float32)

    return draw, calls


def test_without_a_number_each_epoch_has_a_new_view_drawn_ahead():
    draw, calls = drawer()
    data = ViewCycle(draw, np.zeros(4))
    assert [epoch_of(data)[0][0, 0] for _ in range(4)] == [0, 1, 2, 3]
    assert {view: n for view, n in calls.items() if view in range(4)} == dict.fromkeys(range(4), 1)
    assert calls["other thread"] >= 3


def test_with_a_number_each_view_is_drawn_once():
    draw, calls = drawer()
    data = ViewCycle(draw, np.zeros(4), n_views=2)
    assert [epoch_of(data)[0][0, 0] for _ in range(5)] == [0, 1, 0, 1, 0]
    assert {view: n for view, n in calls.items() if isinstance(view, int)} == {0: 1, 1: 1}


def test_an_error_in_drawing_comes_out_as_it_is():
    def draw(view):
        if view:
            raise OSError("the disk is gone")
        return np.zeros((4, 1))

    data = ViewCycle(draw, np.zeros(4))
    data.on_epoch_begin()
    with pytest.raises(OSError, match="the disk is gone"):
        data.on_epoch_begin()


@pytest.mark.parametrize(
    ("views", "y", "options", "error", "said"),
    [
        (np.zeros((2, 3, 1)), np.zeros(4), {}, DataError, r"received shape \(2, 3, 1\) for 4 targets"),
        (np.zeros((2, 3)), np.zeros(3), {}, DataError, r"views must have the shape \(n_views, n_samples, ...\)"),
        (np.zeros((0, 3, 1)), np.zeros(3), {}, DataError, "views must have the shape"),
        (np.zeros((2, 0, 1)), [], {}, DataError, r"at least one; received shape \(0,\)"),
        (np.zeros((2, 3, 1)), 1.0, {}, DataError, r"received shape \(\)"),
        (lambda view: np.zeros((2, 1)), np.zeros(3), {}, DataError, r"view 0 has the shape \(2, 1\) for 3 targets"),
        (np.zeros((2, 3, 1)), np.zeros(3), {"n_views": 2}, InvalidOptionError, "n_views is for a function"),
        (np.zeros((2, 3, 1)), np.zeros(3), {"batch_size": 0}, InvalidOptionError, "batch_size must .* received 0"),
        (np.zeros((2, 3, 1)), np.zeros(3), {"seed": -1}, InvalidOptionError, "seed must .* >= 0; received -1"),
        (len, np.zeros(3), {"n_views": True}, InvalidOptionError, "n_views must .* received True"),
    ],
)  # fmt: skip
def test_bad_arguments_are_one_clear_error(views, y, options, error, said):
    with pytest.raises(error, match=said) as caught:
        ViewCycle(views, y, **options)
    assert isinstance(caught.value, EnsembleKitError)


def test_a_batch_that_is_not_there():
    with pytest.raises(IndexError, match="there are 2 batches; received 2"):
        ViewCycle(views_of(1, 3), np.zeros(3), batch_size=2)[2]


# Names.

TABLE = pd.DataFrame({"u": [1.0, 2.0, 3.0], "v": [4.0, 5.0, 6.0]}, index=["a", "b", "c"])
TARGETS = pd.Series([0, 1, 0], index=["a", "b", "c"])


def test_tables_with_the_index_of_the_targets_are_views():
    x, y = ViewCycle([TABLE, TABLE + 10], TARGETS, batch_size=3)[0]
    assert sorted(map(tuple, np.column_stack([x, y]).tolist())) == [(1, 4, 0), (2, 5, 1), (3, 6, 0)]


@pytest.mark.parametrize("drawn", [False, True])
@pytest.mark.parametrize(
    ("second", "message"),
    [
        (TABLE.iloc[::-1], r"the same names in another order.*Give views[\[(]1[\])]\.loc\[y\.index\]"),
        (TABLE.rename({"a": "z"}), "other names"),
        (TABLE[["v", "u"]], "the same columns in the same order"),
    ],
)
def test_a_view_with_other_names_or_another_order_is_refused(second, message, drawn):
    views = [TABLE, second]

    def train():
        data = ViewCycle(views.__getitem__ if drawn else views, TARGETS, n_views=2 if drawn else None)
        data.on_epoch_begin()
        data.on_epoch_begin()

    with pytest.raises(DataError, match=message):
        train()


def test_masked_targets_and_views_are_refused():
    with pytest.raises(DataError, match="y must be known of each sample; received masked values"):
        ViewCycle(views_of(2, 3), np.ma.masked_array([0, 1, 0], mask=[0, 1, 0]))
    with pytest.raises(DataError, match="views must be known of each sample"):
        ViewCycle(np.ma.masked_less(views_of(2, 3), 1), [0, 1, 0])
