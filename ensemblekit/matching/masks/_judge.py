"""Dice, intersection over union and surface distance of masks, by case and by reader with intervals over cases."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arguments import typed
from ...errors import InvalidOptionError, InvalidPredictionsError
from ...evaluation import mean_interval
from ...predictions.names import few, shown
from ._consensus import Consensus
from ._label_images import LabelImage, LabelImages
from ._patterns import labels_in
from ._surfaces import compared
from ._vote import vote_labels

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["compare_masks", "judge_readers"]

METRICS = ("dice", "iou", "surface_distance", "hausdorff_95")
OTHERS = "others"


@typed(but=("reference",))
def compare_masks(
    images: LabelImages,
    reference: Any = OTHERS,
    *,
    labels: Sequence[int] | None = None,
    distances: bool = True,
) -> pd.DataFrame:
    """Compare what each reader has drawn with a reference, case by case.

    Parameters
    ----------
    images : LabelImages
        What readers have drawn.
    reference : "others", reader, mapping of case to image, or Consensus, default="others"
        The vote of the other readers of the case (ties: the lowest label); one of the readers; images; or what a rule
        has made.
    labels : sequence of int, optional
        Labels to compare. By default all above 0.
    distances : bool, default=True
        Whether surface distances are computed too, which takes longer.

    Returns
    -------
    pandas.DataFrame
        A row a case, reader and label: ``dice`` and ``iou``, NaN where neither has drawn the label;
        ``surface_distance``, the mean over the surfaces of both of the distance to the surface of the other, and
        ``hausdorff_95``, the larger of the two 95 % percentiles of these distances, in the units of the spacing; NaN
        where one of the two has not drawn it.

    Raises
    ------
    InvalidOptionError
        If the reference has not all cases, or is none.
    InvalidPredictionsError
        If the reference is on another grid.

    Notes
    -----
    The surface are the voxels of a mask with a face outside. Distances are those of `scipy.ndimage` between centres of
    voxels.
    """
    import pandas as pd

    _check_reference(images, reference)
    known = labels_in(images)
    wanted = [int(one) for one in (known[known > 0] if labels is None else labels)]
    rows: list[dict[str, Any]] = []
    for case in images:
        own = images[case]
        arrays = {who: image.read() for who, image in own.items()}
        spacing = next(iter(own.values())).spacing
        fixed = reference.image(case) if isinstance(reference, Consensus) else None
        for who, array in arrays.items():
            truth = _truth(images, reference, case, who, arrays) if fixed is None else fixed
            rows += [
                {
                    "case": case, "reader": who, "label": label,
                    **compared(array == label, truth == label, spacing, distances=distances),
                }
                for label in (wanted if truth is not None else [])
            ]  # fmt: skip
    columns = ["case", "reader", "label", *(METRICS if distances else METRICS[:2])]
    return pd.DataFrame(rows, columns=columns)


@typed(but=("reference",))
def judge_readers(
    images: LabelImages,
    reference: Any = OTHERS,
    *,
    labels: Sequence[int] | None = None,
    distances: bool = True,
    confidence: float = 0.95,
    n_resamples: int = 5000,
    seed: int = 0,
) -> pd.DataFrame:
    """Tell how well each reader draws each label, with intervals over cases.

    Parameters
    ----------
    images, reference, labels, distances
        As in `compare_masks`.
    confidence : float, default=0.95
        Of the intervals, in (0, 1).
    n_resamples : int, default=5000
        Number of resamples, >= 2.
    seed : int, default=0
        Seed of them, >= 0.

    Returns
    -------
    pandas.DataFrame
        A row a reader, label and metric: ``value``, the mean over the cases in which it is defined; ``low`` and
        ``high`` as of `mean_interval`; ``n_cases``, their number; ``undefined``, that of the others.

    Raises
    ------
    InvalidOptionError, InvalidPredictionsError
        As in `compare_masks`.

    Examples
    --------
    >>> import numpy as np
    >>> from ensemblekit.matching import LabelImages, judge_readers
    >>> truth = np.zeros((16, 16), dtype=int)
    >>> truth[4:12, 4:12] = 1
    >>> cases = {k: {"ann": np.roll(truth, k % 2), "bo": np.roll(truth, k % 4)} for k in range(8)}
    >>> found = judge_readers(LabelImages(cases), dict.fromkeys(cases, truth), distances=False)
    >>> print(found.round(2).to_string(index=False))
    reader  label metric  value  low  high  n_cases  undefined
       ann      1   dice   0.94 0.59  0.98        8          0
       ann      1    iou   0.89 0.56  0.97        8          0
        bo      1   dice   0.81 0.51  0.92        8          0
        bo      1    iou   0.71 0.43  0.87        8          0
    """
    import pandas as pd

    table = compare_masks(images, reference, labels=labels, distances=distances)
    rows: list[dict[str, Any]] = []
    groups: Any = table.groupby(["reader", "label"], sort=True)
    for (who, label), own in groups:
        for metric in METRICS if distances else METRICS[:2]:
            values = own[metric].to_numpy(dtype=np.float64)
            known = values[~np.isnan(values)]
            most = 1.0 if metric in METRICS[:2] else np.inf
            low, high = mean_interval(
                known, lowest=0.0, highest=most, confidence=confidence, n_resamples=n_resamples, seed=seed
            )
            rows.append({
                "reader": who, "label": label, "metric": metric, "value": known.mean() if len(known) else np.nan,
                "low": low, "high": high, "n_cases": len(known), "undefined": len(values) - len(known),
            })  # fmt: skip
    columns = ["reader", "label", "metric", "value", "low", "high", "n_cases", "undefined"]
    return pd.DataFrame(rows, columns=columns)


def _check_reference(images: LabelImages, reference: Any) -> None:
    if isinstance(reference, Mapping | Consensus):
        cases = {*(reference.tied if isinstance(reference, Consensus) else reference)}
        if lacks := [case for case in images if case not in cases]:
            raise InvalidOptionError(
                f"the reference must have all cases; it lacks {few(lacks)}. Leave these cases out."
            )
        if isinstance(reference, Mapping):
            for case in images:
                one = next(iter(images[case].values()))
                LabelImages({case: {"reader": one, "reference": _as_image(reference[case], one)}})
    elif not isinstance(reference, str | int) or reference not in (OTHERS, *images.readers):
        raise InvalidOptionError(
            f"reference must be 'others', a reader, {{case: image}} or a Consensus; received "
            f"{shown(reference, 100)}, and "
            f"the readers are {shown(images.readers)}."
        )
    elif reference == OTHERS and all(len(images[case]) < 2 for case in images):
        raise InvalidPredictionsError(
            "reference='others' needs cases with two readers or more; received none. Give another reference."
        )


def _as_image(given: Any, like: LabelImage) -> LabelImage:
    """Take a reference; an array without a grid of its own is on that of the readers."""
    if isinstance(given, LabelImage):
        return given
    is_file = isinstance(given, str | os.PathLike)
    return LabelImage(given) if is_file else LabelImage(given, affine=like.affine, spacing=_spacing(given, like))


def _spacing(given: Any, like: LabelImage) -> Sequence[float] | None:
    return like.spacing if np.ndim(given) == len(like.spacing) else None


def _truth(images: LabelImages, reference: Any, case: Any, who: Any, arrays: Mapping[Any, np.ndarray]) -> Any:
    if isinstance(reference, Mapping):
        return _as_image(reference[case], images[case][who]).read()
    if reference != OTHERS:
        return None if reference == who or reference not in arrays else arrays[reference]
    others = {other: image for other, image in images[case].items() if other != who}
    return vote_labels(LabelImages({case: others})).image(case) if others else None
