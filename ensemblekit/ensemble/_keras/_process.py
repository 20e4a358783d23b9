"""Train a Keras model in a process of its own, which gives its memory back."""

from __future__ import annotations

import copy
import pickle
from typing import Any

from ...errors import CompatibilityError

__all__ = ["fit_in_process"]


def fit_in_process(estimator: Any, args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """Fit a copy of an estimator in a new process.

    Parameters
    ----------
    estimator : KerasEstimator
        Not changed.
    args, options
        As `fit` takes them.

    Returns
    -------
    dict of str to object
        The fitted attributes.

    Raises
    ------
    CompatibilityError
        If the model, its options or the data cannot be sent to another process.
    """
    from joblib.externals.loky.backend.reduction import dumps
    from joblib.externals.loky.process_executor import ProcessPoolExecutor, TerminatedWorkerError

    job = copy.copy(estimator)
    job.own_process = False
    try:
        sent = bytes(dumps((job, args, options)))
    except Exception as error:
        raise _not_sent(type(error).__name__, error) from error
    with ProcessPoolExecutor(max_workers=1) as pool:
        try:
            return pickle.loads(pool.submit(_fit, sent).result())  # noqa: S301 - made by the process below
        except TerminatedWorkerError as error:
            raise MemoryError(
                f"the process that trained {type(estimator).__name__} was ended by the system, most often for lack of "
                "memory. Give a smaller batch_size, or a smaller model."
            ) from error


def _fit(sent: bytes) -> bytes:
    from joblib.externals.loky.backend.reduction import dumps

    try:
        estimator, args, options = pickle.loads(sent)  # noqa: S301 - made by the process above
    except Exception as error:
        raise _not_sent(type(error).__name__, error) from error
    before = {*vars(estimator)}
    estimator.fit(*args, **options)
    fitted = {name: value for name, value in vars(estimator).items() if name not in before or name.endswith("_")}
    return bytes(dumps(fitted))


def _not_sent(kind: str, error: Exception) -> CompatibilityError:
    first = next(iter(str(error).splitlines()), "")
    return CompatibilityError(
        f"with own_process=True the model, its options and the data are sent to another process; {kind}: {first} Give "
        "a function that makes the model, arrays as data, and register classes of your own with "
        "keras.saving.register_keras_serializable in a module that can be imported."
    )
