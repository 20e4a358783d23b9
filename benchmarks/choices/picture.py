"""The evidence of the page "Which rule?", from the table of docs/choose.md: `python -m benchmarks.choices.picture`."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
RULES = {"choose": 3, "greedy selection": 6, "stacking": 5, "mean": 4}
"""Rules of the picture, and how many columns after that of the chosen rule their losses stand."""
EDGE = 0.4
"""Largest relative difference that is drawn to scale."""
STYLE = """
  .panel { fill: #ffffff; stroke: #d0d7de; }
  text { font: 14px ui-sans-serif, system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .rule { font-weight: 600; } .small { font-size: 12.5px; fill: #57606a; }
  .zero { stroke: #57606a; } .grid { stroke: #d8dee4; }
  .better { fill: #0969da; } .worse { fill: #b35900; } .same { fill: #6e7781; }
  @media (prefers-color-scheme: dark) {
    .panel { fill: #14181f; stroke: #3d444d; }
    text { fill: #e6edf3; } .small { fill: #9da7b3; }
    .zero { stroke: #9da7b3; } .grid { stroke: #2d333b; }
    .better { fill: #58a6ff; } .worse { fill: #e0a33c; } .same { fill: #9da7b3; }
  }
"""


def losses(page):
    """Read the table: ``{data set: (rows, {rule: its loss by that of the best member, less 1})}``."""
    sets = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 10 and cells[1].isdigit():
            best = float(cells[4])
            values = zip(RULES, (float(cells[place]) for place in (3, 7, 6, 5)), strict=True)
            sets[cells[0]] = int(cells[1]), {rule: value / best - 1 for rule, value in values}
    return sets


def counts(sets, rule):
    """Count the data sets on which a rule is better and worse than the best member, and give the worst difference."""
    found = [values[rule] for _, values in sets.values()]
    return sum(v < 0 for v in found), sum(v > 0 for v in found), max(found, default=0.0)


def table(sets):
    """Write the counts as a table, for all data sets and for those with few and many rows."""
    few, many = ({s: v for s, v in sets.items() if (v[0] < 200) is below} for below in (True, False))
    lines = [
        f"| rule | better than the best member, of {len(sets)} | worse | at worst | better with fewer than 200 rows, "
        f"of {len(few)} | better with 200 rows or more, of {len(many)} |",
        "|---|---|---|---|---|---|",
    ]
    for rule in RULES:
        better, worse, most = counts(sets, rule)
        lines.append(
            f"| {rule} | {better} | {worse} | {most:+.0%} loss | {counts(few, rule)[0]} | {counts(many, rule)[0]} |"
        )
    return "\n".join(lines) + "\n"


def draw(sets):
    """Draw a dot for each data set and rule."""
    middle, half, top, step = 395, 215, 74, 58
    height = top + step * len(RULES) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" width="760" height="{height}" role="img" '
        'aria-labelledby="t">',
        f'<title id="t">Loss of four rules against the best member on {len(sets)} data sets</title>',
        f"<style>{STYLE}</style>",
        f'<rect class="panel" x="1" y="1" width="758" height="{height - 2}" rx="10"/>',
        f'<text x="24" y="30">Loss on untouched rows against the best member, {len(sets)} data sets</text>',
    ]
    bottom = top + step * len(RULES) - 20
    for share in (-EDGE, -EDGE / 2, 0, EDGE / 2, EDGE):
        x = middle + half * share / EDGE
        parts.append(f'<line class="{"grid" if share else "zero"}" x1="{x:g}" y1="48" x2="{x:g}" y2="{bottom}"/>')
        word = f"{share:+.0%}{' or more' if share == EDGE else ''}" if share else "equal"
        parts.append(f'<text class="small" x="{x:g}" y="{bottom + 20}" text-anchor="middle">{word}</text>')
    parts.append(f'<text class="small" x="{middle - half}" y="{bottom + 38}">less loss: better</text>')
    parts.append(f'<text class="small" x="{middle + half}" y="{bottom + 38}" text-anchor="end">more loss: worse</text>')
    for number, rule in enumerate(RULES):
        y = top + step * number
        better, worse, _ = counts(sets, rule)
        parts.append(f'<text class="rule" x="24" y="{y + 5}">{rule}</text>')
        parts.append(f'<text class="small" x="628" y="{y - 3}">better on {better}</text>')
        parts.append(f'<text class="small" x="628" y="{y + 14}">worse on {worse}</text>')
        for place, (name, (_, values)) in enumerate(sorted(sets.items(), key=lambda item: item[1][1][rule])):
            value = values[rule]
            x = middle + half * max(-EDGE, min(EDGE, value)) / EDGE
            kind = "better" if value < 0 else "worse" if value else "same"
            parts.append(
                f'<circle class="{kind}" cx="{x:.1f}" cy="{y + (place % 5 - 2) * 6}" r="4.5" opacity="0.8">'
                f"<title>{name}: {value:+.0%}</title></circle>"
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


def with_table(page, sets):
    """Put the table into the page, between its two marks."""
    return re.sub(r"(?<=<!-- evidence -->\n)(.*?)(?=<!-- end -->)", lambda _: table(sets), page, flags=re.DOTALL)


if __name__ == "__main__":
    found = losses((DOCS / "choose.md").read_text())
    (DOCS / "_static" / "which-rule.svg").write_text(draw(found))
    which = DOCS / "which-rule.md"
    which.write_text(with_table(which.read_text(), found))
