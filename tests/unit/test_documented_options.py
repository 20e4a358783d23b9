"""The options of a plugin are data: from its signature, its docstring, or both."""

import functools

import pytest

from ensemblekit import load_plugins
from ensemblekit.registry import PluginOption
from ensemblekit.registry._documented import options_of, sections_of


class Written:
    """One line
    that goes on.

    More.

    Parameters
    ----------
    power : float, default=1.0
        How strong. More than 1 is i.e. more.
    low, high : int, optional
        Bounds
        of it; see Notes
    mode : {"a", "b"} or int, default="a"
        ``a``: this. ``b``: that.
    path: path-like
        Where.
    **more
        Passed on.
    seed : int, default=3
        Of the draws.

    Notes
    -----
    A formula.
    """

    def __init__(self, power=1.0, low=None, high=None, *, mode="a", path, bare: "int | None" = 2, **more): ...


def test_signature_and_docstring_are_joined():
    assert options_of(Written) == (
        PluginOption("power", "float", "1.0", "How strong", "How strong. More than 1 is i.e. more.", ()),
        PluginOption("low", "int", "None", "Bounds of it; see Notes", "Bounds\nof it; see Notes", ()),
        PluginOption("high", "int", "None", "Bounds of it; see Notes", "Bounds\nof it; see Notes", ()),
        PluginOption(
            "mode", '{"a", "b"} or int', "'a'", "``a``: this. ``b``: that", "``a``: this. ``b``: that.", ("a", "b")
        ),
        PluginOption("path", "path-like", "", "Where", "Where.", ()),
        PluginOption("bare", "int | None", "2", "", "", ()),
        PluginOption("seed", "int", "3", "Of the draws", "Of the draws.", ()),
    )
    assert [option.name for option in options_of(Written) if option.required] == ["path"]


def test_sections_are_read():
    assert sections_of(Written)["Summary"] == "One line that goes on."
    assert sections_of(Written)["Extended Summary"] == "More."
    assert sections_of(Written)["Notes"] == "A formula."
    assert list(sections_of(Written)) == ["Summary", "Extended Summary", "Parameters", "Notes"]


@pytest.mark.parametrize("bare", [lambda: None, type("Bare", (), {}), dict.fromkeys])
def test_what_says_nothing_has_no_options(bare):
    assert all(not option.meaning for option in options_of(bare))
    assert sections_of(type("Bare", (), {"__doc__": None})) == {}


def test_a_partial_has_the_docstring_and_the_remaining_defaults():
    assert sections_of(functools.partial(Written, power=2.0))["Notes"] == "A formula."
    assert options_of(functools.partial(Written, power=2.0))[0].default == "2.0"


def test_choices_of_an_annotation_are_read():
    def made(mode=None): ...

    made.__annotations__["mode"] = "Literal['x', 'y'] | None"
    assert options_of(made)[0].choices == ("x", "y")


def test_a_registered_plugin_gives_its_options():
    voting = next(r for r in load_plugins().registrations if r.name == "voting")
    kind, weights = voting.options
    assert (kind.name, kind.choices, kind.default, kind.required) == ("kind", ("hard", "soft"), "'hard'", False)
    assert weights.type == "mapping of member name to float, or sequence of shape (n_members,)"
    assert voting.summary == voting.sections["Summary"]
