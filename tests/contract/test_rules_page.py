"""The page of the combination rules: every rule, with what is so."""

import inspect
import re

import pytest

from ensemblekit import load_plugins
from tests.strangers import REPO

PAGE = (REPO / "docs" / "combiners.md").read_text()
PLUGINS = load_plugins()
RULES = [r.name for r in PLUGINS.registrations if r.kind == "combiner" and r.distribution == "ensemblekit"]
TASKS = ("multiclass", "multilabel", "regression")
THE_LIST = {
    "mean",
    "weighted",
    "geometric_mean",
    "median",
    "trimmed_mean",
    "winsorised_mean",
    "maximum",
    "minimum",
    "product",
    "voting",
    "rank_average",
    "borda",
    "bayesian_model_averaging",
    "dempster_shafer",
    "dawid_skene",
    "super_learner",
    "greedy_selection",
    "stacking",
    "knora_e",
    "knora_u",
    "meta_des",
    "calibrated",
    "inverse_variance",
    "least_squares",
    "trimmed_members",
    "linear_pool",
    "pinball_weights",
    "inverse_pinball",
}


def table(page):
    """Read the table of the rules: name -> its other cells, without the description."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(#([\w-]+)\) \| [^|]+ \| (.*) \|$", page, re.MULTILINE)
    assert all(anchor == name.replace("_", "-") for name, anchor, _ in rows)
    return {name: cells.split(" | ") for name, _, cells in rows}


def facts(name):
    """Say what the table must say of a rule without options."""
    rule = PLUGINS.create_combiner(name)
    tasks = [task for task in (*TASKS, "quantile") if task in rule.tasks]
    takes = inspect.signature(rule.combine).parameters
    return [
        "yes" if "learns" in rule.traits else "no",
        "all" if len(tasks) == len(TASKS) else ", ".join(tasks),
        "yes" if "present" in takes else "no",
        "yes" if "graphable" in rule.traits else "no",
    ]


def section(name):
    """Cut out the section of a rule."""
    found = re.search(rf"^### `{name}`$(.*?)(?=^#|^\(|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def test_the_rules_are_these():
    assert set(RULES) == THE_LIST


def test_every_rule_is_in_the_table():
    assert set(table(PAGE)) == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_the_table_says_what_is_so(name):
    assert table(PAGE)[name] == facts(name)


@pytest.mark.parametrize("name", RULES)
def test_a_section_has_formula_advice_example_and_source(name):
    text = section(name)
    assert "\n```text\n" in text
    assert "**When to use it" in text
    assert "\n```python\n>>> " in text
    assert re.search(r"^Sources?: ", text, re.MULTILINE)


def test_a_wrong_row_would_be_noticed():
    assert table("| [`mean`](#mean) | the mean | yes | all | no | yes |\n") == {"mean": ["yes", "all", "no", "yes"]}
    assert facts("mean") == ["no", "all", "yes", "yes"]
