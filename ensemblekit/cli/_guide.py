"""``ensemblekit guide``."""

from __future__ import annotations

from importlib import resources

import typer

from ._app import app


@app.command()
def guide() -> None:
    """Print a short guide for programs that write code: the calls that matter, and what is refused."""
    typer.echo(resources.files("ensemblekit").joinpath("llms.txt").read_text(encoding="utf-8"), nl=False)
