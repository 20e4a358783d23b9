"""Each adapter gives one function of another package the calling convention of its shape.

Their source stands in the counter-examples of the page, so each imports what it needs.
"""

# ruff: noqa: N803, N813
# pyright: basic
import numpy as np

__all__ = ["ADAPTERS"]


def sklearn_soft_voting(member_probas, weights):
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.ensemble import VotingClassifier

    class Given(ClassifierMixin, BaseEstimator):
        def __init__(self, answers=None):
            self.answers = answers

        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            return self.answers

    members = [(f"m{m}", Given(answers)) for m, answers in enumerate(member_probas)]
    voting = VotingClassifier(members, voting="soft", weights=weights)
    classes = np.arange(member_probas.shape[2])
    return voting.fit(np.zeros((len(classes), 1)), classes).predict_proba(np.zeros((member_probas.shape[1], 1)))


def mlxtend_vote(labels, weights):
    from mlxtend.classifier import EnsembleVoteClassifier

    class Given:
        def __init__(self, answers):
            self.answers = answers
            self.classes_ = np.unique(labels)

        def predict(self, X):
            return self.answers

    members = [Given(answers) for answers in labels]
    vote = EnsembleVoteClassifier(members, voting="hard", weights=list(weights), fit_base_estimators=False)
    return vote.fit(np.zeros((np.unique(labels).size, 1)), np.unique(labels)).predict(np.zeros((labels.shape[1], 1)))


def deslib_majority_voting_rule(labels):
    from deslib.util.aggregation import majority_voting_rule

    return np.asarray(majority_voting_rule(labels.T)).astype(int)


def deslib_weighted_majority_voting_rule(labels, weights):
    from deslib.util.aggregation import weighted_majority_voting_rule

    return weighted_majority_voting_rule(labels.T, np.repeat(weights[None], labels.shape[1], axis=0))


def deslib_aggregate_proba_ensemble_weighted(member_probas, weights):
    from deslib.util.aggregation import aggregate_proba_ensemble_weighted

    rows = np.repeat(weights[None], member_probas.shape[1], axis=0)
    return aggregate_proba_ensemble_weighted(member_probas.transpose(1, 0, 2), rows)


def crowdkit_majority_vote(labels, weights):
    import pandas as pd
    from crowdkit.aggregation import MajorityVote

    n_members, n_items = labels.shape
    table = pd.DataFrame(
        {
            "task": np.tile(range(n_items), n_members),
            "worker": np.repeat(range(n_members), n_items),
            "label": labels.ravel(),
        }
    )
    return MajorityVote().fit_predict(table, pd.Series(weights, name="skill")).loc[list(range(n_items))].to_numpy()


def crowdkit_wawa(labels):
    import pandas as pd
    from crowdkit.aggregation import Wawa

    n_members, n_items = labels.shape
    table = pd.DataFrame(
        {
            "task": np.tile(range(n_items), n_members),
            "worker": np.repeat(range(n_members), n_items),
            "label": labels.ravel(),
        }
    )
    return Wawa().fit(table).predict(table).loc[list(range(n_items))].to_numpy()


def crowdkit_dawid_skene(labels):
    import pandas as pd
    from crowdkit.aggregation import DawidSkene

    n_members, n_items = labels.shape
    table = pd.DataFrame(
        {
            "task": np.tile(range(n_items), n_members),
            "worker": np.repeat(range(n_members), n_items),
            "label": labels.ravel(),
        }
    )
    return DawidSkene(n_iter=20).fit_predict(table).loc[list(range(n_items))].to_numpy()


def ranx_wsum(runs, weights):
    from ranx import Run, fuse

    fused = fuse([Run(run) for run in runs], norm="min-max", method="wsum", params={"weights": list(weights)})
    return fused.to_dict()


def ranx_comb_sum(runs):
    from ranx import Run, fuse

    return fuse([Run(run) for run in runs], norm=None, method="sum").to_dict()


def ranx_comb_mnz(runs):
    from ranx import Run, fuse

    return fuse([Run(run) for run in runs], norm="min-max", method="mnz").to_dict()


def ranx_rrf(runs):
    from ranx import Run, fuse

    return fuse([Run(run) for run in runs], norm=None, method="rrf").to_dict()


def ranx_bordafuse(runs):
    from ranx import Run, fuse

    return fuse([Run(run) for run in runs], norm=None, method="bordafuse").to_dict()


def ranx_condorcet(runs):
    from ranx import Run, fuse

    return fuse([Run(run) for run in runs], norm=None, method="condorcet").to_dict()


def ensemble_boxes_wbf(members, weights):
    from ensemble_boxes import weighted_boxes_fusion

    boxes, scores, labels = zip(*members, strict=True)
    return weighted_boxes_fusion(list(boxes), list(scores), list(labels), weights=list(weights), iou_thr=0.3)


def ensemble_boxes_nms(members, weights):
    from ensemble_boxes import nms

    boxes, scores, labels = zip(*members, strict=True)
    return nms(list(boxes), list(scores), list(labels), weights=list(weights), iou_thr=0.3)


def ensemble_boxes_nmw(members, weights):
    from ensemble_boxes import non_maximum_weighted

    boxes, scores, labels = zip(*members, strict=True)
    return non_maximum_weighted(list(boxes), list(scores), list(labels), weights=list(weights), iou_thr=0.3)


def simpleitk_label_voting(labels):
    import SimpleITK as sitk

    images = [sitk.GetImageFromArray(member[None].astype(np.uint8)) for member in labels]
    return sitk.GetArrayFromImage(sitk.LabelVoting(images, 255))[0]


def simpleitk_multi_label_staple(labels):
    import SimpleITK as sitk

    images = [sitk.GetImageFromArray(member[None].astype(np.uint8)) for member in labels]
    return sitk.GetArrayFromImage(sitk.MultiLabelSTAPLE(images, 255))[0]


def sktime_ensemble_mean(member_scores, weights):
    import pandas as pd
    from sktime.forecasting.compose._ensemble import _aggregate

    return _aggregate(pd.DataFrame(member_scores.T), "mean", list(weights)).to_numpy()


def sktime_ensemble_median(member_scores, weights):
    import pandas as pd
    from sktime.forecasting.compose._ensemble import _aggregate

    return _aggregate(pd.DataFrame(member_scores.T), "median", list(weights)).to_numpy()


ADAPTERS = {
    "scikit-learn": {"soft voting": (sklearn_soft_voting, "probabilities", {})},
    "mlxtend": {"hard vote": (mlxtend_vote, "votes", {"ties": "smallest"})},
    "DESlib": {
        "majority_voting_rule": (deslib_majority_voting_rule, "votes", {"weighted": False}),
        "weighted_majority_voting_rule": (deslib_weighted_majority_voting_rule, "votes", {}),
        "aggregate_proba_ensemble_weighted": (deslib_aggregate_proba_ensemble_weighted, "probabilities", {}),
    },
    "crowd-kit": {
        "MajorityVote": (crowdkit_majority_vote, "votes", {}),
        "Wawa": (crowdkit_wawa, "votes", {"weighted": False}),
        "DawidSkene": (crowdkit_dawid_skene, "votes", {"weighted": False}),
    },
    "ranx": {
        "wsum": (ranx_wsum, "rankings", {"least_members": 2}),
        "comb_sum": (ranx_comb_sum, "rankings", {"least_members": 2, "weighted": False}),
        "comb_mnz": (ranx_comb_mnz, "rankings", {"least_members": 2, "weighted": False}),
        "rrf": (ranx_rrf, "rankings", {"least_members": 2, "weighted": False}),
        "bordafuse": (ranx_bordafuse, "rankings", {"least_members": 2, "weighted": False}),
        "condorcet": (ranx_condorcet, "rankings", {"least_members": 2, "weighted": False}),
    },
    "ensemble-boxes": {
        "weighted_boxes_fusion": (ensemble_boxes_wbf, "boxes", {}),
        "nms": (ensemble_boxes_nms, "boxes", {}),
        "non_maximum_weighted": (ensemble_boxes_nmw, "boxes", {}),
    },
    "SimpleITK": {
        "LabelVoting": (simpleitk_label_voting, "votes", {"weighted": False}),
        "MultiLabelSTAPLE": (simpleitk_multi_label_staple, "votes", {"weighted": False}),
    },
    "sktime": {
        "EnsembleForecaster(mean)": (sktime_ensemble_mean, "scores", {}),
        "EnsembleForecaster(median)": (sktime_ensemble_median, "scores", {}),
    },
}
"""Distribution -> name of a function -> (adapter, shape, options)."""
