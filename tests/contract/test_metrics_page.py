"""The page of metrics: its table is what the registry says, and each section has a formula and a source."""

import inspect
import re

import pytest

from ensemblekit.registry import default_registry
from tests.strangers import REPO

PAGE = (REPO / "docs" / "metrics.md").read_text()
NAMES = [r.name for r in default_registry().registrations if r.kind == "metric" and r.distribution == "ensemblekit"]
SAME = {"absolute_error": "mae"}
"""Name -> the section that has its formula."""


def bound(value):
    """Spell one end of a range."""
    return {float("inf"): "∞", float("-inf"): "−∞"}.get(value, f"{value:.4g}" if abs(value) > 1e-6 else "0")


def row(name):
    """Spell the row of a metric."""
    metric = default_registry().create_metric(name)
    cells = [
        f"[`{name}`](#{name})",
        ", ".join(sorted(metric.tasks)),
        " to ".join(map(bound, metric.range)),
        "greater" if metric.higher_is_better else "smaller",
        metric.needs,
        "yes" if metric.dense else "no",
        "yes" if metric.by_class else "no",
    ]
    return f"| {' | '.join(cells)} |"


def flaws(page):
    """List rows that are wrong or missing, and sections without formula or source."""
    found = [f"row of {name}" for name in NAMES if row(name) not in page]
    rows = re.findall(r"^\| \[`(\w+)`\]", page, re.MULTILINE)
    found += [f"row of unknown {name}" for name in rows if name not in NAMES]
    for name in NAMES:
        section = re.search(rf"^### `{SAME.get(name, name)}`$(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
        notes = inspect.getdoc(type(default_registry().create_metric(name))).partition("\nNotes\n-----\n")[2]
        spelled = " ".join((section[1] if section else "").split())
        if ".. math::" in notes and "`" not in spelled:
            found.append(f"formula of {name}")
        if "References" in notes and "Source: " not in spelled:
            found.append(f"source of {name}")
    return found


def test_the_page_is_what_the_registry_says():
    assert len(NAMES) >= 30
    assert flaws(PAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "flaw"),
    [
        ("| -1 to 1 | greater | decisions | yes | yes |", "| 0 to 1 | greater | decisions | yes | yes |", "row of mcc"),
        (row("rmse"), "", "row of rmse"),
        ("| [`rmse`]", "| [`rsme`](#rsme) |\n| [`rmse`]", "row of unknown rsme"),
        ("`sum_i w_i mean_l [d_il != y_il] / sum_i w_i`", "", "formula of hamming_loss"),
        ("Source: P. Jaccard", "P. Jaccard", "source of iou"),
    ],
)
def test_a_wrong_page_is_noticed(old, new, flaw):
    assert old in PAGE
    assert flaw in flaws(PAGE.replace(old, new))
