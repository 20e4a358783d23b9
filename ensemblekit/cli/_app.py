"""The command itself: its help, its version, and how an error ends it."""

from __future__ import annotations

import errno
import os
import signal
import sys
from importlib import metadata
from typing import Annotated

import typer

from ..errors import EnsembleKitError

__all__ = ["FAILED", "LEAKS", "STOPPED", "UNREADABLE", "app", "main"]

# Exit statuses; 0 is success, 2 a wrong command line.
FAILED, LEAKS, UNREADABLE, STOPPED = 1, 3, 4, 130

app = typer.Typer(
    help="Combine the predictions of several models: aligned by name, or refused.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command; an error of ours, or of a file, is one line and exit status 1."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As Ctrl-C: what is half written is removed. What the caller has set, as nohup does, stays.
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        app()
    except EnsembleKitError as error:
        typer.echo(f"ensemblekit: {error}", err=True)
        sys.exit(FAILED)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and error.filename is None:
            typer.echo(f"ensemblekit: {os.strerror(error.errno)}. Make room, or write elsewhere.", err=True)
        elif error.filename is None:
            raise
        else:
            typer.echo(f"ensemblekit: {error.strerror}: {str(error.filename)!r}.", err=True)
        sys.exit(FAILED)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(metadata.version("ensemblekit"))
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction] - typer calls it
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass
