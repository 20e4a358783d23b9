"""Every public name can be imported and is documented, in the form that numpydoc checks."""

import builtins
import inspect
from types import FunctionType

import pytest
from numpydoc.validate import validate

import ensemblekit
from ensemblekit import EnsembleKitError, errors, testing

IGNORED = {
    "ES01": "one sentence is often enough",
    "EX01": "examples stand where they show something; every one of them is run",
    "PR04": "`aliases, missing: as in align`, instead of saying their types again",
    "SA01": "related names are named in the text",
}
"""Code of numpydoc -> why it does not hold here."""

NOT_CALLED = {
    "Answer": "made by check_compatible",
    "Audit": "made by audit_images",
    "Backbone": "a protocol",
    "Chainer": "a protocol",
    "CheckResult": "made by run_checks",
    "Head": "a protocol",
    "ImageFolder": "made by image_folder",
    "Member": "a protocol",
    "PredictionSet": "made by align and collect",
    "Registry": "made by load_plugins",
}
"""Classes whose parameters are nobody's business, and why."""

PUBLIC = {name: getattr(ensemblekit, name) for name in ensemblekit.__all__}
OF_THE_KIT = {name: getattr(testing, name) for name in testing.__all__}


def documented():
    """List the path of each public class, function, method and property."""
    paths = []
    for value in [*PUBLIC.values(), *OF_THE_KIT.values()]:
        if inspect.isfunction(value):
            paths.append(f"{value.__module__}.{value.__qualname__}")
        if inspect.isclass(value):
            kinds = (property, classmethod, staticmethod, FunctionType)
            own = [name for name, m in vars(value).items() if isinstance(m, kinds) and not name.startswith("_")]
            paths += [
                ".".join((value.__module__, value.__qualname__, *rest)) for rest in [(), *((name,) for name in own)]
            ]
    return paths


def complaints(path):
    """List what numpydoc has against a docstring, but for what is ignored with a reason."""
    found = validate(path)
    first_line = found["docstring"].strip().partition("\n")[0]
    ignored = set(IGNORED) | ({"PR01"} if path.rpartition(".")[2] in NOT_CALLED else set())
    if "; see `" in first_line:  # everything else stands there
        ignored |= {"PR01", "RT01"}
    return [error for error in found["errors"] if error[0] not in ignored]


@pytest.mark.parametrize("path", documented())
def test_every_public_name_is_documented_as_numpydoc_wants(path):
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


@pytest.mark.parametrize("name", ensemblekit.__all__)
def test_every_public_name_has_a_docstring(name):
    assert PUBLIC[name].__doc__


def test_classes_that_are_not_called_are_public():
    assert set(NOT_CALLED) <= set(PUBLIC) | set(OF_THE_KIT)


def test_dir_shows_every_public_name():
    assert set(ensemblekit.__all__) <= set(dir(ensemblekit))
    assert list(ensemblekit.__all__) == sorted(set(ensemblekit.__all__))
    with pytest.raises(AttributeError, match="module 'ensemblekit' has no attribute 'combin'"):
        ensemblekit.combin  # noqa: B018


ERRORS = [value for name in errors.__all__ if issubclass(value := getattr(errors, name), Exception)]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_ours_and_a_built_in_one(error):
    assert PUBLIC[error.__name__] is error
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
