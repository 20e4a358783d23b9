"""Print an audit of images on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..arguments import typed
from ..printed import as_text, printable

if TYPE_CHECKING:
    from rich.console import Console

    from ..data import Audit

__all__ = ["print_audit"]


@typed()
def print_audit(audit: Audit, *, console: Console, limit: int = 10) -> None:
    """Print an audit: its summary, the number of images per class and split, and the first findings of each kind.

    Parameters
    ----------
    audit : Audit
        Result of `ensemblekit.audit_images`.
    console : rich.console.Console
        Where it is printed.
    limit : int, default=10
        Maximal number of findings of each kind.
    """
    from rich.table import Table

    console.print(as_text(f"Audit of {audit.folder}", style="bold"))
    sentences = Table.grid(padding=(0, 1))
    sentences.add_column()
    sentences.add_column(overflow="fold")
    for sentence in audit.summary:
        sentences.add_row("-", as_text(sentence))
    console.print(sentences)
    console.print()
    _print_counts(audit, console)
    _print_sizes(audit, console)
    kinds: list[tuple[str, str, list[tuple[str, list[str]]]]] = [
        ("No readable image", "Why", [(reason, [name]) for name, reason in audit.unreadable.items()]),
        ("Equal pixels, more than one class", "Images", [(str(len(ids)), ids) for ids in audit.label_conflicts]),
        ("Equal pixels in more than one split", "Images", [(str(len(ids)), ids) for ids in audit.cross_split_groups]),
        (
            "Near copies",
            "Bits, correlation",
            [
                (f"{pair['distance']}, {pair['correlation']:.4f}", [pair["first"], pair["second"]])
                for pair in audit.near_pairs.to_dict("records")
            ],
        ),
    ]
    for title, heading, findings in kinds:
        if findings:
            _print_findings(title, heading, findings, console, limit)


def _table(title: str) -> Any:
    from rich import box
    from rich.table import Table

    return Table(
        box=box.SIMPLE_HEAD,
        title=title,
        title_justify="left",
        title_style="bold",
        show_edge=False,
        pad_edge=False,
        min_width=len(title),
    )


def _print_counts(audit: Audit, console: Console) -> None:
    table = _table("Images by class and split")
    table.add_column("Class", overflow="fold")
    for split in audit.splits:
        table.add_column(as_text(split), justify="right", overflow="fold")
    labels = list(dict.fromkeys(label for counts in audit.counts.values() for label in counts))
    for label in sorted(labels, key=lambda name: (name == "", name)):
        figures = [str(audit.counts[split].get(label, 0)) for split in audit.splits]
        table.add_row(as_text(label or "(in no class folder)"), *figures)
    table.add_section()
    table.add_row("all", *(str(sum(audit.counts[split].values())) for split in audit.splits))
    ratios = [audit.imbalance[split] for split in audit.splits]
    table.add_row("largest / smallest", *("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios))
    console.print(table)
    console.print()


def _print_sizes(audit: Audit, console: Console) -> None:
    record = audit.to_dict()
    kinds = ", ".join(f"{n} {kind}" for key in ("formats", "modes") for kind, n in record[key].items())
    if not kinds:
        return
    height, width = audit.sizes["height"], audit.sizes["width"]
    console.print(
        as_text(
            f"Formats and modes: {kinds}. {audit.sizes['n_distinct']} sizes, {height['min']} to {height['max']} pixels "
            f"high, {width['min']} to {width['max']} wide."
        )
    )
    console.print()


def _print_findings(
    title: str, heading: str, findings: list[tuple[str, list[str]]], console: Console, limit: int
) -> None:
    table = _table(f"{title}: {len(findings)}")
    table.add_column(heading, overflow="fold")
    table.add_column("Which", overflow="fold", ratio=1)
    for what, ids in findings[:limit]:
        listed = ids if len(ids) <= limit else [*ids[:limit], f"and {len(ids) - limit} more"]
        table.add_row(as_text(what), as_text("\n".join(map(printable, listed)), lines=True))
    console.print(table)
    if len(findings) > limit:
        console.print(as_text(f"and {len(findings) - limit} more; --limit shows more, and --json all."))
    console.print()
