"""The picture and the table of the page "Which rule?" are those of the table of `choose`."""

from benchmarks.choices.picture import DOCS, counts, draw, losses, table, with_table

REMEDY = "run python -m benchmarks.choices.picture, and read the text of docs/which-rule.md again"


def test_the_evidence_is_that_of_the_table():
    sets = losses((DOCS / "choose.md").read_text())
    page = (DOCS / "which-rule.md").read_text()
    assert len(sets) == 20
    assert (DOCS / "_static" / "which-rule.svg").read_text() == draw(sets), REMEDY
    assert with_table(page, sets) == page, REMEDY


def test_another_table_gives_another_picture():
    row = "| iris | 75 | forest, mean | {} | 0.5 | 0.6 | 0.5 | 0.25 | 0.015 (-0.092 to 0.127) | 0.011 |"
    one, other = (losses(f"| data set | rows |\n|---|---|\n{row.format(value)}\n") for value in ("0.4", "0.3"))
    assert one["iris"][0] == 75
    assert {rule: round(value, 6) for rule, value in one["iris"][1].items()} == {
        "choose": -0.2, "greedy selection": -0.5, "stacking": 0.0, "mean": 0.2,
    }  # fmt: skip
    assert counts(one, "stacking") == (0, 0, 0.0)
    assert draw(one) != draw(other)
    page = "<!-- evidence -->\nold\n<!-- end -->\n"
    assert with_table(page, one) == f"<!-- evidence -->\n{table(one)}<!-- end -->\n"
