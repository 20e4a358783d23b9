"""Help and completion: plain, with examples and names, and without an import that is not needed."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ensemblekit import load_plugins
from ensemblekit.cli import app
from ensemblekit.cli._commands import make_command, summaries
from ensemblekit.cli._help import Command
from ensemblekit.cli._known import known_plugins
from ensemblekit.cli._rank import RULES
from ensemblekit.cli._remedies import as_command
from ensemblekit.ranking import RULES as RANKING_RULES

HEAVY = {
    "importlib.metadata", "jinja2", "numpy", "pandas", "pluggy", "pyarrow", "pydantic", "rich", "scipy", "sklearn",
}  # fmt: skip
"""What help and completion must not import, once the names of the plugins are remembered."""
COMMANDS = [*summaries()]


def imported(*lines, env=None, cache):
    """Run several lines of the command in one Python; return their output, and what of the heavy was imported."""
    code = f"""
import os, sys
from ensemblekit.cli import main
for asked in {lines!r}:
    words = asked.split(" ")
    if asked.startswith("COMPLETE "):
        words = words[1:]
        os.environ.update(_ENSEMBLEKIT_COMPLETE="complete_bash", COMP_WORDS=" ".join(words))
        os.environ["COMP_CWORD"] = str(len(words) - 1)
        words = words[:1]
    else:
        os.environ.pop("_ENSEMBLEKIT_COMPLETE", None)
    sys.argv = words
    try:
        main()
    except SystemExit:
        pass
print("IMPORTED", *sorted(sys.modules))
"""
    env = {**os.environ, "ENSEMBLEKIT_CACHE": str(cache), **(env or {})}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    said, _, modules = done.stdout.rpartition("IMPORTED")
    assert not done.stderr, done.stderr
    return said, HEAVY & set(modules.split())


def helped(name, width=80):
    return CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": str(width)}).output


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A cache in which the names are remembered."""
    folder = tmp_path_factory.mktemp("cache")
    _, heavy = imported("ensemblekit combine --help", "COMPLETE ensemblekit evaluate --metric neg_root", cache=folder)
    assert "numpy" in heavy  # the first time the plugins are loaded: the check below can fail
    return folder


def test_help_and_completion_import_nothing_heavy(cache):
    lines = ["ensemblekit --help", *(f"ensemblekit {name} --help" for name in COMMANDS)]
    asked = [
        "combine --combiner me", "combine --combiner stacking --option pass", "evaluate --metric neg_root", "com",
        "choose --rule vot", "check cust", "combine --mis",
    ]  # fmt: skip
    said, heavy = imported(*lines, *(f"COMPLETE ensemblekit {words}" for words in asked), cache=cache)
    loaded = "import typer, sys; print(*sys.modules)"
    of_typer = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout
    assert heavy == {"rich"} & {*of_typer.split()}  # the lowest typer needs it, the newest does not
    for word in ("median", "passthrough=True", "neg_root_mean_squared_error", "compare", "voting", "custom_cnn"):
        assert word in said.split(), word
    assert "--missing" in said.split()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_has_examples_and_no_internal_name(name):
    for width in (80, 120):
        text = helped(name, width)
        assert max(map(len, text.splitlines())) <= width
        assert "\nExamples:\n" in text
        assert f"ensemblekit {name}" in text.partition("Examples:")[2]
        assert not re.search(r"<\w+>|<list|\{\w+\}|[╭│─]|\x1b", text), text
    for parameter in make_command(name, Command).params:
        assert getattr(parameter, "is_flag", False) or parameter.metavar, parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_the_examples_are_there(name):
    taken = {text for one in make_command(name, Command).params for text in (*one.opts, *one.secondary_opts)}
    for _, line in make_command(name, Command).examples:
        for part in line.replace("\\\n", " ").split("\n"):
            words = shlex.split(part)
            if words[1:2] == [name]:
                assert {word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)} <= taken


def test_the_names_in_the_help_are_those_of_the_plugins():
    text = " ".join(helped("combine").split())
    registrations = load_plugins().registrations
    for one in registrations:
        if one.kind == "combiner":
            assert re.search(rf"{one.name} (\(none\)|{'|'.join(option.name for option in one.options)}=)", text), (
                one.name
            )
    assert [(one.kind, one.name) for one in known_plugins()] == [(r.kind, r.name) for r in registrations]
    metrics = helped("evaluate").partition("Metrics:")[2]
    assert set(load_plugins().metrics) <= set(re.findall(r"\w+", metrics))
    assert tuple(RANKING_RULES) == RULES


def test_a_plugin_that_is_new_or_changed_is_noticed(tmp_path, cache):
    from tests.strangers import COMBINER, write_distribution

    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    line = "COMPLETE ensemblekit combine --combiner fir"
    assert imported(line, env=env, cache=cache)[0].split() == []
    write_distribution(tmp_path, "friendly", {"first": "friendly_first"}, friendly_first=COMBINER.format(name="first"))
    assert imported(line, env=env, cache=cache)[0].split() == ["first"]
    (tmp_path / "friendly_first.py").write_text(COMBINER.format(name="first_of_all"))
    assert imported(line, env=env, cache=cache)[0].split() == ["first_of_all"]


def test_a_cache_that_is_damaged_or_cannot_be_written_takes_no_help_away(tmp_path, monkeypatch):
    for place, text in ((tmp_path / "a file", None), (tmp_path, "{}"), (tmp_path, '{"found": [1], "sources": []}')):
        monkeypatch.setenv("ENSEMBLEKIT_CACHE", str(place))
        if text is None:
            place.write_text("")
        else:
            for file in place.rglob("*.json"):
                file.write_text(text)
        assert "mean" in [one.name for one in known_plugins()]


def test_one_plugin_is_shown_with_its_options():
    for width in ("40", "80", "200"):
        shown = CliRunner().invoke(app, ["plugins", "voting"], env={"COLUMNS": width}).output
        assert "combiner voting" in shown
        assert {"kind", "weights", "hard"} <= set(re.findall(r"\w+", shown))
        table = shown.rpartition("ensemblekit combine")[0]  # a line to paste is not folded
        assert max(len(line.rstrip()) for line in table.splitlines()) <= int(width)
    found = json.loads(CliRunner().invoke(app, ["plugins", "voting", "--json"]).output)["plugins"]
    assert [option["name"] for option in found[0]["options"]] == ["kind", "weights"]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_list_of_plugins_has_the_width_of_the_terminal(width):
    shown = CliRunner().invoke(app, ["plugins", "--kind", "metric"], env={"COLUMNS": str(width)}).output
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    assert "\x1b" not in shown
    assert {*load_plugins().metrics} <= set(shown.split())
    assert "combiner" not in shown.split()


def test_plain_tables_have_a_row_on_a_line_and_no_lines_or_colours():
    shown = CliRunner().invoke(app, ["plugins", "--plain"], env={"COLUMNS": "40", "FORCE_COLOR": "1"}).output
    lines = shown.splitlines()
    assert len(lines) == 2 + len(load_plugins().registrations)
    assert not re.search(r"[─━│]|\x1b| $", shown, re.MULTILINE)
    assert re.fullmatch(r"combiner  mean +ensemblekit \S+ +Arithmetic mean of the members.*", lines[2 + [
        r.name for r in load_plugins().registrations
    ].index("mean")])  # fmt: skip


def test_a_progress_bar_has_no_question_mark(monkeypatch):
    import io

    from ensemblekit.cli._screen import show_progress

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with show_progress("Reading images") as shown:
        for done, total in ((0, None), (0, 0), (0, 1200), (300, 1200)):
            shown.update(done, total)
        said = sys.stderr.getvalue()
        shown.say("done")
    assert "Reading images" in said
    assert "300 of 1,200" in sys.stderr.getvalue()
    assert not re.search(r"\?(?!\d)|0/|-:--", sys.stderr.getvalue())


SAID = [
    ("combine", "Give aliases={'cat_T2': 'cat'}, or missing='zero'.", "Give --alias cat_T2=cat, or --missing zero."),
    ("combine", "give aliases={name: common name}.", "give --alias OLD=NEW."),
    ("choose", "Give held-out rows, or allow_leakage=True to go on knowingly.", "Give held-out rows."),
    ("choose", "Give it: fit_on=..., on the command line --fit-on FILE.", "Give it: --fit-on FILE."),
    ("predict", "give reader=ImageReader(suffixes=[...]), on the command line --suffix.", "give --suffix."),
    ("choose", "'x' is there already. Take another, or give overwrite=True (--overwrite).",
     "'x' is there already. Take another, or give --overwrite."),
    ("choose", "max_cost needs costs={member: cost}; received max_cost=1.0 alone.",
     "--max-cost needs --cost NAME=NUMBER for each member; received --max-cost 1.0 alone."),
    ("audit", "max_distance must be whole; received 999.", "--max-distance must be whole; received 999."),
    ("evaluate", "labels must be class names; received 1.", "labels must be class names; received 1."),
    ("report", "Fit it on held-out predictions: fitted = fit_combiner(predictions, combiner); combine(predictions, "
     "fitted).",
     "Combine the files first, with combine --fit-on FILE for each member, and give what that writes as one more "
     "file."),
    ("compare", "lacks 1. Give aliases={name: common name} if it is a matter of names, or missing='zero' if not.",
     "lacks 1. Write the classes alike in each file, or combine them with combine --alias OLD=NEW."),
    ("evaluate", "metric 'top_k' takes the options (*, k: 'int' = 2) -> 'None'; received {'kk': 2}: got an unexpected "
     "keyword argument 'kk'.",
     "metric 'top_k' takes the options k; received kk=2. `ensemblekit plugins top_k` explains them."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "python", "command"), SAID)
def test_a_remedy_of_python_is_told_as_options(name, python, command):
    assert as_command(python, {one.name: one for one in make_command(name, Command).params}) == command
