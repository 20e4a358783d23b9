"""Tests of scikit-learn that do not hold for our ensembles, each with the reason.

A key is the name of a test, or the name and a part of the parameters.
"""

TEXT = "design: the same is refused, with an error that says the rule, what came and what to do"
NAMES = "design: a column is named by member and class, not by the ensemble's class and a number"
SHARES = "design: hard votes have probabilities, the shares of the votes"
UNNAMED = "design: estimators without names are given names"
PROGRESS = "design: progress is written to stderr, with the folds, and the line names the ensemble's class"
COUNTED = "design: the ensemble counts the columns of X itself, whether its members do or not"
NO_METHOD = "design: a member that cannot answer is refused before anything is fitted"
CUBE = "design: transform gives two axes; the members' predictions by name are a PredictionSet"
WEIGHTS = "design: sample_weight that a part makes no use of is refused, with an error that says so"
WARNED = (
    "design: the members are fitted with sample_weight that the final estimator does not take, and a warning says so"
)

VALUES = "design: predict answers with values; the final estimator's own predict gives more, with final_inputs(X)"
HEAD = "design: parameters of fit go to the final estimator too, which must say whether it requests them"

VOTING = {
    "test_voting_classifier_estimator_init[params0": TEXT,
    "test_voting_classifier_estimator_init[params1": UNNAMED,
    "test_voting_classifier_estimator_init[params2": TEXT,
    "test_voting_classifier_estimator_init[params3": TEXT,
    "test_predictproba_hardvoting": SHARES,
    "test_predict_proba_on_toy_problem": SHARES,
    "test_multilabel": TEXT,
    "test_sample_weight": WEIGHTS,
    "test_sample_weight_kwargs": NO_METHOD,
    "test_set_estimator_drop": TEXT,
    "test_transform": CUBE,
    "test_voting_verbose": PROGRESS,
    "test_get_features_names_out_regressor": NAMES,
    "test_get_features_names_out_classifier": NAMES,
    "test_get_features_names_out_classifier_error": CUBE,
    "test_routing_passed_metadata_not_supported": TEXT,
}

STACKING = {
    "test_stacking_regressor_diabetes[False-final_estimator2": VALUES,
    "test_stacking_regressor_diabetes[True-final_estimator2": VALUES,
    "test_stacking_final_estimator_attribute_error": TEXT,
    "test_metadata_routing_for_stacking_estimators": HEAD,
    "test_stacking_classifier_error[y0": TEXT,
    "test_stacking_classifier_error[y1": TEXT,
    "test_stacking_classifier_error[y2": NO_METHOD,
    "test_stacking_classifier_error[y3": WARNED,
    "test_stacking_regressor_error[y0": TEXT,
    "test_stacking_regressor_error[y1": WEIGHTS,
    "test_stacking_regressor_error[y2": WARNED,
    "test_stacking_without_n_features_in": COUNTED,
    "test_get_feature_names_out": NAMES,
    "test_routing_passed_metadata_not_supported": TEXT,
}

SLOW = {
    "test_parallel_fit", "test_gridsearch", "test_majority_label_iris", "test_tie_situation", "test_weights_iris",
    "test_predict_proba_on_toy_problem", "test_voting_classifier_set_params", "test_sample_weight",
    "test_none_estimator_with_weights", "test_voting_verbose", "test_stacking_classifier_iris",
    "test_stacking_regressor_diabetes", "test_stacking_classifier_drop_column_binary_classification",
    "test_stacking_classifier_multilabel_predict_proba", "test_stacking_classifier_multilabel_auto_predict",
    "test_stacking_classifier_drop_binary_prob", "test_set_estimator_drop", "test_stacking_regressor_drop_estimator",
    "test_stacking_cv_influence", "test_stacking_classifier_stratify_default", "test_get_feature_names_out",
    "test_metadata_routing_for_stacking_estimators", "test_stacking_randomness",
    "test_stacking_classifier_drop_estimator", "test_stacking_classifier_multilabel_decision_function",
    "test_stacking_with_sample_weight", "test_stacking_regressor_sparse_passthrough",
    "test_stacking_classifier_sparse_passthrough",
}  # fmt: skip
"""Tests that take long; `make test` leaves them out."""
