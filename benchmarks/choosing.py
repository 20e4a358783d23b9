"""Whether `choose` is worth it: twenty data sets, members as people have them, and rows that it never saw.

Run it from a checkout: ``python benchmarks/choosing.py``, or ``make bench-choosing``. It takes some minutes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.choices.sets import SETS, load_set
from benchmarks.choices.tables import to_json, to_markdown
from benchmarks.choices.trial import Trial, run_trial
from benchmarks.command import make_app, run_app
from benchmarks.study.screen import Screen
from ensemblekit import InvalidOptionError
from ensemblekit.files import write_text

app = make_app()


@app.command()
def choosing(
    sets: Annotated[
        str | None, typer.Option(help="Only these, with commas between; default: all.", metavar="NAMES")
    ] = None,
    repeats: Annotated[int, typer.Option(help="How often each set is divided anew.")] = 2,
    n_jobs: Annotated[int, typer.Option(help="Number of processes.")] = 2,
    json_to: Annotated[
        str | None, typer.Option("--json", help="Every figure as JSON, into a file, after each trial.")
    ] = None,
) -> None:
    """Choose on half of the rows of each data set, and judge the choice on the other half.

    Losses are log loss, or squared error, divided by that of the constant answer: class shares, or the mean.
    """
    from joblib import Parallel, delayed

    names = [*SETS] if sets is None else [name.strip() for name in sets.split(",") if name.strip()]
    if repeats < 1 or not names:
        raise InvalidOptionError(f"--repeats must be >= 1 and --sets name one; received {repeats} and {sets!r}.")
    tables = {name: load_set(name) for name in names}
    jobs = [(name, repeat) for repeat in range(repeats) for name in names]
    trials: list[Trial] = []
    with Screen(Console(stderr=True)) as screen:
        for done, trial in enumerate(
            Parallel(n_jobs=n_jobs, return_as="generator")(
                delayed(run_trial)(tables[name], repeat) for name, repeat in jobs
            ),
            start=1,
        ):
            trials.append(trial)
            screen.count("trials", done, len(jobs), metrics=trial.set_name)
            if json_to is not None:  # after each trial, so that a stopped run is not lost
                write_text(Path(json_to), to_json(trials))
    typer.echo(to_markdown(trials), nl=False)


if __name__ == "__main__":
    run_app(app, "choosing")
