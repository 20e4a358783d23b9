"""How the command-line programs of this folder start: options, errors of one line, exit codes."""

from __future__ import annotations

import sys

import typer

from ensemblekit import EnsembleKitError


def make_app() -> typer.Typer:
    """Make an application whose errors are not dressed up."""
    return typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)


def run_app(app: typer.Typer, name: str) -> None:
    """Run it. An error of the library is printed as one line, and the exit code is 1."""
    try:
        app()
    except EnsembleKitError as error:
        typer.echo(f"{name}: {error}", err=True)
        sys.exit(1)
