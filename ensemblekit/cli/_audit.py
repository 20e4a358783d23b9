"""``ensemblekit audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..printed import printable
from ._app import LEAKS
from ._arguments import Overwrite, check_output, pairs_of
from ._commands import command
from ._image_options import takes_image_options
from ._screen import make_console, print_json, show_progress, takes_plain


@command(
    ("What is wrong with the images of a folder", "ensemblekit audit photos"),
    ("A page that shows each copy beside its twin", "ensemblekit audit photos --html audit.html"),
    ("In a test: fail if an image is in two splits", "ensemblekit audit photos --fail-on-leaks"),
)
@takes_plain
@takes_image_options
def audit(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Contains one folder per split (train, valid, test, ...) with one folder per class; or class folders.",
            metavar="FOLDER",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Also write a page with the copies side by side: .html.", metavar="FILE"),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            help="Largest number of findings of each kind that are shown. Default: 10, and 60 in a page.",
            metavar="NUMBER",
        ),
    ] = None,
    overwrite: Overwrite = False,
    fail_on_leaks: Annotated[
        bool,
        typer.Option(
            "--fail-on-leaks", help=f"Exit status {LEAKS} if an image has the pixels of one in an earlier split."
        ),
    ] = False,
    alias: Annotated[
        list[str] | None,
        typer.Option(help="Common name of a class folder, OLD=NEW; as often as needed.", metavar="OLD=NEW"),
    ] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="A split folder, the earliest first; as often as needed. Default: recognised by name.", metavar="NAME"
        ),
    ] = None,
    max_distance: Annotated[
        int,
        typer.Option(
            help="Largest distance of the perceptual hashes of near copies, in bits of 255.", metavar="NUMBER"
        ),
    ] = 32,
    min_correlation: Annotated[
        float, typer.Option(help="Smallest correlation of the thumbnails of near copies.", metavar="NUMBER")
    ] = 0.99,
    *,
    reader: Any,
) -> None:
    """Search a folder of images for copies, leaks between splits, conflicting labels and unreadable files."""
    from ..arguments import check_count
    from ..data import audit_images
    from ..report import print_audit, write_audit

    aliases = pairs_of("--alias", alias)
    shown_most: dict[str, Any] = {} if limit is None else {"limit": limit}
    if limit is not None:
        check_count("limit", limit)
    if html is not None:
        check_output(html, overwrite=overwrite, suffixes=(".html",))
    with show_progress("Reading images") as shown:
        audited = audit_images(
            folder,
            splits=split or None,
            aliases=aliases,
            max_distance=max_distance,
            min_correlation=min_correlation,
            progress=shown.update,
            reader=reader,
        )
    if html is not None:
        write_audit(html, audited, **shown_most)
    if as_json:
        print_json(audited.to_dict(), sort_keys=True)
    else:
        print_audit(audited, console=make_console(), **shown_most)
        if html is not None:
            typer.echo(f"Written to {printable(html)}: the copies side by side.")
    if fail_on_leaks and any(audited.leaked.values()):
        raise typer.Exit(LEAKS)
