"""`soup`: the average of the weights of several networks of one architecture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..arguments import typed
from ..assembly import copy_model, import_keras
from ..combining import combine
from ..errors import AlignmentError, CompatibilityError, InvalidOptionError, InvalidPredictionsError
from ..evaluation import find_metrics
from ..members import as_member, collect
from ..predictions import Predictions, PredictionSet, Task, align
from ..predictions.choices import check_not_seen, check_not_test
from ..predictions.names import as_classes
from ._alike import check_alike, leaves
from ._rows import batches_of

if TYPE_CHECKING:
    import keras
    import pandas as pd

    from ..evaluation import AskedMetric

__all__ = ["Soup", "soup"]


class Soup(NamedTuple):
    """The average of networks.

    Attributes
    ----------
    model : keras.Model
        A network of the same architecture.
    members : tuple of str
        The networks in it; if it is greedy, in the order in which they were taken.
    table : pandas.DataFrame or None
        If it is greedy, one row for each network in the order in which they were tried: ``member``; ``alone``, its own
        value of the metric; ``value``, that of the average with it; and whether it was ``taken``.
    """

    model: keras.Model
    members: tuple[str, ...]
    table: pd.DataFrame | None


@typed(but=("models", "metric", "classes", "task"))
def soup(
    models: Mapping[str, keras.Model] | Sequence[Any],
    *,
    greedy_on: Any = None,
    metric: AskedMetric | None = None,
    renew_on: Any = None,
    classes: Iterable[Any] | None = None,
    task: Task | None = None,
    batch_size: int = 32,
    allow_leakage: bool = False,
) -> Soup:
    """Average the weights of networks of one architecture to one network, which costs as much as one of them.

    Parameters
    ----------
    models : mapping of str to keras.Model, or sequence of (str, keras.Model)
        Functional or sequential networks with equal layers, two or more. They are not changed.
    greedy_on : source, PredictionSet or mapping of str to Predictions, optional
        Held-out data with labels, as in `collect`, on which each average is judged; or labelled predictions of the
        networks, on which the mean of their predictions is judged in its place. Without, all are averaged.
    metric : metric, optional
        What judges, in a form that `find_metric` accepts. By default the first metric of the task.
    renew_on : source, optional
        Training data, with which the moving statistics of batch normalisation are computed anew.
    classes : sequence of str or int, optional
        Names of the outputs, in their order; needed with data in ``greedy_on``.
    task : str, optional
        Task of the networks, by default ``multiclass``.
    batch_size : int, default=32
        Samples per batch.
    allow_leakage : bool, default=False
        Accept rows in ``greedy_on`` that a network was fitted on, and the test split.

    Returns
    -------
    Soup
        The network, which networks are in it, and what was tried.

    Raises
    ------
    CompatibilityError
        If the networks differ in a layer, an option or a shape, or in what a layer was adapted to.
    InvalidOptionError
        If fewer than two networks are given, or ``greedy_on`` has no classes.
    InvalidPredictionsError
        If ``greedy_on`` has no labels.
    LeakageError
        If ``greedy_on`` is of the test split, or of rows that a network was fitted on.

    Notes
    -----
    Networks that were trained from one start, such as fine-tuned ones or the last epochs of one training, have averages
    that are as good as their ensembles [1]_; networks of different random starts have not. The greedy average takes
    the networks from the best to the worst, and keeps each with which it is not worse [1]_.

    Moving statistics of batch normalisation are averaged too, which is not what the averaged network would have
    measured. With ``renew_on`` they are the means over the batches of one pass in training mode [2]_; those of frozen
    layers stay averaged. Other weights that are not trained must be equal. Counters and random states are those of the
    first network.

    References
    ----------
    .. [1] M. Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
       increasing inference time", ICML, 2022.
    .. [2] P. Izmailov, D. Podoprikhin, T. Garipov, D. Vetrov, A. G. Wilson, "Averaging weights leads to wider optima
       and better generalization", UAI, 2018.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ensemblekit.compressing import soup
    >>> def net(value):
    ...     start = keras.initializers.Constant(value)
    ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "softmax", kernel_initializer=start)])
    >>> average = soup({"one": net(1.0), "three": net(3.0)})
    >>> float(average.model.get_weights()[0][0, 0])
    2.0
    """
    keras = import_keras("soup")
    named = _named(keras, models)
    check_alike(named)
    if greedy_on is None:
        if metric is not None or classes is not None or task is not None:
            raise InvalidOptionError("metric, classes and task say how averages are judged. Give greedy_on=, too.")
        return Soup(_renewed(keras, _average(named), renew_on, batch_size), tuple(named), None)
    if isinstance(greedy_on, PredictionSet) or _is_predictions(greedy_on):
        judged = _of_predictions(named, greedy_on)
    else:
        if classes is None:
            raise InvalidOptionError("averages are judged by the names of their outputs. Give classes=, too.")
        names = as_classes(classes)

        def judged(members: tuple[str, ...]) -> Predictions:
            model = _renewed(keras, _average({name: named[name] for name in members}), renew_on, batch_size)
            member = as_member(model, name="soup", classes=names, task=task)
            return collect([member], greedy_on, batch_size=batch_size)["soup"]

    taken, table = _greedy(tuple(named), judged, metric, allow_leakage)
    model = _renewed(keras, _average({name: named[name] for name in taken}), renew_on, batch_size)
    return Soup(model, taken, table)


def _named(keras: Any, models: Any) -> dict[str, Any]:
    pairs = list(models.items()) if isinstance(models, Mapping) else models
    rule = "models must be {name: Keras model} or (name, Keras model) pairs with different names, two or more"
    if not isinstance(pairs, (list, tuple)):
        raise InvalidOptionError(f"{rule}; received {type(models).__name__}.")
    for pair in pairs:
        if not (isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str)):
            raise InvalidOptionError(f"{rule}; received the item {pair!r}.")
        if not isinstance(pair[1], keras.Model) or not pair[1].built:
            raise CompatibilityError(f"{rule}, each built; {pair[0]!r} is a {type(pair[1]).__name__}.")
    if len(pairs) < 2 or len({name for name, _ in pairs}) < len(pairs):
        raise InvalidOptionError(f"{rule}; received {[name for name, _ in pairs]}.")
    return dict(pairs)


def _is_predictions(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, Predictions) for one in value.values())


def _average(models: Mapping[str, Any]) -> Any:
    """Copy the first network, and give it the mean of the weights of all."""
    first, *_ = models.values()
    copied = copy_model(first)
    if len(models) == 1:
        return copied
    for variable, *others in zip(copied.weights, *(model.weights for model in models.values()), strict=True):
        values = [np.asarray(other, dtype=np.float64) for other in others if "float" in str(other.dtype)]
        if values:
            variable.assign(
                np.mean(values, axis=0).astype(np.float32 if variable.dtype == "bfloat16" else variable.dtype)
            )
    return copied


def _renewed(keras: Any, model: Any, source: Any, batch_size: int) -> Any:
    """Compute the moving statistics of batch normalisation anew, as the means over the batches of one pass."""
    if source is None:
        return model
    layers = [
        layer for layer in leaves(model) if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    momenta = [layer.momentum for layer in layers]
    for number, x in enumerate(batches_of(model, source, batch_size, name="soup") if layers else ()):
        for layer in layers:
            layer.momentum = number / (number + 1)
        model(keras.tree.map_structure(keras.ops.convert_to_tensor, x), training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    return model


def _of_predictions(named: Mapping[str, Any], given: Any) -> Callable[..., Predictions]:
    predictions = given if isinstance(given, PredictionSet) else align(given)
    if set(predictions.members) != set(named):
        raise AlignmentError(
            f"greedy_on must be of the models, {tuple(named)}; received those of {predictions.members}."
        )
    return lambda members: combine(predictions.select(members), "mean")


def _greedy(
    names: tuple[str, ...], values: Callable[..., Predictions], metric: Any, allow_leakage: bool
) -> tuple[tuple[str, ...], Any]:
    import pandas as pd

    def judged(members: tuple[str, ...]) -> tuple[float, float]:
        predictions = values(members)
        if not allow_leakage:
            check_not_test("networks are never chosen", predictions.split, predictions.ids)
            check_not_seen("networks are chosen", "network", {members[-1]: predictions})
        if predictions.label_codes is None:
            raise InvalidPredictionsError("averages are judged by labels; greedy_on has none. Give data with labels.")
        measure = find_metrics(metric, predictions)[0].for_classes(predictions.classes, predictions.task)
        value = measure.score(np.asarray(predictions.label_codes), predictions.probas.astype(np.float64))
        return float(value), float(value if measure.higher_is_better else -value)

    alone = {name: judged((name,)) for name in names}
    order = sorted(names, key=lambda name: -alone[name][1])  # equal ones in the order given
    taken: tuple[str, ...] = ()
    best, rows = -np.inf, list[dict[str, Any]]()
    for name in order:
        value, goodness = judged((*taken, name)) if taken else alone[name]
        is_taken = goodness >= best
        rows.append({"member": name, "alone": alone[name][0], "value": value, "taken": is_taken})
        if is_taken:
            taken, best = (*taken, name), goodness
    return taken, pd.DataFrame(rows)
