"""Whatever is wrong in a line, every command says it in its own words: no traceback, no Python, no option of others."""

import pytest

from ensemblekit.cli._commands import make_command
from ensemblekit.cli._help import Command
from tests.wrong_lines import BASE, COMMANDS, RIGHT, flaws, lines, say, write_files

EVERY = 13
"""In the fast tests, one line of so many; all of them in the slow one."""
IMPORTS_KERAS = ("predict empty.csv", "profile empty.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("lines")
    write_files(made)
    return made


@pytest.fixture(autouse=True)
def _there(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ENSEMBLEKIT_CACHE", str(folder / "cache"))


def is_right(name, words):
    line = f" {' '.join(words)} "
    return any(f" {one} " in line for one in RIGHT.get(name, ()))


def wrong(name, words):
    """List what is wrong with what a line says."""
    said = say([name, *words])
    found = [flaw for text in (said.error, *said.warnings) for flaw in flaws(name, text)]
    if not said.status and not is_right(name, words):
        found.append("it is taken")
    return [f"{name} {' '.join(words)}: {flaw}; {said.error}" for flaw in found]


def test_errors_of_every_command_propose_what_it_has():
    found = [
        flaw
        for place, name in enumerate(COMMANDS)
        for number, words in enumerate(lines(name))
        if (number + place) % EVERY == 0 and not f"{name} {words[0] if words else ''}".startswith(IMPORTS_KERAS)
        for flaw in wrong(name, words)
    ]
    assert found == []


@pytest.mark.slow
@pytest.mark.keras
def test_errors_of_all_lines_propose_what_the_command_has():
    assert [flaw for name in COMMANDS for words in lines(name) for flaw in wrong(name, words)] == []


def test_every_command_and_each_of_its_options_is_in_a_line():
    assert set(BASE) == set(COMMANDS)
    for name in COMMANDS:
        given = {word for words in lines(name) for word in words}
        for one in make_command(name, Command).params:
            if one.param_type_name == "option" and not one.is_flag:
                assert given & {*one.opts}, (name, one.name)


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("Take the others: rows = align(...), then go on.", "call align("),
        ("Give missing='zero'.", "argument missing="),
        ("give allow_leakage=True.", "argument allow_leakage="),
        ("Give Predictions(probas, ids=ids).", "call Predictions("),
        ("activation must be Activation or None.", "word or None"),
        ("Give aliases={name: common name}.", "argument aliases="),
        ("Give it: --fit-on FILE.", "option --fit-on of evaluate"),
        ("Combine them with combine --no-such OLD=NEW.", "option --no-such of combine"),
    ],
)
def test_a_remedy_of_another_place_is_noticed(text, flaw):
    assert flaw in flaws("evaluate", text)
    assert flaws("combine", "Give --alias cat_T2=cat, or --missing zero; with choose --cost NAME=NUMBER.") == []
