"""Formulas as MathML, which browsers show without scripts, fonts or a network: ``html_math_renderer = "mathml"``."""

from __future__ import annotations

import re
from typing import Any

from ..errors import InvalidOptionError

__all__ = ["to_mathml", "visit_block", "visit_inline"]


def to_mathml(formula: str, *, block: bool) -> str:
    """Translate a formula.

    Parameters
    ----------
    formula : str
        LaTeX, without dollar signs.
    block : bool
        Whether it stands on a line of its own.

    Returns
    -------
    str
        An element ``math``.

    Raises
    ------
    InvalidOptionError
        If a command of LaTeX is not known.
    """
    from latex2mathml.converter import convert

    # This is the one environment for aligned lines that is known.
    formula = re.sub(r"\\(begin|end)\{(aligned|split|align)\}", r"\\\1{align*}", formula)
    if r"\\" in formula and r"\begin" not in formula:
        formula = rf"\begin{{align*}}{formula}\end{{align*}}"
    element = convert(re.sub(r"\s+", " ", formula.strip()), display="block" if block else "inline")
    unknown = re.search(r"<m[io]>(\\\w+)", element)
    if unknown:
        raise InvalidOptionError(
            f"A formula must use commands of LaTeX that latex2mathml knows; received {unknown[1]} in {formula!r}. "
            r"Write it in another way, such as \operatorname{argmax}, or leave html_math_renderer as it is by default."
        )
    # Browsers align cells by style alone.
    return re.sub(r'<mtd columnalign="(\w+)"', r'<mtd style="text-align: \1"', element)


def visit_inline(writer: Any, node: Any) -> None:
    """Write a formula within a line; Sphinx calls it.

    Parameters
    ----------
    writer : sphinx.writers.html5.HTML5Translator
        What writes the page.
    node : docutils.nodes.math
        The formula.
    """
    from docutils.nodes import SkipNode

    writer.body.append(to_mathml(node.astext(), block=False))
    raise SkipNode


def visit_block(writer: Any, node: Any) -> None:
    """Write a formula on a line of its own; Sphinx calls it.

    Parameters
    ----------
    writer : sphinx.writers.html5.HTML5Translator
        What writes the page.
    node : docutils.nodes.math_block
        The formula. Formulas that a blank line separates are written below each other.
    """
    from docutils.nodes import SkipNode

    parts = [part for part in re.split(r"\n\s*\n", node.astext()) if part.strip()]
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    writer.body.extend(to_mathml(part, block=True) for part in parts)
    writer.body.append("</div>\n")
    raise SkipNode
