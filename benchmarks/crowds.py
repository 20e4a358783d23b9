"""The rules for crowds against crowd-kit's, on simulated crowds of five kinds whose true labels are known.

``python benchmarks/crowds.py`` takes about a minute of processor time. Two tables are printed: how often each rule is
right, here and in crowd-kit, on crowds of five kinds, and what larger crowds take, both in one run. Whole rows are
compared: the same votes, the same items, and each library's own default options.

More crowds of each kind (``--repeats 40``) make the standard errors smaller. With ``--keep FILE.jsonl`` what crowd-kit
had right is kept, and a second call goes on from there. ``--others 300`` adds crowds of other kinds, sizes, numbers of
classes and votes, drawn at random. ``--page`` writes the first table into ``docs/crowds.md``: the one that is there is
of ``--repeats 15 --no-sizes --page``.
"""

from __future__ import annotations

import json
import sys
import time
import tracemalloc
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.crowd_kinds import KINDS, Drawn, draw, draw_any
from ensemblekit import Votes
from ensemblekit.crowd import aggregate_votes
from ensemblekit.report import print_table

Table = pd.DataFrame


@dataclass(frozen=True)
class Peer:
    """A rule of crowd-kit, and the name of ours.

    Of larger crowds crowd-kit's time is measured where ``timed``, and ours with ``large``. The first table is made of
    ``dear`` times fewer crowds.
    """

    rule: str
    name: str
    options: Mapping[str, Any] = ()  # pyright: ignore[reportAssignmentType] - a mapping or nothing
    timed: bool = True
    dear: int = 1
    large: bool = True
    n_classes: int = 4

    def run(self, table: Table) -> pd.Series:
        """Label the items of a table with the columns task, worker and label."""
        from crowdkit import aggregation
        from crowdkit.aggregation.classification import wawa, zero_based_skill

        # Its check that a rule is fitted calls scikit-learn as it was before 1.6.
        wawa.check_is_fitted = zero_based_skill.check_is_fitted = lambda *_, **__: None  # pyright: ignore[reportAttributeAccessIssue]
        return getattr(aggregation, self.name)(**dict(self.options)).fit_predict(table)


PEERS = [
    Peer("majority", "MajorityVote"),
    Peer("dawid_skene", "DawidSkene"),
    Peer("one_coin", "OneCoinDawidSkene", timed=False, dear=2),  # a Python call an entry of the confusion matrices
    Peer("wawa", "Wawa"),
    Peer("zero_based_skill", "ZeroBasedSkill", timed=False, dear=2),
    Peer("glad", "GLAD", timed=False, dear=5, large=False),
    Peer("mace", "MACE", {"n_restarts": 1}, timed=False, dear=2),  # all of its restarts begin at the same point
    Peer("kos", "KOS", timed=False, n_classes=2),
]
"""Each rule that both have. Add to it what is new."""


def share_right(predicted: pd.Series, truth: pd.Series) -> float:
    """Compute the share of the items that have their true label."""
    return float((predicted.reindex(truth.index) == truth).mean())


def ours(table: Table, rule: str, **options: Any) -> pd.Series:
    """Label the items of a table by a rule of ours; reading the table is part of it."""
    found = aggregate_votes(Votes(table), rule, **options).predictions
    return pd.Series(found.predicted, index=found.ids)


class Kept:
    """What crowd-kit had right in crowds that were drawn before; ours is computed anew."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        self._known = {(r["rule"], r["crowd"]): r["right"] for r in map(json.loads, lines)}

    def right(self, peer: Peer, crowd: str, drawn: Drawn) -> float:
        """Look up, or compute and keep, the share that crowd-kit has right."""
        if (peer.rule, crowd) not in self._known:
            self._known[peer.rule, crowd] = right = share_right(peer.run(drawn.table), drawn.truth)
            if self.path is not None:
                with self.path.open("a") as file:
                    file.write(json.dumps({"rule": peer.rule, "crowd": crowd, "right": right}) + "\n")
        return self._known[peer.rule, crowd]


def crowds_of(peer: Peer, repeats: int, others: int, mixed: bool) -> Iterator[tuple[str, str, Drawn]]:
    """Draw the crowds that a rule is compared on: kind, name and votes."""
    for kind in KINDS:
        for seed in range(repeats):
            name = f"{kind} {seed} {peer.n_classes}{' mixed' if mixed else ''}"
            yield kind, name, draw(kind, seed, k=peer.n_classes, mixed=mixed)
    for seed in range(others):
        kind, drawn = draw_any(seed)
        if drawn.table["label"].nunique() <= (2 if peer.n_classes == 2 else 99):
            yield f"other: {kind}", f"other {seed}", drawn


def accuracies(
    repeats: int, peers: Iterable[Peer], *, whole: bool = False, others: int = 0, mixed: bool = False,
    keep: Path | None = None,
) -> Table:  # fmt: skip
    """Compare each rule on crowds of each kind: a row a kind and rule, with the means over the crowds."""
    kept, rows = Kept(keep), []
    for peer in peers:
        n = repeats if whole else max(1, repeats // peer.dear)
        for kind, name, drawn in crowds_of(peer, n, others, mixed):
            one = share_right(ours(drawn.table, peer.rule), drawn.truth)
            rows.append({"kind": kind, "rule": peer.rule, "ours": one, "crowd-kit": kept.right(peer, name, drawn)})
    table = pd.DataFrame(rows)
    table["difference"] = table["ours"] - table["crowd-kit"]
    grouped = table.groupby(["kind", "rule"], sort=False)
    means = grouped[["ours", "crowd-kit", "difference"]].mean()
    means["standard error"] = grouped["difference"].sem()
    found = means.assign(crowds=grouped.size()).reset_index()
    order = {kind: place for place, kind in enumerate(found["kind"].drop_duplicates())}
    return found.sort_values("kind", key=lambda kind: kind.map(order), kind="stable", ignore_index=True)


SIZES = {"25,000 answers, 176 raters": (5000, 176, 5), "1,000,000 answers, 1,300 raters": (200_000, 1300, 5)}
PEERS_UP_TO = 100_000
"""Answers beyond which crowd-kit takes minutes."""


def costs(peers: Iterable[Peer]) -> Table:
    """Measure seconds, and megabytes of a second call, from the table to the labels."""
    rows: list[dict[str, Any]] = []
    for name, (n_items, n_raters, per_item) in SIZES.items():
        for peer in peers:
            table, truth = draw("confused", 0, n_items=n_items, n_raters=n_raters, per_item=per_item, k=peer.n_classes)
            if len(table) > PEERS_UP_TO and not peer.large:
                continue
            row: dict[str, Any] = {"crowd": name, "rule": peer.rule}
            for who, label in {"ours": lambda t, rule=peer.rule: ours(t, rule), "crowd-kit": peer.run}.items():
                if who == "crowd-kit" and (not peer.timed or len(table) > PEERS_UP_TO):
                    continue
                start = time.perf_counter()
                found = label(table)
                row |= {f"{who}, s": time.perf_counter() - start, f"{who}, right": share_right(found, truth)}
                if who == "ours":
                    tracemalloc.start()
                    label(table)
                    row["ours, MB"] = tracemalloc.get_traced_memory()[1] / 1e6
                    tracemalloc.stop()
            rows.append(row)
    return pd.DataFrame(rows)


BEGIN, END = "<!-- from benchmarks/crowds.py -->", "<!-- to here -->"


def as_page(table: Table) -> str:
    """Write the table of a page: a row a rule, a column a kind, ours less crowd-kit's in percentage points."""
    kinds = table["kind"].drop_duplicates()
    lines = [f"| rule | crowds | {' | '.join(kinds)} |", f"|---|---|{'---|' * len(kinds)}"]
    for rule, rows in table.groupby("rule", sort=False):
        cells = [
            f"{100 * row['difference']:+.2f} ({100 * row['standard error']:.2f})".replace(" (nan)", "")
            for _, row in rows.set_index("kind").loc[kinds].iterrows()
        ]
        lines.append(f"| `{rule}` | {rows['crowds'].iloc[0]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def into_page(text: str, table: Table) -> str:
    """Put the table between the marks of a page."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n\n{as_page(table)}\n\n{END}{rest.split(END)[1]}"


def main(
    repeats: Annotated[int, typer.Option(help="Crowds of each kind; of rules that take crowd-kit long, fewer.")] = 5,
    whole: Annotated[bool, typer.Option(help="As many crowds for each rule.")] = False,
    others: Annotated[int, typer.Option(help="Crowds of other kinds and sizes, drawn at random.")] = 0,
    mixed: Annotated[
        bool, typer.Option(help="Shuffle the names of the classes: the first is not the most common.")
    ] = False,
    rules: Annotated[str, typer.Option(help="Rules, with commas; by default all that both have.")] = "",
    sizes: Annotated[bool, typer.Option(help="Measure larger crowds too.")] = True,
    keep: Annotated[Path | None, typer.Option(help="File of what crowd-kit had right; a second call goes on.")] = None,
    page: Annotated[bool, typer.Option(help="Write the table into docs/crowds.md.")] = False,
) -> None:
    """Print how often each rule is right, and what it takes."""
    warnings.simplefilter("ignore")  # crowd-kit calls pandas as it was
    wanted = [peer for peer in PEERS if not rules or peer.rule in rules.split(",")]
    console = Console(width=160)
    found = accuracies(repeats, wanted, whole=whole, others=others, mixed=mixed, keep=keep)
    print_table(found, title="Share of right labels, means over crowds", console=console)
    if page:
        path = Path(__file__).resolve().parent.parent / "docs" / "crowds.md"
        path.write_text(into_page(path.read_text(), found))
    if sizes:
        print_table(costs(wanted), title="Larger crowds", console=console)


if __name__ == "__main__":
    typer.run(main)
