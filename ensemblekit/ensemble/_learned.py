"""What a combiner has learned of each member, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..combining import ask
from ._refit import RefitsCombiner

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LearnedWeights"]


class LearnedWeights(RefitsCombiner):
    """An ensemble that shows the weights of its combiner by the names of members."""

    @property
    def member_weights_(self) -> pd.DataFrame:
        """The weights that the combiner gives to the members, learned or given.

        Index ``member``; one column ``weight``, or one for each class if each has weights of its own. An
        AttributeError is raised if the combiner has no weights; see ``head_weights_`` for stacking.
        """
        import pandas as pd

        check_is_fitted(self, "combiner_")
        combiner, members = self.combiner_, tuple(self.named_estimators_)
        asked = ask(combiner)
        members = asked.order_members(members)
        weights = getattr(combiner, "weights_", None)
        if weights is None:
            weights = getattr(asked.settle(members).combiner, "weights", None)
        values = None if weights is None else np.asarray(weights)
        if values is None or values.dtype.kind not in "iuf" or values.shape[:1] != (len(members),):
            raise AttributeError(
                f"{type(self).__name__} has member_weights_ only with a combiner that has weights of members, such as "
                f"'weighted'; {asked.name} has none."
            )
        columns = ["weight"] if values.ndim == 1 else list(asked.order_classes(self.output_names_))
        index = pd.Index(members, name="member")
        return pd.DataFrame(values.reshape(len(members), -1), index, columns).loc[list(self.named_estimators_)]

    @property
    def head_weights_(self) -> pd.DataFrame:
        """The coefficients of a linear final estimator, by what they multiply.

        Index ``member`` and ``input``: the class of a member, its other columns, or a column of X, for which ``member``
        is ``X``; for ``inputs="average"`` the member is ``average``. Columns: the outputs of the final estimator, the
        second class alone for two classes. An AttributeError is raised for other combiners.
        """
        import pandas as pd

        check_is_fitted(self, "combiner_")
        combiner = self.combiner_
        head: Any = getattr(combiner, "final_estimator_", None)
        heads: list[Any] = head if isinstance(head, list) else [head]
        if not hasattr(combiner, "input_names") or not all(hasattr(one, "coef_") for one in heads):
            raise AttributeError(
                f"{type(self).__name__} has head_weights_ only with stacking on a linear final estimator, with coef_; "
                f"received {combiner!r}."
            )
        values = np.concatenate([np.atleast_2d(one.coef_) for one in heads])
        inputs = list(combiner.input_names())
        inputs += [(member, name) for member, own in getattr(self, "_column_names_", {}).items() for name in own]
        if n_others := values.shape[1] - len(inputs):
            own = getattr(self, "feature_names_in_", ())
            inputs += [("X", name) for name in (own if len(own) == n_others else range(n_others))]
        names = list(combiner.classes_)
        if self.task == "multiclass":
            names = [names[k] for k in np.asarray(heads[0].classes_).tolist()]
        index = pd.MultiIndex.from_tuples(inputs, names=["member", "input"])
        return pd.DataFrame(values.T, index, names[1:] if len(values) == 1 < len(names) else names)
