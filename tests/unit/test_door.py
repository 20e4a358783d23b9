"""The door of the command: whatever is raised leaves it as one line, with a documented status."""

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from ensemblekit.cli import _app
from ensemblekit.errors import DataError, UnknownPluginError
from ensemblekit.predictions import Predictions

COMMAND = Path(sys.executable).parent / "ensemblekit"
SCREEN = "\x1b[2J\x1b]8;;http://evil.example\x07\u202e\x9b"


class Untellable(Exception):  # noqa: N818
    def __str__(self):
        raise RuntimeError("not even this")


RAISED = [
    (DataError(f"a name must be one; received {SCREEN}.\nAnother line."), 1, "a name must be one; received"),
    (UnknownPluginError("No combiner"), 1, "ensemblekit: No combiner\n"),
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 1, "No space left on device. Make room, or write elsewhere.\n"),
    (PermissionError(13, "Permission denied", f"a{SCREEN}"), 1, "Permission denied: "),
    (FileExistsError(17, "File exists", b"\xff", None, "b"), 1, "File exists: '\\udcff' -> 'b'.\n"),
    (OSError("Arrow says this"), 1, "ensemblekit: Arrow says this.\n"),
    (OSError(), 1, "ensemblekit: OSError.\n"),
    (TimeoutError(), 1, "ensemblekit: TimeoutError.\n"),
    (BrokenPipeError(32, "Broken pipe"), 1, "ensemblekit: Broken pipe.\n"),
    (UnicodeEncodeError("utf-8", "a\udcff", 1, 2, "surrogates not allowed"), 1, "is no UTF-8"),
    (MemoryError(), 1, "not enough memory"),
    (RecursionError("maximum recursion depth exceeded"), 1, "RecursionError: maximum recursion depth"),
    (KeyboardInterrupt(), 130, ""),
    (typer.Abort(), 130, ""),
    (EOFError("cut"), 1, "EOFError: cut"),
    (SystemExit(0), 1, "SystemExit: 0"),
    (SystemExit("a library's own end"), 1, "SystemExit: a library"),
    (ZeroDivisionError("x" * 100_000), 1, "please report it with the command line and what `ensemblekit --traceback"),
    (KeyError("k"), 1, "KeyError: 'k'"),
    (AssertionError(), 1, "AssertionError (test_door.py, line"),
    (ExceptionGroup("two", [ValueError(SCREEN), TypeError()]), 1, "ExceptionGroup: two"),
    (Untellable(), 1, "Untellable"),
    (GeneratorExit(), 1, "GeneratorExit"),
    (typer.BadParameter(f"bad {SCREEN}"), 2, "ensemblekit plugins --help`.\n"),
    (typer.Exit(4), 4, ""),
]


def leave(monkeypatch, capsys, error):
    """Let the real command raise it within one of its own commands."""

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("ensemblekit.registry.load_plugins", fail)
    monkeypatch.setattr(sys, "argv", ["ensemblekit", "plugins"])
    with pytest.raises(SystemExit) as ended:
        _app.main()
    return ended.value.code, capsys.readouterr().err


@pytest.mark.parametrize(("error", "status", "said"), RAISED, ids=lambda value: type(value).__name__)
def test_whatever_is_raised_is_one_line_and_a_status(monkeypatch, capsys, error, status, said):
    code, err = leave(monkeypatch, capsys, error)
    assert code == status
    assert said in err
    assert len(err) < 5000
    assert "\x1b" not in err
    assert "Traceback" not in err
    assert not set(SCREEN) & set("\x07\x9b\u202e") & set(err)
    lines = err.strip("\n").split("\n") if err.strip("\n") else []
    assert len(lines) == (said != ""), err
    assert all(line.startswith("ensemblekit: ") for line in lines)


PRESSED = """
import builtins
real = builtins.__import__
def pressed(name, *args, **kwargs):
    if name == "typer":
        raise KeyboardInterrupt
    return real(name, *args, **kwargs)
builtins.__import__ = pressed
from ensemblekit.cli import main
main()
"""


def test_ctrl_c_while_the_command_is_imported_is_no_traceback():
    done = subprocess.run([sys.executable, "-c", PRESSED], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_traceback_is_there_for_who_asks_and_holds_no_code(monkeypatch, capsys):
    monkeypatch.setenv("ENSEMBLEKIT_TRACEBACK", "1")
    _, err = leave(monkeypatch, capsys, ValueError(SCREEN))
    assert "Traceback (most recent call last)" in err
    assert "\x1b" not in err


def test_a_warning_is_one_line(monkeypatch, capsys):
    def warn():
        import warnings

        warnings.simplefilter("always")
        warnings.warn(f"careful {SCREEN}\nnow", UserWarning, stacklevel=1)
        raise DataError("x")

    monkeypatch.setattr("ensemblekit.registry.load_plugins", warn)
    monkeypatch.setattr(sys, "argv", ["ensemblekit", "plugins"])
    with pytest.raises(SystemExit):
        _app.main()
    assert re.fullmatch(r"ensemblekit: warning: careful \S+ now\nensemblekit: x\n", capsys.readouterr().err)


@pytest.fixture
def table(tmp_path):
    Predictions([[0.5, 0.5]] * 20_000, ids=range(20_000), classes=["cat", "dog"], member="m").save(tmp_path / "a.npz")
    return tmp_path / "a.npz"


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.slow
def test_stdout_gets_every_byte_however_small_the_parts_are(table, unbuffered):
    # A pipe of one page that is read slowly takes a part of each write.
    reader, writer = os.pipe()
    os.set_blocking(writer, True)
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with subprocess.Popen([COMMAND, "combine", table, "-o", "-"], stdout=writer, env=env) as process:
        os.close(writer)
        with os.fdopen(reader, "rb", buffering=0) as out:
            read = b"".join(iter(lambda: out.read(997), b""))
    assert process.returncode == 0
    assert read.endswith(b"\n")
    assert len(read.splitlines()) == 20_001


TAKES_A_PART = """
import io, sys
from ensemblekit.cli import main
class Raw(io.RawIOBase):
    got = b""
    def writable(self): return True
    def write(self, data):
        part = bytes(data[:7]); Raw.got += part; return len(part)
sys.stdout = io.TextIOWrapper(Raw(), encoding="utf-8", write_through=True)
sys.argv = ["ensemblekit", "plugins", "--json"]
try:
    main()
finally:
    sys.stderr.write(Raw.got.decode())
"""


@pytest.mark.slow
def test_a_stream_that_takes_a_part_of_each_write_gets_the_rest():
    done = subprocess.run([sys.executable, "-c", TAKES_A_PART], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr == subprocess.run([COMMAND, "plugins", "--json"], capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("arguments", "unbuffered"), [(["plugins"], "1"), (["plugins", "--json"], "1"), (["--version"], "")]
)
@pytest.mark.slow
def test_stdout_that_cannot_be_written_is_told(arguments, unbuffered):
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    for redirected, said in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        script = f'"$0" "$@" {redirected}'
        done = subprocess.run(["bash", "-c", script, COMMAND, *arguments], env=env, capture_output=True, text=True)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert said in done.stderr


@pytest.mark.parametrize(("arguments", "unbuffered"), [("plugins", ""), ("plugins --json", "1"), ("--help", "")])
@pytest.mark.slow
def test_a_reader_that_has_gone_is_no_error_of_ours(arguments, unbuffered):
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    script = f'"{COMMAND}" {arguments} | true; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{128 + signal.SIGPIPE}\n", "")


@pytest.mark.slow
def test_a_name_that_is_no_utf8_is_shown_in_any_locale(tmp_path):
    for locale in ("C", "C.UTF-8"):
        env = {**os.environ, "LC_ALL": locale, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run([COMMAND, "evaluate", b"a\xff\x1b[2J.csv"], env=env, capture_output=True, cwd=tmp_path)
        assert done.returncode == 1
        assert b"\x1b" not in done.stderr
        assert done.stderr.count(b"\n") == 1
        assert rb"a\udcff\x1b[2J.csv" in done.stderr
