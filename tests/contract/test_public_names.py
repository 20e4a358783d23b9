"""Every public name can be imported and is documented, in the form that numpydoc checks."""

import builtins
import inspect
from importlib import import_module
from types import FunctionType

import pytest
from numpydoc.validate import validate

import ensemblekit
from ensemblekit import EnsembleKitError, errors, load_plugins

IGNORED = {
    "ES01": "one sentence is often enough",
    "EX01": "examples stand where they show something; every one of them is run",
    "PR04": "`aliases, missing: as in align`, instead of saying their types again",
    "SA01": "related names are named in the text",
}
"""Code of numpydoc -> why it does not hold here."""

NOT_CALLED = {
    "Agreement": "made by krippendorff_alpha",
    "Answer": "made by check_compatible",
    "AskedCombiner": "made by ask",
    "Audit": "made by audit_images",
    "Augmentation": "a protocol",
    "Backbone": "a protocol",
    "Cascade": "made by cascade",
    "Chainer": "a protocol",
    "CheckResult": "made by run_checks",
    "Choice": "made by choose",
    "CollectionInfo": "made by FeatureBank",
    "Combined": "made by combine_files",
    "CombinerLike": "a protocol",
    "ConformalIntervals": "made by fit_conformal",
    "ConformalLabels": "made by fit_conformal",
    "ConformalSets": "made by fit_conformal",
    "Consensus": "made by vote_labels and staple",
    "CrowdResult": "made by aggregate_votes",
    "Exported": "made by export_fused",
    "Failure": "made by load_plugins",
    "FittedBy": "made by fit_by",
    "FittedWeights": "made by fit_weights",
    "Fused": "made by fuse_boxes",
    "Head": "a protocol",
    "Hits": "made by hits_of",
    "ImageFolder": "made by image_folder",
    "ImageSource": "the base of ImageFolder and ImageTable",
    "ImageTable": "made by image_table",
    "JuryVerdict": "made by judge_jury",
    "LockedFolder": "made by locked_folder",
    "Matched": "made by match_regions",
    "McNemar": "made by mcnemar",
    "Member": "a protocol",
    "OnlineWeights": "made by online_weights",
    "Pending": "made by Cascade.pending",
    "PluginMapping": "made by load_plugins",
    "Predicted": "made by predict_images",
    "PredictionSet": "made by align and collect",
    "Predictor": "made by open_model",
    "Profile": "made by profile_model",
    "Pruned": "made by prune",
    "Recalibration": "made by fit_recalibration",
    "Register": "a protocol",
    "PluginOption": "made by load_plugins",
    "Registration": "made by load_plugins",
    "Registry": "made by load_plugins",
    "Selective": "made by fit_selective",
    "Snapshots": "made by keep_snapshots",
    "Soup": "made by soup",
    "Source": "a protocol",
}
"""Classes whose parameters are nobody's business, and why."""

ROOMS = {room: import_module(f"ensemblekit.{room}") for room in ensemblekit._ROOMS}
LATE = {("features", "ViewCycle"): "its base class is Keras's"}
"""Room and name -> why it is not imported with the others."""
PUBLIC = {
    name: getattr(module, name) for room, module in ROOMS.items() for name in module.__all__ if (room, name) not in LATE
}
FACTORIES = {r.name: r.factory for r in load_plugins().registrations if r.distribution == "ensemblekit"}


def inherits_text(value, name):
    """Say whether a class above has a docstring for this method or property."""
    return any(getattr(vars(parent).get(name), "__doc__", None) for parent in value.__mro__[1:])


def documented(values):
    """List the path of each class, function, method and property of these."""
    paths = []
    for value in values:
        if inspect.isfunction(value) or inspect.isclass(value):
            path = f"{value.__module__}.{value.__qualname__}"
            paths.append(path)
        if inspect.isclass(value):
            kinds = (property, classmethod, staticmethod, FunctionType)
            own = [name for name, m in vars(value).items() if isinstance(m, kinds) and not name.startswith("_")]
            paths += [f"{path}.{name}" for name in own if vars(value)[name].__doc__ or not inherits_text(value, name)]
    return sorted(set(paths))


def complaints(path):
    """List what numpydoc has against a docstring, but for what is ignored with a reason."""
    found = validate(path)
    first_line = found["docstring"].strip().partition("\n")[0]
    ignored = set(IGNORED) | ({"PR01"} if path.rpartition(".")[2] in NOT_CALLED else set())
    if "; see `" in first_line:  # everything else stands there
        ignored |= {"PR01", "RT01"}
    return [error for error in found["errors"] if error[0] not in ignored]


@pytest.mark.parametrize("path", documented([*PUBLIC.values(), *FACTORIES.values()]))
def test_every_public_name_is_documented_as_numpydoc_wants(path):
    assert complaints(path) == []


@pytest.mark.keras
@pytest.mark.parametrize(("room", "name"), LATE)
def test_names_that_need_keras_are_documented_too(room, name):
    for path in documented([getattr(ROOMS[room], name)]):
        assert complaints(path) == []


def half_documented(names):
    """Say something.

    Parameters
    ----------
    names : list

    Returns
    -------
    int
        How many.
    """
    return len(names)


def undocumented(names):
    return names


def test_a_bad_docstring_is_noticed(monkeypatch):
    monkeypatch.setattr(errors, "half_documented", half_documented, raising=False)
    monkeypatch.setattr(errors, "undocumented", undocumented, raising=False)
    assert [code for code, _ in complaints("ensemblekit.errors.half_documented")] == ["PR07"]
    assert [code for code, _ in complaints("ensemblekit.errors.undocumented")] == ["GL08"]


def test_every_public_name_of_the_package_is_one_of_a_room():
    assert set(ensemblekit.__all__) <= set(PUBLIC)


def test_classes_that_are_not_called_are_public():
    assert set(NOT_CALLED) <= set(PUBLIC)


ERRORS = [value for name in errors.__all__ if issubclass(value := getattr(errors, name), Exception)]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_ours_and_a_built_in_one(error):
    if issubclass(error, Warning):
        assert issubclass(error, UserWarning)
    elif error is not EnsembleKitError:
        assert issubclass(error, EnsembleKitError)
        expected = [b for b in error.__mro__ if vars(builtins).get(b.__name__) is b and issubclass(b, Exception)]
        assert set(expected) - {Exception}


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_shows_its_message_as_it_is(error):
    assert str(error("it's\nso")) == "it's\nso"


def test_every_error_class_is_listed():
    defined = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert defined == set(errors.__all__)
