# ruff: noqa: E501 - a note is one paragraph of the page
"""What a package documents of a promise that it breaks, as read in its documentation and source."""

__all__ = ["NOTES"]

_BOXES = "ensemble-boxes"
_SOFTMAX = (
    "Not documented: the function has no docstring. Its source takes a softmax of the weighted mean of the "
    "probabilities, so that the answer is closer to equal shares than any member, and depends on the scale of the weights. "
    "`DES` and `DCS` estimators of DESlib use it for `predict_proba` with weighted voting."
)

NOTES: dict[tuple[str, str, str], str] = {
    ("DESlib", "aggregate_proba_ensemble_weighted", "scale_of_weights"): _SOFTMAX,
    ("DESlib", "aggregate_proba_ensemble_weighted", "zero_weight_is_absent"): (
        "The same cause, and the mean is divided by the number of members, not by the sum of the weights."
    ),
    ("DESlib", "aggregate_proba_ensemble_weighted", "duplicated_members"): "The same cause.",
    ("DESlib", "aggregate_proba_ensemble_weighted", "unanimity"): "The same cause.",
    ("DESlib", "aggregate_proba_ensemble_weighted", "bounds"): "The same cause.",
    ("ranx", "wsum", "zero_weight_is_absent"): (
        "It follows from the definition of a weighted sum: items that only a run of weight 0 returned are scored 0, and are in "
        "the answer. The page of the package does not say so."
    ),
    ("ranx", "wsum", "absent_never_gains"): (
        "It follows from the normalisation within a query, which is the package's default: without the lowest item the next one "
        "gets score 0, so that the others fall."
    ),
    ("ranx", "comb_sum", "absent_never_gains"): (
        "It follows from the definition of a sum: an item that a run does not return adds 0, which is more than a negative score. "
        "The adapter gives `norm=None`; by default the package normalises scores to 0 to 1."
    ),
    ("ranx", "rrf", "ties_stable"): (
        "Not documented. The source gives the rank by position after sorting by score, and items of one score keep the order "
        "of the dict that they came in."
    ),
    (_BOXES, "weighted_boxes_fusion", "finite"): (
        "Known: issue 44 of its repository is open since 2021. Boxes of a member of weight 0 that overlap are divided by a "
        "sum of scores of 0. The maintainer says there that weights [1, 0] are equivalent to leaving the second member out."
    ),
    (_BOXES, "weighted_boxes_fusion", "zero_weight_is_absent"): (
        "The maintainer says in issue 44 that weight 0 is equivalent to leaving the member out. Its boxes are returned with score 0."
    ),
    (_BOXES, "weighted_boxes_fusion", "score_bounds"): (
        "Known: issue 40 of its repository. The default `conf_type='avg'` assumes that a member has no two boxes in one cluster; "
        "`conf_type='box_and_model_avg'` is the way around that the maintainer names."
    ),
    (
        _BOXES,
        "nms",
        "zero_weight_is_absent",
    ): "Not documented. Boxes of the member of weight 0 are returned with score 0.",
    (_BOXES, "nms", "duplicated_members"): (
        "Not documented. Each score is multiplied by its member's share of the weights, so that scores fall with the number of "
        "members. Without `weights` they are left as they are."
    ),
    (_BOXES, "nms", "unanimity"): "The same cause: two members that agree are answered with half of their score.",
    (_BOXES, "nms", "ties_stable"): (
        "Not documented, and usual for non-maximum suppression: of boxes with equal scores the one that stands last is kept."
    ),
    (_BOXES, "non_maximum_weighted", "finite"): (
        "Not documented. A box of a member of weight 0 has score 0, and its coordinates are divided by the sum of the scores."
    ),
    (_BOXES, "non_maximum_weighted", "duplicated_members"): (
        "Not documented. A cluster keeps the largest weighted score, so that a member given twice at half weight counts half."
    ),
    (_BOXES, "non_maximum_weighted", "ties_stable"): (
        "Not documented. Boxes are sorted by score alone, and the first of equal ones is the one that others are compared with."
    ),
    ("ranx", "bordafuse", "ties_stable"): (
        "Not documented. Positions are those after sorting by score, and items of one score keep the order that they came in."
    ),
    ("ranx", "condorcet", "order_of_members"): (
        "Not documented. Candidates are sorted from a Python set, whose order differs from process to process, and the "
        "comparison is not consistent where two items tie. The example fails for some values of PYTHONHASHSEED (0, 1 and 4 of 0 to 4)."
    ),
    ("ranx", "condorcet", "absent_never_gains"): (
        "Not documented. The same cause: of two items with as many votes each, the one that is compared first stands first."
    ),
    ("ranx", "condorcet", "ties_stable"): (
        "Not documented. Candidates are sorted from a Python set, whose order differs from process to process, and the "
        "comparison is not consistent where two items tie. The example fails with PYTHONHASHSEED 0 and 1 of 0 to 4; with 1, 2 and "
        "3 `order_of_members` is broken too."
    ),
    ("crowd-kit", "Wawa", "answers"): (
        "Not documented. The check that the rule is fitted calls an interface of scikit-learn that needs its base class since version 1.6. "
    ),
    ("crowd-kit", "DawidSkene", "duplicated_members"): (
        "It follows from the model: each worker is one more independent witness, so that copies raise the certainty."
    ),
    ("crowd-kit", "DawidSkene", "ties_stable"): (
        "Not documented. Where two labels are equally probable, rounding in the sums over workers decides."
    ),
    ("SimpleITK", "LabelVoting", "labels_among_inputs"): (
        "Documented: a pixel whose vote ties has the label for undecided pixels, which is a parameter (255 here)."
    ),
    ("SimpleITK", "MultiLabelSTAPLE", "labels_among_inputs"): (
        "Documented: a pixel whose largest weight is shared has the label for undecided pixels, a parameter (255 here)."
    ),
}
