"""The command itself: its help, its version, and the one door through which every failure leaves it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
import warnings
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from ..errors import EnsembleKitError
from ..printed import one_line, printable
from ._streams import forget_output, is_reader_gone, open_streams

__all__ = ["FAILED", "LEAKS", "NO_READER", "STOPPED", "UNREADABLE", "WRONG_LINE", "app", "main"]

# Exit statuses; 0 is success. The last two are what a shell says of SIGINT and SIGPIPE.
FAILED, WRONG_LINE, LEAKS, UNREADABLE, STOPPED, NO_READER = 1, 2, 3, 4, 130, 141

TRACEBACK = "ENSEMBLEKIT_TRACEBACK"
"""Environment variable that shows where an error came from."""

app = typer.Typer(
    help="Combine the predictions of several models: aligned by name, or refused.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command and end with its exit status; whatever fails is one line on stderr."""
    open_streams()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C: what is half written is removed. What the caller has set, as nohup does, stays.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status = app(standalone_mode=False) or 0
        sys.stdout.flush()  # what a full disk refuses must be known before the status is
    except BaseException as error:
        status = _tell(error)
    forget_output()
    sys.exit(status)


def _tell(error: BaseException) -> int:
    """Tell an error in one line, and give the exit status that it ends with."""
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        if _frames(error)[-1].name == "on_broken_pipe":  # of rich, which has put another file in the place of stdout
            return NO_READER
        error = error.__context__  # typer has met one
    if isinstance(error, BrokenPipeError) and is_reader_gone():
        return NO_READER
    if isinstance(error, SystemExit) and _is_of_typer(error):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    if isinstance(error, typer.Abort) and error.__cause__ is not None:
        error = error.__cause__
    if os.environ.get(TRACEBACK) or "--traceback" in sys.argv[1:2]:
        _say(printable("".join(traceback.format_exception(error)).rstrip(), lines=True))
    status, line = _status_and_line(error)
    if line:
        _say(f"ensemblekit: {one_line(line)}")
    return status


def _status_and_line(error: BaseException) -> tuple[int, str]:
    if hasattr(error, "format_message"):  # of a class that typer does not show
        return WRONG_LINE, _about_command_line(error)
    match error:
        case KeyboardInterrupt() | typer.Abort():
            return STOPPED, ""
        case EnsembleKitError():
            return FAILED, str(error)
        case MemoryError():
            return FAILED, "there is not enough memory for this. Give less at a time, or make room."
        case UnicodeError():
            return FAILED, f"a name or a text is no UTF-8: {error}. Rename the file, or write the text as UTF-8."
        case OSError():
            return FAILED, _about_system(error)
        case _:
            return FAILED, (
                f"{_what_happened(error)}. This is a mistake in ensemblekit or in a plugin: please report it with the "
                "command line and what `ensemblekit --traceback ...` prints."
            )


def _about_command_line(error: BaseException) -> str:
    said = str(getattr(error, "format_message")())  # noqa: B009
    said += "" if said.endswith((".", "?")) else "."
    context = getattr(error, "ctx", None)
    return f"{said} See `{'ensemblekit' if context is None else context.command_path} --help`." if len(said) > 1 else ""


def _about_system(error: OSError) -> str:
    said = str(error.strerror or str(error) or type(error).__name__)
    names = [os.fsdecode(n) if isinstance(n, bytes) else str(n) for n in (error.filename, error.filename2) if n]
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    advice = " Make room, or write elsewhere." if full else ""
    return f"{said.rstrip('.')}{': ' if names else ''}{' -> '.join(map(repr, names))}.{advice}"


def _what_happened(error: BaseException) -> str:
    try:
        said = f": {error}" if str(error) else ""
    except Exception:  # an error of a stranger's that cannot be told
        said = ""
    frames = _frames(error)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{said}{place}"


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def _is_of_typer(error: SystemExit) -> bool:
    """Tell whether the end is that of a completion; no library may end the command."""
    frames = _frames(error)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(Path(typer.__file__).parent)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _say(f"ensemblekit: warning: {one_line(message)}")


def _say(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # where nobody hears, the status still tells
        typer.echo(line, err=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(metadata.version("ensemblekit"))
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction] - typer calls it
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    traceback: Annotated[
        bool, typer.Option("--traceback", help=f"Show where an error comes from; as {TRACEBACK}=1 does.")
    ] = False,
) -> None:
    pass
