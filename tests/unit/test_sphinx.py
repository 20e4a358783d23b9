"""Every plugin gets a page: of its docstring, its signature and its traits; a stranger's as the built-in ones."""

import shutil
import subprocess
import sys
from types import ModuleType

import pytest

import ensemblekit
from ensemblekit import InvalidOptionError, load_plugins
from ensemblekit.errors import OutputExistsError
from ensemblekit.registry import Registration
from ensemblekit.sphinx import page_of, write_pages
from ensemblekit.sphinx._mathml import to_mathml
from tests.strangers import REPO, environment, write_distribution

REGISTRY = load_plugins()
BUILT_IN = [r for r in REGISTRY.registrations if r.distribution == "ensemblekit"]
HEADINGS = {
    "combiner": ("Options", "Formula", "Tie rule", "Traits", "Cost", "Example", "Source"),
    "metric": ("Options", "Formula", "Traits", "Example", "Source"),
    "head": ("Options", "Formula", "Traits", "Example", "Source"),
}


def flaws(registration):
    """List what the page of a plugin lacks."""
    page = page_of(registration)
    needed = HEADINGS.get(registration.kind, ("Options", "Traits", "Source"))
    found = [heading for heading in needed if f"\n{heading}\n{'-' * len(heading)}\n\n" not in page]
    found += ["signature"] if "\n.. code-block:: python\n\n   " not in page else []
    return found + [option.name for option in registration.options if not (option.meaning and option.type)]


def registered(factory, kind="combiner", name="mine"):
    return Registration(kind, name, factory, "plugin", "friendly", "1.0")


class Bare:
    def __init__(self, power=1.0): ...

    def combine(self, member_probas, **more): ...


class Cited(Bare):
    """Powers.

    Parameters
    ----------
    power : float, default=1.0
        As in [1]_, not [9]_.

    Notes
    -----
    By :math:`p^2` [1]_.

    Tie rule of powers: the first.

    Cost: twice
    the mean.

    References
    ----------
    .. [1] A. Author, "A title that
       goes on", 1900.
    """

    traits = frozenset({"symmetric", "odd"})


@pytest.mark.parametrize("registration", BUILT_IN, ids=lambda r: f"{r.kind}-{r.name}")
def test_the_page_of_a_built_in_plugin_is_complete(registration):
    assert flaws(registration) == []


def test_a_page_that_lacks_something_is_noticed():
    assert flaws(registered(Bare)) == ["Formula", "Tie rule", "Example", "Source", "power"]


def test_the_docstring_becomes_sections():
    page = page_of(registered(Cited), guide="guide", notation="``p`` is.")
    assert 'combine(predictions, "mine", power=1.0)' in page
    assert "``power`` : float, default ``1.0``\n   As in `[1]`_, not [9]_." in page
    assert "\nFormula\n-------\n\nBy :math:`p^2` `[1]`_.\n\n``p`` is.\n" in page
    assert "\nTie rule\n--------\n\nOf powers: the first.\n" in page
    assert "It learns nothing: there is nothing to fit. Twice\nthe mean." in page
    assert '_`[1]` A. Author, "A title that goes on", 1900.' in page
    assert "   * - ``symmetric``: the order of the members changes nothing\n     - yes\n" in page
    assert "   * - ``odd``\n     - yes\n" in page
    assert ":doc:`guide`" in page
    assert "Twice" not in page_of(registered(Cited), cost="Little.")


def test_a_plugin_that_cannot_be_made_has_a_page():
    def needy():
        """One line."""
        raise OSError("no file")

    assert "One line." in page_of(registered(needy, kind="backbone"))


def test_pages_are_kept_removed_and_never_taken_from_others(tmp_path):
    pages = write_pages(tmp_path, "ensemblekit", registry=REGISTRY)
    assert {p.parent.name for p in pages} >= {"combiners", "metrics", "tasks", "backbones", "heads", "chainers"}
    times = {path: path.stat().st_mtime_ns for path in pages}
    gone = tmp_path / "combiners" / "gone.rst"
    gone.write_text(pages[0].read_text())
    (tmp_path / "own.rst").write_text("Mine\n")
    write_pages(tmp_path, ["ensemblekit"], registry=REGISTRY)
    assert not gone.exists()
    assert (tmp_path / "own.rst").exists()
    assert {path: path.stat().st_mtime_ns for path in pages} == times
    (tmp_path / "combiners" / "mean.rst").write_text("Mine\n")
    with pytest.raises(OutputExistsError, match=r"mean\.rst must be a page that ensemblekit.sphinx made"):
        write_pages(tmp_path, ["ensemblekit"], registry=REGISTRY)


def test_a_distribution_without_plugins_is_refused(tmp_path):
    with pytest.raises(InvalidOptionError, match=r"of ensemblekit; received 'ensemble-kit'\. Install it"):
        write_pages(tmp_path, ["ensemble-kit"], registry=REGISTRY)


def test_a_module_under_development_has_pages(tmp_path):
    @ensemblekit.hookimpl
    def ensemblekit_register_combiners(register):
        register("mine", Cited)

    module = ModuleType("development")
    module.ensemblekit_register_combiners = ensemblekit_register_combiners
    pages = write_pages(tmp_path, ["this program"], registry=load_plugins(plugins=[module]))
    assert [str(p.relative_to(tmp_path)) for p in pages] == ["combiners/index.rst", "combiners/mine.rst", "index.rst"]


def test_formulas_become_mathml():
    assert to_mathml(r"\frac{a}{b}", block=False).startswith("<math")
    assert 'display="block"' in to_mathml("a", block=True)
    assert to_mathml(r"a &= b \\ c &= d", block=True).count("<mtr>") == 2
    assert to_mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", block=True).count("<mtr>") == 2
    assert 'style="text-align: left"' in to_mathml(r"\begin{cases} 1 & a \\ 0 & b \end{cases}", block=True)
    with pytest.raises(InvalidOptionError, match=r"received \\unheard in"):
        to_mathml(r"\unheard x", block=True)


def test_every_formula_of_a_built_in_plugin_is_known():
    for registration in BUILT_IN:
        blocks = registration.sections.get("Notes", "").split(".. math::")[1:]
        for block in blocks:
            body = block.split("\n\n    ", 1)[1].partition("\n\n")[0] if block.startswith("\n\n    ") else block
            to_mathml(body.partition("\n\n")[0], block=True)


def test_pages_need_neither_keras_nor_scikit_learn(tmp_path):
    code = (
        "import sys; from pathlib import Path; from ensemblekit.sphinx import write_pages; "
        f"write_pages(Path({str(tmp_path)!r}), ['ensemblekit']); "
        "print({'keras', 'tensorflow', 'sklearn', 'pandas', 'sphinx', 'docutils'} & set(sys.modules))"
    )
    env = environment(REPO, REPO / "plugins")
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def build(docs, out, *path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", docs, out]
    env = environment(*path, REPO, REPO / "plugins")
    return subprocess.run(command, env=env, capture_output=True, text=True)


@pytest.mark.slow
def test_the_example_builds_its_pages_with_one_line(tmp_path):
    docs = shutil.copytree(REPO / "examples" / "custom_combiner" / "docs", tmp_path / "docs")
    example = REPO / "examples" / "custom_combiner"
    done = build(docs, tmp_path / "html", example)
    assert done.returncode == 2
    assert "ensemblekit_distributions must name distributions with plugins" in done.stderr
    write_distribution(tmp_path, "ensemblekit-confident-mean", {"confident_mean": "ensemblekit_confident_mean"})
    done = build(docs, tmp_path / "html", tmp_path, example)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "html" / "reference" / "combiners" / "confident_mean.html").read_text()
    assert "each weighted by its own largest probability" in page
    assert "the order of the members changes nothing" in page
