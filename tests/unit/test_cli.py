"""The command `ensemblekit`, run as a user runs it."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from importlib import metadata
from pathlib import Path

import pytest

from ensemblekit import load_plugins
from ensemblekit.hookspecs import API_VERSION
from tests.strangers import COMBINER, REPO, environment, uninstalled, write_distribution

COMMAND = Path(sys.executable).parent / "ensemblekit"


def run(*arguments, env=None, **options):
    env = {name: value for name, value in (env or os.environ).items() if name != "COLUMNS"}  # pytest sets it
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, env=env, **options)


def in_terminal(*arguments, width, env):
    """Run in a real terminal of that width; return the lines that stay, without colour."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    env = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen([COMMAND, *arguments], stdout=terminal, env={**env, "TERM": "xterm"}) as process:
        os.close(terminal)
        output = b""
        try:
            while chunk := os.read(reader, 65536):
                output += chunk
        except OSError:  # on Linux the end of a terminal is an error
            pass
    os.close(reader)
    assert process.returncode == 0
    # What a spinner wrote is gone: it goes back over its line, and in the end up and over it.
    text = re.sub(r"[^\n]*\r\n(?:\x1b\[\?25h)?\r?\x1b\[1A\x1b\[2K", "", output.decode())
    lines = [line.rpartition("\r")[2] for line in text.split("\r\n")]
    return [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in lines]


@pytest.fixture
def strangers(tmp_path):
    """Three strangers: one that works, one that is broken, one that claims the name of a built-in."""
    friendly = COMBINER.format(name="first").replace(
        "The first member's word.", "The first [b]member's[/b] word, [0, 1]."
    )
    write_distribution(tmp_path, "friendly", {"first": "friendly_first"}, friendly_first=friendly)
    write_distribution(tmp_path, "wobbly", {"broken": "wobbly_broken"}, wobbly_broken="raise RuntimeError('[boom]')")
    write_distribution(tmp_path, "impostor", {"average": "impostor"}, impostor=COMBINER.format(name="mean"))
    return environment(tmp_path)


def test_plugins_shows_each_plugin_on_a_line():
    done = run("plugins")
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    version = metadata.version("ensemblekit")
    assert ["combiner", "mean", "ensemblekit", version, "Arithmetic", "mean", "of", "the", "members:"] in [
        line[:9] for line in lines
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_plugins_fits_a_narrow_terminal_and_breaks_no_word(strangers):
    lines = in_terminal("plugins", width=80, env=strangers)
    assert max(map(len, lines)) <= 80
    shown = set(" ".join(lines).split())
    for registration in load_plugins().registrations:
        assert {registration.name, *registration.summary.split()} <= shown


def test_what_was_not_loaded_is_in_a_table_with_the_reason(strangers):
    text = " ".join(run("plugins", env=strangers).stdout.split())
    assert "2 not loaded" in text
    assert "plugin 'broken' wobbly 1.0 RuntimeError: [boom]" in text
    assert "combiner 'mean' impostor 1.0 the name is claimed by the built-in plugin 'mean' of ensemblekit" in text


def test_the_version_of_the_plugin_api_is_told_and_who_needs_another(tmp_path):
    picky = "ensemblekit_api = '9.0'\n" + COMBINER.format(name="one")
    write_distribution(tmp_path, "picky", {"one": "picky_one"}, picky_one=picky)
    env = environment(tmp_path, REPO, REPO / "plugins")
    text = " ".join(run("plugins", env=env).stdout.split())
    assert f" plugins, plugin API {API_VERSION} " in text
    assert "plugin 'one' picky 1.0 it needs version 9.0 of the plugin API" in text


def test_brackets_are_text_not_colour(strangers):
    assert "The first [b]member's[/b] word, [0, 1]." in run("plugins", env=strangers).stdout


def test_json_is_complete():
    found = json.loads(run("plugins", "--json").stdout)
    assert found["api"] == API_VERSION
    assert found["failures"] == []
    assert [(p["kind"], p["name"]) for p in found["plugins"]] == [
        (r.kind, r.name) for r in load_plugins().registrations
    ]
    assert {
        "kind": "combiner",
        "name": "mean",
        "plugin": "mean",
        "distribution": "ensemblekit",
        "version": metadata.version("ensemblekit"),
        "summary": "Arithmetic mean of the members: each counts the same.",
    } in found["plugins"]


def test_json_lists_strangers_and_failures(strangers):
    done = run("plugins", "--json", env=strangers)
    found = json.loads(done.stdout)
    assert "first" in [p["name"] for p in found["plugins"] if p["distribution"] == "friendly"]
    assert [(f["plugin"], f["distribution"], f["version"], f["refused"]) for f in found["failures"]] == [
        ("broken", "wobbly", "1.0", ""),
        ("average", "impostor", "1.0", "combiner 'mean'"),
    ]
    assert done.stderr == ""


def test_version():
    assert run("--version").stdout.strip() == metadata.version("ensemblekit")


def test_an_error_is_one_line_and_exit_status_1(tmp_path):
    python, env = uninstalled(tmp_path)
    code = "from ensemblekit.cli import main; import sys; sys.argv = ['ensemblekit', 'plugins']; main()"
    done = subprocess.run([*python, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("ensemblekit: The entry points of ensemblekit must be installed")
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_an_unknown_command_is_refused():
    done = run("plugin")
    assert done.returncode == 2
    assert "No such command 'plugin'" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_command_shows_the_help():
    done = run()
    assert "plugins" in done.stdout + done.stderr
    assert "list rules, metrics and other plugins" in done.stdout + done.stderr


# check


@pytest.fixture
def honest(tmp_path):
    """A stranger whose combiner is right, and promises little."""
    code = COMBINER.format(name="first").replace("member_probas[0]", "member_probas[0].copy()")
    write_distribution(tmp_path, "honest", {"first": "honest_first"}, honest_first=code)
    return environment(tmp_path)


@pytest.mark.slow
def test_check_passes_a_right_combiner_and_fits_a_narrow_terminal(honest):
    lines = in_terminal("check", "first", width=80, env=honest)
    assert max(map(len, lines)) <= 80
    shown = [" ".join(line.split()) for line in lines if line.strip()]
    assert shown[0] == "combiner first"
    assert "valid_values the result is valid for the task passed" in shown
    assert "idempotent equal members give that member not promised" in shown
    assert "present members that lack a row have no say in it no present" in shown
    assert shown[-1] == "10 passed, 0 failed, 13 not promised or not checked."


@pytest.fixture
def liar(tmp_path):
    """A stranger whose combiner is none of what it promises."""
    lies = COMBINER.format(name="first").replace(
        "    def combine", "    traits = frozenset({'symmetric'})\n    def combine"
    )
    write_distribution(tmp_path, "liar", {"first": "liar_first"}, liar_first=lies)
    return environment(tmp_path)


@pytest.mark.slow
def test_check_fails_a_wrong_one_with_a_counter_example(liar):
    done = run("check", "first", env=liar)
    assert done.returncode == 1
    assert "first breaks the promise 'symmetric': the order of the members changes nothing." in done.stdout
    assert "    member_probas = np.array([" in done.stdout
    assert "first breaks the promise 'changes_nothing'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vting"], "No combiner is registered as 'vting'. Did you mean 'voting'"),
        (["voting", "--option", "kind"], "--option must be KEY=VALUE; received 'kind'."),
        (["voting", "--option", "sort=1"], "combiner 'voting' takes the options"),
        (
            ["voting", "--kind", "rule"],
            "--kind must be one of backbone, head, combiner, chainer, task, metric; received 'rule'.",
        ),
    ],
)
@pytest.mark.slow
def test_check_says_what_is_wrong_with_its_arguments(arguments, message):
    done = run("check", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_check_without_hypothesis_says_how_to_install_it():
    code = "import sys; sys.modules['hypothesis'] = None; sys.argv = ['ensemblekit', 'check', 'mean']\n"
    code += "from ensemblekit.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("ensemblekit: ensemblekit.testing needs hypothesis, which is not installed")
