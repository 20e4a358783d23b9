"""``ensemblekit cache``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import FolderNotFoundError
from ..printed import as_text, printable
from ._commands import command
from ._screen import age_of, make_console, make_table, print_json, size_of, takes_plain

if TYPE_CHECKING:
    from rich.table import Table

    from ..features import CollectionInfo, FeatureBank


@command(("What is kept", "ensemblekit cache"), ("Remove it", "ensemblekit cache --clear"))
@takes_plain
def cache(
    folder: Annotated[
        Path | None,
        typer.Option(help="Another feature bank than that of the user's cache folder.", metavar="FOLDER"),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove everything, without confirmation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show the entries of the feature bank, their sizes and last uses; or clear it."""
    from ..features import FeatureBank

    if folder is not None and not folder.exists():
        raise FolderNotFoundError(f"--folder must be the folder of a feature bank; nothing is at {str(folder)!r}.")
    bank = FeatureBank(folder)
    collections = bank.collections()
    if clear:
        freed = bank.clear()
        removed = sum(not collection.folder.exists() for collection in collections)
        left = [collection.folder.name for collection in collections if collection.folder.exists()]
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
        lines = [f"{removed} of {len(collections)} collections removed, {size_of(freed)} freed in {bank.folder}."]
        for names, why in ((left, "Left, in use or with other files in it"), (not_its_own, "Left, not its own")):
            if names:
                lines.append(f"{why}: {', '.join(map(repr, names))}.")
        for line in lines:
            typer.echo(printable(line))
        return
    if as_json:
        print_json(_record(bank, collections))
        return
    console = make_console()
    console.print(as_text(f"Feature bank {bank.folder}"), soft_wrap=True)
    if collections:
        console.print(_collections_table(collections))
    total = size_of(sum(collection.n_bytes for collection in collections))
    console.print(f"{total if collections else 'Empty'}, of at most {size_of(bank.max_bytes)}.", highlight=False)


def _record(bank: FeatureBank, collections: list[CollectionInfo]) -> dict[str, Any]:
    return {
        "folder": str(bank.folder),
        "n_bytes": sum(collection.n_bytes for collection in collections),
        "max_bytes": bank.max_bytes,
        "shelves": [
            {
                "backbone": collection.backbone,
                "fingerprint": collection.fingerprint,
                "input_shape": list(collection.input_shape),
                "precision": collection.precision,
                "augmentation": collection.augmentation,
                "rows": collection.rows,
                "columns": collection.columns,
                "n_bytes": collection.n_bytes,
                "last_used": collection.last_used,
                "folder": collection.folder.name,
            }
            for collection in collections
        ],
    }


def _collections_table(collections: list[CollectionInfo]) -> Table:
    from rich.text import Text

    table = make_table("")
    table.add_column("Backbone and views", overflow="fold", ratio=1)
    table.add_column("Pixels", no_wrap=True)
    table.add_column("Rows", no_wrap=True, justify="right")
    table.add_column("Size", no_wrap=True, justify="right")
    table.add_column("Last used", no_wrap=True)
    for collection in collections:
        precision = "" if collection.precision in ("", "float32") else f" {collection.precision}"
        table.add_row(
            Text.assemble(
                as_text(collection.backbone, style="bold"),
                as_text(f" {collection.fingerprint[:8]}{precision}"),
                "\n",
                as_text(collection.augmentation or "the images as they are", style="dim"),
            ),
            " x ".join(map(str, collection.input_shape[:2])),
            str(collection.rows),
            size_of(collection.n_bytes),
            age_of(time.time() - collection.last_used),
        )
    return table
