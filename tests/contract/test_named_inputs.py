"""Rows, columns, members and classes that arguments name: no order of them changes an answer, or they are refused."""

import functools
import importlib
import inspect
import re
import sys
import warnings
import zlib

import numpy as np
import pytest

import ensemblekit
from ensemblekit import EnsembleKitError
from ensemblekit.predictions import named as reader

# Each lists doors.
from . import (  # noqa: F401
    named_calls,
    named_crowds,
    named_estimators,
    named_fewer,
    named_quantiles,
    named_rankings,
    named_readers,
)
from .named_doors import DOORS, N, World, named, plain

MATCHED = {
    "X", "by", "certainty", "classes", "cutoff", "draws", "features", "fit_groups", "fit_ids", "folds", "gold",
    "groups", "ids", "keys", "known", "labels", "probas", "sample_weight", "source", "spread", "validation_data",
    "values", "views", "weights", "y",
}  # fmt: skip
"""Arguments that are matched to rows, columns, members or classes, wherever they stand."""

NOT_MATCHED = {
    "names of things, looked up by name": "accuracy aliases class_folders class_weight costs custom_objects histories "
    "intervals judgement kept latency sets marks members metrics notes out_of_fold outputs output_names "
    "proposed_aliases splits thresholds trusted unreadable own own_folders input_features choose_by smallest abstained "
    "failed raters order response_method stages name scale offset",
    "Predictions, which align matches": "predictions first second validation models chosen_on fit_on partitions tables "
    "refused held_out teacher greedy_on renew_on",
    "Votes, which name their items and raters": "votes",
    "runs and judgements, which name their queries and items": "qrels",
    "names of queries": "fit_queries queries",
    "what a rule or a metric for rankings gets, with no names": "pool hits joined of_rank starts query position grade "
    "judged_query judged_grade",
    "marks and masks, which name their cases and readers": "regions masks reference",
    "names of columns of marks, and numbers of axes": "box centre ratings spacing affine",
    "fields of what is made of marks and masks": "readers tied confusions prior case row coordinates n_marked "
    "_patterns _shares _decided",
    "levels, which are matched by value": "level levels names",
    "fields of what is made of quantiles": "combiners cutoffs final shifts",
    "estimators, models and parts of them": "augmentation backbone bank combiner copied created estimators head layer "
    "layers build method model obj second_head student optimizer",
    "options": "rules callbacks combiner_options cv error expected_failed_checks factory factories metric more_options "
    "absent function functions promises "
    "reader others window suffixes paths targets model_options options params fit_params progress random_state scoring "
    "seed visit image earlier replaces deep default knowing_prior rule key given plugins client xp dtype transform to "
    "inputs extra_axes n_members n_samples n_classes activation channels device dataset fit_options flips valid "
    "valid_labels",
    "the array of a contract, with no names": "confidence member_probas x pixels images half_widths calibration_ids "
    "rows counts posterior",
    "metrics": "predicted task",
    "sizes and shapes": "batch_sizes feature_shape input_shape size",
    "fields of a record": "type choices meaning description "
    "described cells args kwargs audit contested failures fields files folder format frame "
    "frontier path registrations results run run_members runs scans score scores mean_ranks sections sentences table "
    "text thumbnails weighted right parts comparisons choice lead skills fitted best curve promised test oof profile "
    "group_leaked",
    "a list of numbers, answered in its order": "p_values",
    "levels, draws and moments: see test_quantile_online.py and test_quantile_task.py": "level levels draws names "
    "cutoff known cutoffs final shifts combiners",
    "names of columns in a file, and how it is read": "id label columns positive read time",
}
EXEMPT = {
    "cascading.Cascade(classes)": "made by cascade",
    "cascading.Cascade(fit_ids)": "made by cascade",
    "cascading.Cascade(fit_groups)": "made by cascade",
    "members.as_member(fit_groups)": "a set of names",
    "cascading.Pending": "made by Cascade.pending",
    "cascading.Cascade.predict": "a contract: collect calls it",
    "combining.AskedCombiner": "names of members and classes, for other rooms",
    "choosing.Choice": "made by choose",
    "crowd.Votes(classes)": "a set of names; labels are looked up in it",
    "crowd.Votes.load(classes)": "a set of names; labels are looked up in it",
    "crowd.Votes.with_class": "one name more",
    "crowd.JuryVerdict": "made by judge_jury",
    "crowd.warn_if_vanished": "arrays in the order of the classes, from a rule",
    "evaluation.group_places(ids)": "ids of Predictions, in their order",
    "folds.FoldBag(": "made by fit_folds and load_folds",
    "folds.fit_folds(classes)": "names of the outputs of a model, in their order",
    "folds.load_folds(folds)": "paths by name of the fold",
    "matching.Consensus": "made by vote_labels and staple",
    "matching.compare_masks": "a set of labels; a reference is looked up by case",
    "matching.judge_readers": "it gives them to compare_masks",
    "matching.staple(labels)": "a set of labels",
    "evaluation.mean_interval": "values whose order does not matter",
    "members.as_source": "collect reads it",
    "data.ImageFolder": "ids are a selection of its files",
    "data.ImageSource": "made by image_folder and image_table; ids are a selection of its files",
    "data.ImageTable": "made by image_table; ids are a selection of its files",
    "data.image_table(classes)": "a set of names; labels are looked up in it",
    "data.audit_images": "ids are a selection of files",
    "ensemble.EnsembleClassifier.name_outputs": "labels in the order of the outputs, from another ensemble",
    "ensemble.EnsembleClassifier.output_names_for": "labels are looked up one by one",
    "ensemble.EnsembleRegressor.output_names_for": "labels are looked up one by one",
    "ensemble.KerasClassifier.name_outputs": "labels in the order of the outputs, from an ensemble",
    "ensemble.KerasRegressor.name_outputs": "labels in the order of the outputs, from an ensemble",
    "ensemble.KerasClassifier.check_model": "labels of the ensemble around it",
    "ensemble.KerasRegressor.check_model": "labels of the ensemble around it",
    "ensemble.KerasClassifier(classes)": "labels of the outputs of a model, in their order",
    "evaluation.ConformalIntervals": "made by fit_conformal",
    "evaluation.ConformalLabels": "made by fit_conformal",
    "evaluation.ConformalSets": "made by fit_conformal",
    "evaluation.Selective": "made by fit_selective",
    "features.AffineViews.draw": "images are an array, and have no names",
    "features.Augmentation.draw": "images are an array, and have no names",
    "features.extract_features": "images are an array, and have no names",
    "fusion.export_fused": "it gives classes to fuse",
    "quantiles.FittedBy(by)": "made by fit_by",
    "quantiles.OnlineWeights": "made by online_weights",
    "quantiles.Recalibration": "made by fit_recalibration",
    "quantiles.levels_of": "a list of names",
    "quantiles.read_forecasts": "columns by name; outcomes are looked up by key",
    "quantiles.read_hub": "columns by name; outcomes are looked up by key",
    "quantiles.sort_quantiles": "an array; a table is refused",
    "interfaces.Combiner": "ids and classes in an order that fit_combiner has settled",
    "evaluation.statistic": "weights in the order of the rows, from other rooms",
    "interfaces.Member": "a contract: collect calls it",
    "interfaces.Metric": "arrays in an order that evaluation has settled",
    "interfaces.Task": "arrays in an order that Predictions have settled",
    "plots.plot_copies": "groups are lists of ids",
    "members.column_source": "columns are looked up by name; ids go with a loader in its order, as its rows have none",
    "predicting.Predictor": "made by open_model",
    "predicting.open_model": "it reads classes as fuse does",
    "predicting.predict_images": "it gives classes to open_model",
    "ranking.FittedWeights(weights)": "made by fit_weights",
    "ranking.CandidateValues": "made by Pool",
    "ranking.Hits.sum": "arrays in the order of the hits, from a metric",
    "ranking.Pool": "made by fuse_runs, which looks weights up by member",
    "report.MemberChoice": "a part of a page: weights of members and rows are looked up by name",
    "report.write_report": "it gives groups and weights of rows to score_table",
    "predictions.PredictionSet.reorder": "by name, and by number for rows",
    "profiling.prune(classes)": "it gives classes to fuse",
    "profiling.profile_model": "it gives classes to open_model",
    "testing.check_foreign(labels)": "a set of names, of which votes are drawn",
    "scaling.predict_batch": "it gives classes to open_model",
    "scaling.predict_partitions": "it gives classes to open_model",
}
"""Start of a function and argument -> why nothing is matched there."""

SCALAR = re.compile(
    r"(int|float|bool|str|None|Any \| None|type|os\.PathLike\[str\]|Literal\[.*\]|Task|Missing|MissingPolicy|Factor|"
    r"Path|BinaryIO|Console|Figure|TableOptions|Folder|LockedFolder)( \| (int|float|bool|str|None|type|Path|Console|"
    r"os\.PathLike\[str\]|Literal\[.*\]|BinaryIO))*"
)
REFUSED = (EnsembleKitError, ValueError)
"""scikit-learn refuses columns in another order than those of the fit."""


@functools.cache
def public_functions(package=ensemblekit):
    """List the functions, classes and methods of all rooms, by name."""
    found = {}
    for room in package._ROOMS:
        module = importlib.import_module(f"{package.__name__}.{room}")
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) and issubclass(value, Exception):
                continue
            if inspect.isclass(value):
                found[f"{room}.{name}"] = value
                methods = inspect.getmembers(value, lambda m: inspect.isfunction(m) or inspect.ismethod(m))
                found |= {f"{room}.{name}.{method}": m for method, m in methods if not method.startswith("_")}
            elif inspect.isfunction(value):
                found[f"{room}.{name}"] = value
    return found


def arguments(functions):
    """List ``function(argument)`` for all arguments that are more than a number, a text or a path."""
    found = []
    for name, function in functions.items():
        if name.endswith(("_request", "_params", "get_metadata_routing")):  # of scikit-learn
            continue
        try:
            parameters = inspect.signature(function).parameters.values()
        except (ValueError, TypeError):
            continue
        for p in parameters:
            annotation = getattr(p.annotation, "__forward_arg__", p.annotation)
            scalar = isinstance(annotation, str) and SCALAR.fullmatch(annotation)
            if p.name not in ("self", "cls") and not scalar:
                found.append((name, p.name))
    return found


def uncovered(functions):
    """List arguments of which nobody said whether they are matched, and those that are, but in no door."""
    known = {name for names in NOT_MATCHED.values() for name in names.split()}
    covered = {cover.partition(") ")[0].rstrip(")") + ")" for door in DOORS for cover in door.covers}
    found = []
    for function, argument in arguments(functions):
        one = f"{function}({argument})"
        exempt = any(one.startswith((f"{start}(", f"{start}.")) or one == start for start in EXEMPT)
        if argument not in MATCHED:
            found += [] if argument in known else [f"{one}: is it matched to rows, columns, members or classes?"]
        elif one not in covered and not exempt:
            found.append(f"{one}: no door asks it")
    return found


def test_every_argument_that_is_matched_has_a_door():
    assert uncovered(public_functions()) == []


def test_a_new_argument_is_noticed():
    def new(predictions, *, groups=None, shelf=None, n: "int" = 3):
        return predictions

    assert uncovered({"evaluation.new": new}) == [
        "evaluation.new(groups): no door asks it",
        "evaluation.new(shelf): is it matched to rows, columns, members or classes?",
    ]


def test_every_door_and_every_exception_is_there():
    known = {f"{name}({argument})" for name, argument in arguments(public_functions())}
    covered = {cover.partition(") ")[0].rstrip(")") + ")" for door in DOORS for cover in door.covers}
    assert covered - known == set()
    assert [start for start in EXEMPT if not any(one.startswith(start) for one in known)] == []


def ask(door, world, give):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return door.ask(world, give)


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (float, np.floating)):
        return bool(np.isclose(one, float(other), rtol=1e-6, equal_nan=True))
    return one == other


def check(door, world, container, rows, places):
    """Ask with names in an order; return whether it was refused."""
    expected = world.once(door, lambda: ask(door, world, plain))
    try:
        found = ask(door, world, named(world, container, rows, places))
    except REFUSED:
        return True
    assert same(expected, found), f"{door}: {container} changes the answer"
    return False


def marked(doors):
    # A network is trained for each answer.
    of_networks = [pytest.mark.keras, pytest.mark.slow]
    return [pytest.param(door, id=str(door), marks=of_networks if door.keras else []) for door in doors]


IN_ORDER = np.arange(N)
WORLDS = {kind: World(kind) for kind in ("text", "numbers", "0..n-1")}


@pytest.mark.parametrize("door", marked(DOORS))
def test_names_in_order_are_accepted(door):
    for container in door.containers:
        assert not check(door, WORLDS["text"], container, IN_ORDER, None), f"{container} is refused"


@pytest.mark.parametrize("door", marked(door for door in DOORS if not door.keras))
def test_no_order_of_names_changes_an_answer(door):
    rng = np.random.default_rng(zlib.crc32(str(door).encode()))
    other = str(rng.choice(door.containers))
    orders = [
        ("text", "pandas", IN_ORDER[::-1], [1, 2, 0]),
        ("0..n-1", "pandas", np.argsort(WORLDS["0..n-1"].ids), [0, 1, 2]),
        ("numbers", other, rng.permutation(N), rng.permutation(3)),
    ]
    for kind, container, rows, places in orders:
        check(door, WORLDS[kind], container, rows, np.array(places) if door.columns else None)


@pytest.mark.keras
@pytest.mark.parametrize("door", marked(door for door in DOORS if door.keras))
def test_no_order_of_names_changes_an_answer_of_a_network(door):
    check(door, WORLDS["text"], "pandas", IN_ORDER[::-1], None)


# A reader that drops names.


def nameless(*args, **kwargs):
    found = reader_as_it_is(*args, **kwargs)
    return reader.Named(found.values, what=found._what, labels=found.labels)


reader_as_it_is = reader.read_named


@pytest.fixture
def names_are_dropped(monkeypatch):
    """Replace the reader of names, wherever it was imported, by one that drops them."""
    wrong = {"read_named": nameless, "check_same_rows": lambda *_, **__: None}
    for name, module in list(sys.modules.items()):
        if name.startswith("ensemblekit."):
            for function, other in wrong.items():
                if vars(module).get(function) is getattr(reader, function) and module is not reader:
                    monkeypatch.setattr(module, function, other)
    for function, other in wrong.items():
        monkeypatch.setattr(reader, function, other)


WITHOUT_NAMES = World()
"""Keeps what was made while names were dropped."""


@pytest.mark.parametrize("door", marked(door for door in DOORS if door.reads))
def test_a_reader_that_drops_names_is_noticed(door, names_are_dropped):
    # The answer changes, or what must be accepted is refused.
    with pytest.raises((AssertionError, *REFUSED)):
        assert not check(door, WITHOUT_NAMES, "pandas", IN_ORDER[::-1], None)
