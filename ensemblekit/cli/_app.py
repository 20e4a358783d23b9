"""The Typer app; it also turns errors into a line on stderr and an exit status."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
import warnings
from pathlib import Path
from typing import Annotated

import typer

from ..errors import EnsembleKitError
from ..printed import one_line, printable
from ._commands import last_run, make_command
from ._help import Command, Group
from ._streams import close_output, is_reader_gone, open_streams

__all__ = [
    "FAILED", "LEAKS", "NO_READER", "STOPPED", "UNREADABLE", "WRONG_LINE", "app", "main",
]  # fmt: skip

# Exit statuses; 0 is success. The last two are those of a shell for SIGINT and SIGPIPE.
FAILED, WRONG_LINE, LEAKS, UNREADABLE, STOPPED, NO_READER = 1, 2, 3, 4, 130, 141

TRACEBACK = "ENSEMBLEKIT_TRACEBACK"
"""Environment variable that adds the traceback to an error."""

# Typer's own help draws boxes with rich, which takes longer to import than most commands run.
app = typer.Typer(
    cls=Group,
    help="Combine the predictions of several models: aligned by name, or refused.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command and exit with its status; any failure is one line on stderr."""
    open_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Temporary files are removed, as after Ctrl-C. A handler that the caller has set, as nohup does, is kept.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status = app(standalone_mode=False) or 0
        sys.stdout.flush()  # a full disk must change the exit status
    except BaseException as error:
        status = _report(error)
    close_output()
    sys.exit(status)


def _report(error: BaseException) -> int:
    """Print an error in one line and return the exit status."""
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        if _frames(error)[-1].name == "on_broken_pipe":  # rich has replaced stdout
            return NO_READER
        error = error.__context__  # typer has caught it
    if isinstance(error, BrokenPipeError) and is_reader_gone():
        return NO_READER
    if isinstance(error, SystemExit) and _comes_from_typer(error):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, typer.Abort) and error.__cause__ is not None:
        error = error.__cause__
    if os.environ.get(TRACEBACK) or "--traceback" in sys.argv[1:2]:
        _print_error(printable("".join(traceback.format_exception(error)).rstrip(), lines=True))
    status, line = _status_and_line(error)
    if line:
        _print_error(f"ensemblekit: {one_line(line)}")
    return status


def _status_and_line(error: BaseException) -> tuple[int, str]:
    if hasattr(error, "format_message"):  # an error of click that typer does not show
        return WRONG_LINE, _usage_line(error)
    match error:
        case KeyboardInterrupt() | typer.Abort():
            return STOPPED, ""
        case EnsembleKitError():
            return FAILED, _in_words_of_the_command(str(error))
        case MemoryError():
            return FAILED, "there is not enough memory for this. Give less at a time, or make room."
        case UnicodeError():
            return FAILED, f"a name or a text is no UTF-8: {error}. Rename the file, or write the text as UTF-8."
        case OSError():
            return FAILED, _system_line(error)
        case _:
            return FAILED, (
                f"{_unexpected_line(error)}. This is a mistake in ensemblekit or in a plugin: please report it with "
                "the command line and what `ensemblekit --traceback ...` prints."
            )


def _in_words_of_the_command(text: str) -> str:
    from ._remedies import as_command

    if (name := last_run()) is None:
        return text
    made = make_command(name, Command)
    return as_command(text, {str(one.name): one for one in made.params})


def _usage_line(error: BaseException) -> str:
    message = str(getattr(error, "format_message")())  # noqa: B009
    if not message:
        return ""
    context = getattr(error, "ctx", None)
    command = "ensemblekit" if context is None else context.command_path
    return f"{message}{'' if message.endswith(('.', '?')) else '.'} See `{command} --help`."


def _system_line(error: OSError) -> str:
    message = str(error.strerror or str(error) or type(error).__name__)
    names = [os.fsdecode(n) if isinstance(n, bytes) else str(n) for n in (error.filename, error.filename2) if n]
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    advice = " Make room, or write elsewhere." if full else ""
    return f"{message.rstrip('.')}{': ' if names else ''}{' -> '.join(map(repr, names))}.{advice}"


def _unexpected_line(error: BaseException) -> str:
    try:
        message = f": {error}" if str(error) else ""
    except Exception:  # the __str__ of a plugin's error may fail
        message = ""
    frames = _frames(error)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{message}{place}"


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def _comes_from_typer(error: SystemExit) -> bool:
    """Tell whether typer raised this SystemExit, as it does after a completion; other libraries must not exit."""
    frames = _frames(error)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(Path(typer.__file__).parent)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _print_error(f"ensemblekit: warning: {one_line(_in_words_of_the_command(str(message)))}")


def _print_error(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # stderr may be closed; the exit status still shows the error
        typer.echo(line, err=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(metadata.version("ensemblekit"))
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction] - typer calls it
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help=f"Print the traceback of an error, as {TRACEBACK}=1 does.")
    ] = False,
) -> None:
    pass
