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
from ..predictions import Missing
from ..predictions.choices import check_choice
from ..predictions.names import few, shown
from ._base import Ensemble
from ._columns import check_methods
from ._decisions import Decides
from ._members import all_pairs, common_classes
from ._rows import as_rows, check_indicators, check_row_names, weights_of

__all__ = ["EnsembleClassifier"]


class EnsembleClassifier(Decides, ClassifierMixin, Ensemble):
    """Classifiers and a combiner, as one scikit-learn classifier.

    Parameters
    ----------
    estimators : list of (str, estimator), or list of estimator
        The members: scikit-learn classifiers, compiled Keras models or `KerasClassifier`; for a combiner that learns
        from columns, as stacking does, also regressors, which are fitted on the numbers of the classes, and estimators
        that learn without labels. Without names they are named by their classes in lower case, as by `make_pipeline`.
        None or ``"drop"`` in place of a member leaves it out, and its weight with it.
    combiner : str, Combiner or list of these, default="mean"
        A registered name, or an object with a method ``combine``. One that learns is fitted on out-of-fold predictions.
        ``"auto"`` chooses one by these predictions, see `choose`, and a list is that of the rules to choose from.
    combiner_options : dict, optional
        Options of a combiner that is given by name. For ``"auto"`` those of `choose`: ``rules``, ``metric``, ``cv``,
        ``simplest``, ``smallest``, ``costs``, ``max_cost``, ``confidence``, ``seed`` and ``n_jobs``.
    cv : int, splitter, iterable of (train, test), or "prefit", default=5
        Folds of the out-of-fold predictions on which a combiner that learns is fitted; not used for others. A whole
        number gives stratified folds, which keep groups together if `fit` is given ``groups``. ``"prefit"``: the
        members are already fitted. A combiner that learns is fitted on their predictions of the rows given to `fit`; no
        member may have been fitted on any of these rows.
    response_method : str or dict of member to str, default="auto"
        How members answer. ``"auto"`` takes ``predict_proba``; for a combiner that learns from columns, as stacking
        does, else ``decision_function``, else ``predict``; for hard votes, else ``predict``. ``"predict"`` gives
        probability 1 to the predicted class. ``"decision_function"`` gives decisions to a combiner that learns from
        columns; for others they become probabilities, which are not calibrated. ``"transform"`` is for members that
        learn without labels.
    missing : {"error", "zero"}, default="error"
        What to do if prefit members know different classes: ``"zero"`` gives probability 0 to a class that a member
        does not know.
    class_weight : dict of label to float, or "balanced", optional
        ``sample_weight`` is multiplied by it.
    thresholds : float, or dict of label to float, optional
        For `predict`. A number in (0, 1), for two classes: the second class is predicted if its probability is at least
        this number. A dict of numbers > 0: the class with the largest ``probability / threshold`` is predicted.
        With several labels, each holds from its threshold on, by default 0.5.
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
        Sorted labels; for prefit members, all labels that at least one of them knows. With several labels a list of
        arrays ``[0, 1]``, as in scikit-learn.
    output_names_ : tuple of str or int
        Names of the columns of `predict_proba`: with several labels the columns of ``y``, or 0, 1, ... without names.
    estimators_ : list
        The members, fitted on all rows, without those that are dropped.
    named_estimators_ : Bunch
        The same by name.
    combiner_ : Combiner
        The combiner, fitted if it learns.
    oof_predictions_ : PredictionSet
        With a combiner that learns, the labelled predictions that it was fitted on: of each row by members that were
        not fitted on it. They are named by the index of X, if it has one, and not saved with the ensemble. Of members
        that answer with values or features, which `stacking` gets as they are, all classes are as probable there.
    oof_folds_ : Series
        The number of the fold that held out each of these rows.
    member_weights_, head_weights_ : DataFrame
        Weights of a combiner that has one for each member, and coefficients of a linear final estimator.
    combiner_weighted_ : bool
        Whether it was fitted with ``sample_weight`` or ``class_weight``. Not if it learns nothing, or makes no use of
        them as ``knora_e`` does; the members are fitted with them in any case.
    choice_ : Choice
        With ``combiner="auto"``, what was chosen and how it was judged. It is not saved with the ensemble.
    choice_sentence_, choice_table_ : str, DataFrame
        Its sentence and its table, which are saved.
    response_methods_ : dict
        Member -> the method by which it is asked.
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
    Members are fitted on ``y`` as it is. A member that refuses these labels is fitted on their numbers 0, 1, ..., and
    its answers are translated back: XGBoost, for example. Columns are matched by class name, never by position; a table
    that a member answers is read by the names of its columns.

    If the training rows of a fold lack a class, its members give that class probability 0 for the rows that the fold
    holds out, with a `MissingClassWarning`. If they have one class alone, it has probability 1, and no member is
    fitted. A row that no fold holds out is not used to fit the combiner. If several folds hold out a row, the mean of
    its predictions is used.

    Decisions, values of regressors and columns of members that learn without labels are no probabilities. They go as
    ``features`` to a combiner with a method ``with_columns``, see `Stacking`, and are refused by others. Decisions
    have one column for two classes, else one a class; a class that the training rows of a fold lack gets the smallest
    decision of the row. Members that learn without labels are fitted once, on all rows, without ``y``: their columns
    would mean something else in each fold.

    **Several labels a row** (multilabel): ``y`` is a table of 0 and 1 with a column a label. Members whose tags say
    that they take several labels are fitted on all at once; of others, a clone is fitted on each label, as
    scikit-learn's ``MultiOutputClassifier`` does. A label that holds in no row of a fold gets probability 0 there. The
    combiner must be one for the task ``multilabel``.

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

    def __init__(
        self,
        estimators: Any,
        *,
        combiner: str | CombinerLike = "mean",
        combiner_options: Mapping[str, Any] | None = None,
        cv: Any = 5,
        response_method: str | Mapping[str, str] = "auto",
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

    def predict_proba(self, X: Any, **params: Any) -> np.ndarray:
        """Combine the members' probabilities. Hard votes give the share of votes for each class.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        **params : dict
            Further parameters of the methods by which members are asked, by metadata routing.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; with several labels, the probability of each of ``output_names_``.
        """
        x = self._check_x(X)
        return self._combined(x, self._members_with("predict_proba", params))

    def predict(self, X: Any, **params: Any) -> np.ndarray:
        """Predict labels; use ``thresholds`` if they are given.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        **params : dict
            Further parameters of the methods by which members are asked, by metadata routing.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels out of ``classes_``; with several labels 0 or 1, whether each holds.
        """
        return self._decide(self.predict_proba(X, **params))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the accuracy of `predict`; with several labels, the share of rows of which all are right.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels. Named columns are matched by name.
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
        return super().score(X, self._read_y(y, x), weights)

    def name_outputs(self, labels: list[Any] | None) -> None:
        """Set the labels of all rows, of which the rows of a fold may lack some; called by an outer ensemble.

        Parameters
        ----------
        labels : list, or None
            Labels that get columns, in addition to those of ``y``.
        """
        self._known_labels = labels

    def _decide(self, probas: np.ndarray) -> np.ndarray:
        if self._outputs_ is not None:
            return (probas >= check_label_thresholds(self.thresholds, self._outputs_)).astype(np.int64)
        return decide(probas, self.thresholds, np.asarray(self.classes_))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self._takes_several()
        tags.classifier_tags.multi_label = tags.target_tags.multi_output
        return tags

    def _check_y(self, y: Any) -> np.ndarray:
        if np.ndim(y) == 2 and np.shape(y)[1] > 1:
            return check_indicators(np.asarray(y))
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        return y

    def _check_options(self) -> None:
        check_methods(self.response_method, [name for name, _ in all_pairs(self.estimators)])
        check_choice("missing", self.missing, ("error", "zero"))

    def _learn_names(self, members: Mapping[str, Any], y: np.ndarray, prefit: bool) -> Mapping[Any, Hashable] | None:
        if self._outputs_ is not None:
            self.classes_ = [np.array([0, 1]) for _ in self._outputs_]  # as scikit-learn's classifiers have it
            check_label_thresholds(self.thresholds, self._outputs_)
            return None
        labels = np.unique(y)
        if getattr(self, "_known_labels", None):
            labels = np.unique(np.concatenate([labels, np.asarray(self._known_labels)]))
        self.classes_ = common_classes(members) if prefit else labels
        known = set(self.classes_.tolist())
        unknown = [label for label in labels.tolist() if label not in known]
        if unknown:
            raise InvalidPredictionsError(
                f"labels must be classes that the members know, {shown(self.classes_.tolist())}; received also "
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


def decide(probas: np.ndarray, thresholds: Any, classes: np.ndarray) -> np.ndarray:
    """Predict labels from probabilities; without thresholds the first of the most probable."""
    checked = check_thresholds(thresholds, classes)
    if checked is None:
        return classes[probas.argmax(axis=1)]
    if isinstance(checked, float):
        return classes[(probas[:, 1] >= checked).astype(int)]
    return classes[(probas / checked).argmax(axis=1)]


def check_label_thresholds(thresholds: Any, labels: tuple[Hashable, ...]) -> np.ndarray:
    """Check thresholds of labels that may hold together: one for all, or one for each; without any it is 0.5."""
    given = thresholds
    if isinstance(thresholds, Mapping) and {*thresholds} == {*labels}:
        given = [thresholds[label] for label in labels]
    try:
        values = np.full(len(labels), 0.5 if given is None else given, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if isinstance(given, bool) or not ((values > 0) & (values < 1)).all():
        raise InvalidOptionError(
            "thresholds of several labels must be a number between 0 and 1, or {label: number} with every label; "
            f"received {thresholds!r} for labels {shown(labels)}."
        )
    return values


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
