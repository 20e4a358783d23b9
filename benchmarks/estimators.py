"""The speed of `EnsembleClassifier` and `EnsembleRegressor`, beside scikit-learn's voting and stacking.

``python benchmarks/estimators.py`` takes about two minutes. Both sides have the same members and the same final
estimator, and are called in turn; the table shows the medians of both, and of the ratios of each pair: of the time by
the clock, and of the processor, which other programs change less and which decides. BLAS and OpenMP have one thread on
both sides: with more, whoever finds a core free is faster, and most calls here are too short for a second one.
"""

from __future__ import annotations

import functools
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.console import Console
from sklearn.datasets import make_classification, make_regression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ensemblekit import EnsembleClassifier, EnsembleRegressor
from ensemblekit.report import print_table

LIMIT = 1.1
FEWEST = 500
"""Rows that can be fitted; fewer are predicted by what so many have fitted."""
SHORTEST = 0.002
"""Seconds: a quicker call is repeated between two readings of the clock."""
SLOW = 0.3
FEW_CALLS = 64
Call = Callable[[], Any]
Times = tuple[float, float]
"""Seconds of a call: by the clock, and of the processor."""


def main(
    rows: Annotated[str, typer.Option(help="Numbers of rows, with commas between.")] = "1,2000,200000",
    seconds: Annotated[float, typer.Option(help="How long a pair is repeated, at least three times.", min=0.0)] = 1.0,
    only: Annotated[str, typer.Option(help="Measure only what has this in its name.")] = "",
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 if a ratio exceeds the limit.")] = False,
) -> None:
    """Time fit and predict of each pair; print the table."""
    with threadpool_limits(1):  # threads of other programs would decide which side is faster
        table = list(measured([int(n) for n in rows.split(",")], seconds, only))
    print_table(
        pd.DataFrame(table),
        title="milliseconds of processor time, and the median of the ratios of pairs",
        console=Console(width=150),
    )
    if check and any(row["holds"] == "no" for row in table):
        raise typer.Exit(1)


def pairs() -> dict[str, tuple[Any, Any]]:
    """Make ours and theirs, by name."""
    classifiers = [
        ("line", LinearDiscriminantAnalysis()),
        ("bayes", GaussianNB()),
        ("tree", DecisionTreeClassifier(max_depth=4, random_state=0)),
    ]
    regressors = [
        ("line", LinearRegression()),
        ("ridge", Ridge(10.0)),
        ("tree", DecisionTreeRegressor(max_depth=4, random_state=0)),
    ]
    line: dict[str, Any]
    ridge: dict[str, Any]
    line, ridge = {"final_estimator": LogisticRegression()}, {"final_estimator": Ridge()}
    return {
        "VotingClassifier, soft": (
            EnsembleClassifier(classifiers),
            VotingClassifier(classifiers, voting="soft"),
        ),
        "VotingClassifier, hard": (
            EnsembleClassifier(classifiers, combiner="voting"),
            VotingClassifier(classifiers),
        ),
        "VotingClassifier, hard, response_method='predict'": (
            EnsembleClassifier(classifiers, combiner="voting", response_method="predict"),
            VotingClassifier(classifiers),
        ),
        "StackingClassifier": (
            EnsembleClassifier(classifiers, combiner="stacking", combiner_options=line, cv=3),
            StackingClassifier(classifiers, **line, cv=3),
        ),
        "VotingRegressor": (EnsembleRegressor(regressors), VotingRegressor(regressors)),
        "StackingRegressor": (
            EnsembleRegressor(regressors, combiner="stacking", combiner_options=ridge, cv=3),
            StackingRegressor(regressors, **ridge, cv=3),
        ),
    }


def measured(numbers: list[int], seconds: float, only: str = "") -> Iterator[dict[str, object]]:
    """Time fit and predict of each pair, on so many rows; yield the rows of the table.

    A single row can only be predicted.
    """
    most = max(*numbers, FEWEST)
    of_classes: Any = make_classification(most, 8, n_informative=6, n_classes=3, random_state=0)
    of_numbers: Any = make_regression(most, 8, noise=10.0, random_state=0)
    for name, both in pairs().items():
        if only not in name:
            continue
        x, y = of_classes if "Classifier" in name else of_numbers
        for n in sorted(numbers):
            fits = [functools.partial(one.fit, x[: max(n, FEWEST)], y[: max(n, FEWEST)]) for one in both]
            if n >= FEWEST:
                yield row(name, "fit", n, in_turn(fits[0], fits[1], seconds))
            else:
                fits[0]()
                fits[1]()
            # Rows on which the members tie take another path than most; few rows are others at each call.
            blocks = [x[:n]] if n >= FEWEST else [x[k * n : (k + 1) * n] for k in range(FEW_CALLS)]
            predicts = [around(one.predict, blocks) for one in both]
            yield row(name, "predict", n, in_turn(predicts[0], predicts[1], seconds))


def around(predict: Callable[[Any], Any], blocks: list[Any]) -> Call:
    """Make a call that predicts the next block of rows, and the first again after the last."""
    following = itertools.cycle(blocks)
    return lambda: predict(next(following))


def row(name: str, what: str, n: int, times: list[tuple[Times, Times]]) -> dict[str, object]:
    """Make a row of the table from the seconds of each pair, and show its ratio at once."""
    by_clock, ratio = (statistics.median(own[k] / peer[k] for own, peer in times) for k in (0, 1))
    typer.echo(f"{name}, {what} of {n:,} rows: {ratio:.2f}, by the clock {by_clock:.2f}", err=True)
    return {
        "scikit-learn's": name,
        "call": what,
        "rows": f"{n:,}",
        "ours": round(1000 * statistics.median(own[1] for own, _ in times), 3),
        "theirs": round(1000 * statistics.median(peer[1] for _, peer in times), 3),
        "ratio": round(ratio, 2),
        "by the clock": round(by_clock, 2),
        "of the best": round(min(own[1] for own, _ in times) / min(peer[1] for _, peer in times), 2),
        "pairs": len(times),
        "holds": "yes" if ratio <= LIMIT else "no",
    }


def in_turn(ours: Call, theirs: Call, seconds: float) -> list[tuple[Times, Times]]:
    """Time two calls one after the other; the side that goes first changes with each pair."""
    first = once(ours, 1), once(theirs, 1)
    least = min(first)[0]
    number = 1 + int(SHORTEST / least)
    times = [first] if least > SLOW else []  # a quick first call is slower than others
    started = time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - started < seconds and len(times) < 300):
        if len(times) % 2:
            peer, own = once(theirs, number), once(ours, number)
        else:
            own, peer = once(ours, number), once(theirs, number)
        times.append((own, peer))
    return times


def once(call: Call, number: int) -> Times:
    """Time a call, repeated between two readings of both clocks."""
    started = time.perf_counter(), time.process_time()
    for _ in range(number):
        call()
    ended = time.perf_counter(), time.process_time()
    return (ended[0] - started[0]) / number, (ended[1] - started[1]) / number


if __name__ == "__main__":
    typer.run(main)
