"""`EnsembleClassifier`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ..errors import InvalidOptionError, InvalidPredictionsError
from ..interfaces import CombinerLike
from ..predictions import Missing, Task
from ..predictions.choices import check_choice
from ..predictions.names import few, shown
from ._base import Ensemble
from ._members import common_classes
from ._rows import as_rows, check_row_names, one_name_a_row, weights_of

__all__ = ["EnsembleClassifier"]


class EnsembleClassifier(ClassifierMixin, Ensemble):
    """Classifiers and a combiner, as one scikit-learn classifier.

    Parameters
    ----------
    estimators : list of (str, estimator)
        The members: scikit-learn classifiers, compiled Keras models or `KerasClassifier`. None or ``"drop"`` in place
        of a member leaves it out.
    combiner : str or Combiner, default="mean"
        A registered name, or an object with a method ``combine``. One that learns is fitted on out-of-fold predictions.
    combiner_options : dict, optional
        Options of a combiner that is given by name.
    cv : int, splitter, iterable of (train, test), or "prefit", default=5
        Folds of the out-of-fold predictions on which a combiner that learns is fitted; not used for others. A whole
        number gives stratified folds, which keep groups together if `fit` is given ``groups``. ``"prefit"``: the
        members are already fitted. A combiner that learns is fitted on their predictions of the rows given to `fit`; no
        member may have been fitted on any of these rows.
    response_method : {"predict_proba", "predict"}, default="predict_proba"
        ``"predict"`` gives probability 1 to each member's predicted class, for members without probabilities.
    missing : {"error", "zero"}, default="error"
        What to do if prefit members know different classes: ``"zero"`` gives probability 0 to a class that a member
        does not know.
    class_weight : dict of label to float, or "balanced", optional
        ``sample_weight`` is multiplied by it.
    thresholds : float, or dict of label to float, optional
        For `predict`. A number in (0, 1), for two classes: the second class is predicted if its probability is at least
        this number. A dict of numbers > 0: the class with the largest ``probability / threshold`` is predicted.
    passthrough : bool, default=False
        Pass X, with each row flattened into a vector, to a combiner that takes ``features``. A combiner with an option
        ``passthrough`` of its own gets X if that option is true.
    n_jobs : int, optional
        Number of processes that fit members, as in joblib. Keras models are fitted in the current process.
    verbose : int, default=0
        If 1 or more, write a line to stderr for each fit.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels; for prefit members, all labels that at least one of them knows.
    estimators_ : list
        The members, fitted on all rows, without those that are dropped.
    named_estimators_ : Bunch
        The same by name.
    combiner_ : Combiner
        The combiner, fitted if it learns.
    fit_seconds_ : dict
        Member -> time of its fits, including folds; and ``ensemble`` -> time of `fit`.
    n_features_in_ : int
        Number of columns of X, if it has two axes.
    feature_names_in_ : ndarray
        Names of the columns of X, if it is a table with text names.

    See Also
    --------
    EnsembleRegressor : The same for numbers.
    KerasClassifier : A Keras model as a scikit-learn classifier.

    Notes
    -----
    Members are fitted on ``y`` as it is, and their columns are matched by class name, never by position. If the
    training rows of a fold lack a class, its members give that class probability 0 for the rows that the fold holds
    out, with a `MissingClassWarning`. A row that no fold holds out is not used to fit the combiner. If several folds
    hold out a row, the mean of its predictions is used.

    Tie rule of `predict`: if classes have the same probability, the first of them in ``classes_`` is predicted.

    With ``cv="prefit"``, rows that a member was fitted on are refused if the member names them (``fit_ids``, see
    `as_member`). Otherwise they cannot be detected.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from ensemblekit import EnsembleClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> members = [("line", LogisticRegression(max_iter=1000)), ("tree", DecisionTreeClassifier(random_state=0))]
    >>> ensemble = EnsembleClassifier(members, combiner="stacking", cv=3).fit(X, y)
    >>> ensemble.predict_proba(X[:2]).shape
    (2, 3)
    """

    _kind = "classifier"
    task: Task = "multiclass"

    def __init__(
        self,
        estimators: Any,
        *,
        combiner: str | CombinerLike = "mean",
        combiner_options: Mapping[str, Any] | None = None,
        cv: Any = 5,
        response_method: Literal["predict_proba", "predict"] = "predict_proba",
        missing: Literal["error", "zero"] = "error",
        class_weight: Any = None,
        thresholds: Any = None,
        passthrough: bool = False,
        n_jobs: int | None = None,
        verbose: int | bool = 0,
    ) -> None:
        self.estimators = estimators
        self.combiner = combiner
        self.combiner_options = combiner_options
        self.cv = cv
        self.response_method = response_method
        self.missing: Missing = missing
        self.class_weight = class_weight
        self.thresholds = thresholds
        self.passthrough = passthrough
        self.n_jobs = n_jobs
        self.verbose = verbose

    def predict_proba(self, X: Any) -> np.ndarray:
        """Combine the members' probabilities. Hard votes give the share of votes for each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        x = self._check_x(X)
        return self._combine(self._predict_members(x), x)

    def predict(self, X: Any) -> np.ndarray:
        """Predict labels; use ``thresholds`` if they are given.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels out of ``classes_``.
        """
        return self._decide(self.predict_proba(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the accuracy of `predict`.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row.

        Returns
        -------
        float
            Between 0 and 1.

        Raises
        ------
        InvalidOptionError
            If ``y`` or ``sample_weight`` name their rows otherwise than X.
        """
        check_row_names(X, y=y, sample_weight=sample_weight)
        x = as_rows(X)
        weights = None if sample_weight is None else weights_of(sample_weight, x)
        return super().score(X, one_name_a_row("y", y, x), weights)

    def name_outputs(self, labels: list[Any] | None) -> None:
        """Set the labels of all rows, of which the rows of a fold may lack some; called by an outer ensemble.

        Parameters
        ----------
        labels : list, or None
            Labels that get columns, in addition to those of ``y``.
        """
        self._known_labels = labels

    def _decide(self, probas: np.ndarray) -> np.ndarray:
        thresholds = check_thresholds(self.thresholds, self.classes_)
        if thresholds is None:
            return self.classes_[probas.argmax(axis=1)]
        if isinstance(thresholds, float):
            return self.classes_[(probas[:, 1] >= thresholds).astype(int)]
        return self.classes_[(probas / thresholds).argmax(axis=1)]

    def _check_y(self, y: Any) -> np.ndarray:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y

    def _check_options(self) -> None:
        check_choice("response_method", self.response_method, ("predict_proba", "predict"))
        check_choice("missing", self.missing, ("error", "zero"))

    def _learn_names(self, members: Mapping[str, Any], y: np.ndarray, prefit: bool) -> Mapping[Any, Hashable]:
        labels = np.unique(y)
        if getattr(self, "_known_labels", None):
            labels = np.unique(np.concatenate([labels, np.asarray(self._known_labels)]))
        self.classes_ = common_classes(members) if prefit else labels
        unknown = [label for label in labels.tolist() if label not in self.classes_.tolist()]
        if unknown:
            raise InvalidPredictionsError(
                f"labels must be classes that the members know, {self.classes_.tolist()!r}; received also "
                f"{few(unknown)}."
            )
        if len(self.classes_) < 2:
            raise InvalidPredictionsError(
                f"{type(self).__name__} needs at least two classes; received one class, {self.classes_.tolist()[0]!r}."
            )
        check_thresholds(self.thresholds, self.classes_)
        return class_names(self.classes_)


def class_names(labels: np.ndarray) -> dict[Any, Hashable]:
    """Name each label: the label itself if all are text or all are whole numbers, else its position."""
    values = labels.tolist()
    named = len({type(value) for value in values} & {str, int}) == len({type(value) for value in values}) == 1
    return dict(zip(values, values if named else range(len(values)), strict=True))


def check_thresholds(thresholds: Any, classes: np.ndarray) -> float | np.ndarray | None:
    """Check thresholds against the classes.

    Returns
    -------
    float, ndarray of shape (n_classes,) or None
        The threshold of the second of two classes, or one threshold for each class.
    """
    if thresholds is None:
        return None
    labels = classes.tolist()
    if isinstance(thresholds, Mapping):
        lacks = [label for label in labels if label not in thresholds]
        known = set(labels)
        unknown = [label for label in thresholds if label not in known]
        if lacks or unknown:
            raise InvalidOptionError(
                f"thresholds must name each class once; missing {shown(lacks)}, unknown {shown(unknown)}, "
                f"for classes {shown(labels)}."
            )
        values = np.array([thresholds[label] for label in labels], dtype=np.float64)
        if not (np.isfinite(values).all() and (values > 0).all()):
            raise InvalidOptionError(f"thresholds must be finite and > 0; received {dict(thresholds)!r}.")
        return values
    number = isinstance(thresholds, (int, float, np.integer, np.floating)) and not isinstance(thresholds, bool)
    if not number or not 0 < thresholds < 1 or len(labels) != 2:
        raise InvalidOptionError(
            "thresholds must be a number between 0 and 1, for two classes, or {label: number > 0}; received "
            f"{thresholds!r} for classes {labels}."
        )
    return float(thresholds)
