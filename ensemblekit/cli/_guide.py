"""``ensemblekit guide``."""

from __future__ import annotations

import typer

from ._commands import command


@command(("Give it to a program that writes code", "ensemblekit guide > guide.txt"))
def guide() -> None:
    """Print a short guide for programs that write code: the calls that matter, and what is refused."""
    from importlib import resources

    typer.echo(resources.files("ensemblekit").joinpath("llms.txt").read_text(encoding="utf-8"), nl=False)
