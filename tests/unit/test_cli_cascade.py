"""``ensemblekit cascade``: which rows need the dear model, and the predictions joined."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ensemblekit import Predictions
from ensemblekit.cascading import cascade
from ensemblekit.cli import app


def run(*arguments):
    return CliRunner().invoke(app, ["cascade", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    """Held-out rows where the small model errs below 0.8, and three new rows, in another order for the large one."""
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 600)
    dog = (sure < 0.8).astype(float)
    fields = {"classes": ["cat", "dog"]}
    held = {
        "small": Predictions(np.column_stack([sure, 1 - sure]), ids=[f"r{k}" for k in range(600)], **fields),
        "large": Predictions(np.column_stack([1 - dog, dog]), ids=[f"r{k}" for k in range(600)], **fields),
    }
    new = {
        "small": Predictions([[0.95, 0.05], [0.6, 0.4], [0.45, 0.55]], ids=["a", "b", "c"], **fields),
        "large": Predictions([[0.3, 0.7], [0.1, 0.9]], ids=["c", "b"], **fields),
    }
    for part, models in (("held", held), ("new", new)):
        for name, predictions in models.items():
            predictions.save(tmp_path / f"{part}_{name}.csv")
    return tmp_path, held, new


def named(folder, part, *names):
    return [f"{name}={folder / f'{part}_{name}.csv'}" for name in names]


def test_pending_rows_then_the_join_are_those_of_python(files):
    folder, held, new = files
    small, large = named(folder, "held", "small", "large")
    first = run(*named(folder, "new", "small"), "--fit-on", small, "--fit-on", large, "--agreement", "0.95",
                "--cost", "small=1", "--cost", "large=20", "--save", folder / "chain",
                "--pending", folder / "ids.csv", "-o", folder / "out.csv", "--json")  # fmt: skip
    assert first.exit_code == 0, first.output
    chain = cascade(held, agreement=0.95)
    record = json.loads(first.output)
    assert record["threshold"] == chain.threshold
    assert (record["pending_stage"], record["n_pending"], record["output"]) == ("large", 2, None)
    assert pd.read_csv(folder / "ids.csv")["id"].tolist() == ["b", "c"]
    assert not (folder / "out.csv").exists()

    second = run(*named(folder, "new", "small", "large"), "--load", folder / "chain", "-o", folder / "out.csv")
    assert second.exit_code == 0, second.output
    assert second.output.startswith("With a probability of at least 95 %")
    assert "3 rows are answered: " in second.output
    joined = Predictions.load(folder / "out.csv")
    np.testing.assert_allclose(joined.probas, [[0.95, 0.05], [0.1, 0.9], [0.3, 0.7]])
    np.testing.assert_allclose(joined.probas, chain.join(new)[0].probas)


def test_what_is_not_written_is_said(files):
    folder, _, _ = files
    small, large = named(folder, "held", "small", "large")
    shown = run(*named(folder, "new", "small"), "--fit-on", small, "--fit-on", large, "-o", folder / "out.csv")
    assert shown.exit_code == 0, shown.output
    assert "2 of 3 rows need stage 'large': --pending FILE lists them" in shown.output
    assert "out.csv was not written, as these rows have no answer yet" in shown.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "a cascade needs a threshold"),
        (["--load", "x", "--agreement", "0.9"], "--load brings its promise"),
        (["--fit-on", "HELD", "--cost", "small"], "--cost must be STAGE=NUMBER"),
        (["--fit-on", "HELD", "--cost", "small=much"], "--cost must be STAGE=NUMBER"),
        (["--fit-on", "HELD"], "two or more, from the cheapest"),
        (["--fit-on", "HELD", "--pending", "ids.txt"], "must end in .csv"),
    ],
)
def test_wrong_options_are_one_line(files, options, message):
    folder, _, _ = files
    (held,) = named(folder, "held", "small")
    options = [held if one == "HELD" else one for one in options]
    result = run(*named(folder, "new", "small"), *options)
    assert result.exit_code == 1
    assert message in str(result.exception or result.output)
