"""``ensemblekit cache``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FolderNotFoundError
from ..printed import as_text, printable
from ._app import app
from ._screen import age_of, make_console, make_table, print_json, size_of

if TYPE_CHECKING:
    from rich.table import Table

    from ..features import FeatureBank, ShelfInfo


@app.command()
def cache(
    folder: Annotated[
        Path | None, typer.Option(help="Another feature bank than that of the user's cache folder.", show_default=False)
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove all that is kept, without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show the feature bank: what is kept, how much of it, and when it was last used; or clear it."""
    from ..features import FeatureBank

    if folder is not None and not folder.exists():
        raise FolderNotFoundError(f"--folder must be the folder of a feature bank; nothing is at {str(folder)!r}.")
    bank = FeatureBank(folder)
    shelves = bank.shelves()
    if clear:
        freed = bank.clear()
        removed = sum(not shelf.folder.exists() for shelf in shelves)
        left = [shelf.folder.name for shelf in shelves if shelf.folder.exists()]
        not_its_own = [name for name in bank.others() if name not in left]
        record = {
            "folder": str(bank.folder),
            "shelves_removed": removed,
            "bytes_freed": freed,
            "in_use": left,
            "not_its_own": not_its_own,
        }
        if as_json:
            print_json(record)
            return
        lines = [f"{removed} of {len(shelves)} shelves removed, {size_of(freed)} freed in {bank.folder}."]
        for names, why in ((left, "Left, in use or with other files in it"), (not_its_own, "Left, not its own")):
            if names:
                lines.append(f"{why}: {', '.join(map(repr, names))}.")
        for line in lines:
            typer.echo(printable(line))
        return
    if as_json:
        print_json(_record(bank, shelves))
        return
    console = make_console()
    console.print(as_text(f"Feature bank {bank.folder}"), soft_wrap=True)
    if shelves:
        console.print(_shelves_table(shelves))
    total = size_of(sum(shelf.n_bytes for shelf in shelves))
    console.print(f"{total if shelves else 'Empty'}, of at most {size_of(bank.max_bytes)}.", highlight=False)


def _record(bank: FeatureBank, shelves: list[ShelfInfo]) -> dict[str, Any]:
    return {
        "folder": str(bank.folder),
        "n_bytes": sum(shelf.n_bytes for shelf in shelves),
        "max_bytes": bank.max_bytes,
        "shelves": [
            {
                "backbone": shelf.backbone,
                "fingerprint": shelf.fingerprint,
                "input_shape": list(shelf.input_shape),
                "precision": shelf.precision,
                "augmentation": shelf.augmentation,
                "rows": shelf.rows,
                "columns": shelf.columns,
                "n_bytes": shelf.n_bytes,
                "last_used": shelf.last_used,
                "folder": shelf.folder.name,
            }
            for shelf in shelves
        ],
    }


def _shelves_table(shelves: list[ShelfInfo]) -> Table:
    from rich.text import Text

    table = make_table("")
    table.add_column("Backbone and views", overflow="fold", ratio=1)
    table.add_column("Pixels", no_wrap=True)
    table.add_column("Rows", no_wrap=True, justify="right")
    table.add_column("Size", no_wrap=True, justify="right")
    table.add_column("Last used", no_wrap=True)
    for shelf in shelves:
        precision = "" if shelf.precision in ("", "float32") else f" {shelf.precision}"
        table.add_row(
            Text.assemble(
                as_text(shelf.backbone, style="bold"),
                as_text(f" {shelf.fingerprint[:8]}{precision}"),
                "\n",
                as_text(shelf.augmentation or "the images as they are", style="dim"),
            ),
            " x ".join(map(str, shelf.input_shape[:2])),
            str(shelf.rows),
            size_of(shelf.n_bytes),
            age_of(time.time() - shelf.last_used),
        )
    return table
