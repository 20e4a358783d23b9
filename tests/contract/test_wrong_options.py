"""Whatever is given for an option, an error of ours says so, or it is taken: never a TypeError from within."""

import collections.abc as abc
import importlib
import inspect
import warnings

import pytest

from ensemblekit import EnsembleKitError, InvalidOptionError, combine, fit_combiner, load_plugins
from ensemblekit.arguments import typed
from ensemblekit.printed import printable
from tests.contract import hostile

ROOMS = (
    "combining", "data", "evaluation", "features", "members", "plots", "predictions", "registry", "report", "scaling",
    "store",
)  # fmt: skip
NOT_HERE = {
    "combining": {"AskedCombiner", "ask"},  # for other rooms, which have checked their arguments
    "evaluation": {  # results, and a type
        "CochranQ", "ConformalIntervals", "ConformalLabels", "ConformalSets", "Friedman", "McNemar", "MetricFunction",
        "Models", "Selective",
    },
    "report": {  # plain records
        "Answer", "Code", "Fold", "Intervals", "MemberChoice", "Notice", "Picture", "Section", "Sentences",
        "SideBySide", "Table", "Thumbnail", "print_audit",
    },
    "plots": set(),
    "data": {"Audit", "ImageFolder", "ImageSource", "ImageTable"},
    "features": {"Augmentation", "CollectionInfo", "extract_features"},  # the last needs Keras
    "members": {"Source", "collect"},
    "predictions": {"Aliases", "Alignable", "Missing", "MissingPolicy", "PredictionSet", "Task"},
    "registry": {"entry_points", "Failure", "PluginMapping", "PluginOption", "Registration", "Registry",
                 "default_registry"},
    "store": {"load_with_digest"},  # load, for another room
    "scaling": {"Combined", "combine_partitions", "predict_batch", "predict_partitions"},
}  # fmt: skip
CALLABLES = {"image", "progress", "visit", "metric", "metrics", "choose_by"}
"""Functions of a caller's, whose own errors are theirs."""
PATHS = {"path", "files", "folder", "output"}
"""Of a text that is no path the system says so."""


def refused(call, arguments):
    """Give what escapes, if it is no error of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call(**arguments)
        except EnsembleKitError as error:
            return None if printable(error, lines=True) == str(error) else error
        except Exception as error:
            return error
    return None


def test_every_public_function_is_called():
    for room in ROOMS:
        public = {
            name for name in importlib.import_module(f"ensemblekit.{room}").__all__
            if callable(getattr(importlib.import_module(f"ensemblekit.{room}"), name)) and not name.isupper()
        }  # fmt: skip
        called = {name.partition(".")[2] for name in hostile.calls() if name.startswith(f"{room}.")}
        assert public - called == NOT_HERE.get(room, set()) & public, room


@pytest.mark.parametrize("name", sorted(hostile.calls()))
def test_a_wrong_argument_is_an_error_of_ours(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    room, _, function = name.partition(".")
    public = getattr(importlib.import_module(f"ensemblekit.{room}"), function)
    make = hostile.calls()[name]

    def call(**arguments):
        given = [hostile.predictions(1), hostile.predictions(2)] if function == "align" else []
        return public(*given, **arguments)

    call(**make())
    escaped = []
    for option, parameter in inspect.signature(public).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        for what, value in hostile.values().items():
            if option in CALLABLES and callable(value):
                continue
            error = refused(call, {**make(), option: value})
            if error is not None and not (option in PATHS and isinstance(error, OSError)):
                escaped.append(f"{option}={what}: {error!r:.200}")
    assert escaped == []


REGISTRY = load_plugins()
PLUGINS = [
    (kind, name) for kind in ("combiner", "head", "backbone", "chainer") for name in getattr(REGISTRY, f"{kind}s")
]


@pytest.mark.parametrize(("kind", "name"), PLUGINS)
def test_a_wrong_option_of_a_plugin_is_an_error_of_ours(kind, name):
    members = [hostile.predictions(1), hostile.predictions(2)]

    def use(**options):
        made = getattr(REGISTRY, f"create_{kind}")(name, **options)
        if kind == "combiner":
            combine(members, fit_combiner(members, made) if "learns" in made.traits else made)

    escaped = []
    for option in inspect.signature(getattr(REGISTRY, f"{kind}s")[name]).parameters:
        for what, value in hostile.values().items():
            if option in CALLABLES and callable(value):
                continue
            error = refused(use, {option: value})
            if error is not None:
                escaped.append(f"{option}={what}: {error!r:.200}")
    assert escaped == []


def test_kinds_are_those_of_the_annotations():
    @typed(but=("free",))
    def function(
        number: "float",
        count: "int" = 1,
        *,
        name: "str | None" = None,
        names: "abc.Sequence[str]" = (),
        free: "int" = 0,
    ) -> None:
        return None

    function(1.5, 2, name="x", names=["a"], free="whatever")
    for wrong in ({"number": "1"}, {"number": 1, "count": 1.0}, {"number": 1, "count": True}, {"number": 1, "name": 3}):
        with pytest.raises(InvalidOptionError, match="must be"):
            function(**wrong)
