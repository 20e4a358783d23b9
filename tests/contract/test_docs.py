"""The pages in docs say what is so: their Python runs, nothing public is left out, and Sphinx has no complaint."""

import contextlib
import doctest
import inspect
import io
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ensemblekit
from ensemblekit import load_plugins
from tests.continuing import blocks_of, continued, files_needed
from tests.strangers import REPO, environment

DOCS = REPO / "docs"
PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text()
    for folder in (DOCS, DOCS / "from", DOCS / "recipes")
    for path in sorted(folder.glob("*.md"))
}
NEEDS_PEER = {
    "from/crowd-kit.md": ("crowdkit", None),
    "from/deslib.md": ("deslib", None),
    "from/mlxtend.md": ("mlxtend", "0.24"),  # older ones do not cross-validate with scikit-learn 1.6 or later
    "pytorch-and-backends.md": ("torch", None),  # run by make test-backends
}
"""Page -> the library that it compares with, and the lowest version of it."""
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


class LinesOfAnyLength(doctest.OutputChecker):
    """The lines of a table are as long as the installed version of rich draws them."""

    def check_output(self, want, got, optionflags):
        return super().check_output(re.sub("─+", "─", want), re.sub("─+", "─", got), optionflags)


NEEDS_TENSORFLOW = "This section needs TensorFlow"
"""The sentence that a reader sees, and that keeps a section out of the tests without Keras."""
FENCES = {"python", "text", "toml", "{toctree}", "{eval-rst}", "{glossary}", "{index}"}
"""Kinds of block. Only ``python`` is run; a ``python`` block spelt otherwise would not be."""


def sections(page):
    """Cut a page before each heading of the first two levels, outside of blocks."""
    parts, inside = [""], False
    for line in page.splitlines(keepends=True):
        inside ^= line.startswith("```")
        if re.match("##? ", line) and not inside:
            parts.append("")
        parts[-1] += line
    return parts


def python_blocks(page, *, tensorflow):
    """List the Python blocks, with or without those of the sections that need TensorFlow."""
    return [
        block
        for section in sections(page)
        if tensorflow or NEEDS_TENSORFLOW not in section
        for block in re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    ]


def run_blocks(blocks, name, monkeypatch, after=lambda number, printed: None):
    """Run blocks in order in one module; return what doctest has to say of outputs that are not as shown.

    ``after`` is called with the number of each block and what a block without prompts has printed.
    """
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    said = []
    runner = doctest.DocTestRunner(LinesOfAnyLength(), optionflags=FLAGS, verbose=False)
    for number, block in enumerate(blocks):
        printed = io.StringIO()
        if block.startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block, {}, f"{name}, block {number}", None, 0)
            test.globs = module.__dict__
            runner.run(test, out=said.append, clear_globs=False)
        else:
            with contextlib.redirect_stdout(printed):
                exec(compile(block, f"{name}, block {number}", "exec"), module.__dict__)  # noqa: S102
        after(number, printed.getvalue())
    return "".join(said)


def not_shown(page, text, printed):
    """Say what a block without prompts has printed, unless the block of text below it shows that."""
    lines = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
    if not lines or f"{text}```\n\n```text\n{lines}```\n" in page:
        return []
    return [f"the block of text below {text.splitlines()[-1]!r} must show:\n{lines}"]


class WrittenFiles:
    """Which block of a page wrote which file, and which block names such a file and does not continue its writer."""

    def __init__(self, page, blocks):
        self.page, self.blocks, self.unsaid, self._times, self._writers = page, blocks, [], {}, {}

    def after(self, number, printed):
        """Look at the folder and at what was printed after a block has run."""
        self.unsaid += not_shown(self.page, self.blocks[number].text, printed)
        block = self.blocks[number]
        above = continued(self.blocks, number)
        for writer, path in files_needed(block, self._writers).items():
            if writer not in above:
                part = self.blocks[writer].part
                self.unsaid.append(f"line {block.line}: {path} is written by the part {part!r}: # continues: {part}")
        now = {path.as_posix(): path.stat().st_mtime_ns for path in Path().rglob("*")}
        self._writers |= {path: number for path, time in now.items() if self._times.get(path) != time}
        self._times = now


def check_page(name, monkeypatch, *, tensorflow):
    if name in NEEDS_PEER:
        peer, lowest = NEEDS_PEER[name]
        pytest.importorskip(peer, minversion=lowest)
    texts = python_blocks(PAGES[name], tensorflow=tensorflow)
    files = WrittenFiles(PAGES[name], [block for block in blocks_of(PAGES[name]) if block.text in texts])
    said = run_blocks(texts, f"docs_{name}", monkeypatch, files.after)
    if said or files.unsaid:
        pytest.fail("\n".join([said, *files.unsaid]), pytrace=False)


WITH_PYTHON = [name for name, page in PAGES.items() if python_blocks(page, tensorflow=True)]
WITH_TENSORFLOW = [name for name, page in PAGES.items() if NEEDS_TENSORFLOW in page]
ALONE = [name for name in WITH_PYTHON if name not in WITH_TENSORFLOW]
"""The others are run whole, in the slow suite."""
DEAR = {"command-line.md", "test-a-foreign-function.md"}
"""Twenty commands with five reports, and all promises on as many examples as by default."""


# crowd-kit calls pandas as it was.
@pytest.mark.filterwarnings("ignore:The (inplace|copy) keyword:DeprecationWarning")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in DEAR else []) for name in ALONE]
)
def test_the_python_of_a_page_runs_and_prints_what_it_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_page(name, monkeypatch, tensorflow=False)


@pytest.mark.slow
@pytest.mark.keras
@pytest.mark.parametrize("name", WITH_TENSORFLOW)
def test_the_sections_that_need_tensorflow_run_too(name, tmp_path, monkeypatch, keras):
    monkeypatch.chdir(tmp_path)
    check_page(name, monkeypatch, tensorflow=True)


def test_a_block_that_prints_something_else_is_noticed(monkeypatch):
    blocks = ["x = 1\n", ">>> x + 1\n2\n", ">>> x + 1\n3\n"]
    said = run_blocks(blocks, "wrong", monkeypatch)
    assert "wrong, block 2" in said
    assert "Expected:\n    3\nGot:\n    2" in said
    assert "block 1" not in said
    with pytest.raises(NameError, match="y"):
        run_blocks(["y\n"], "wrong", monkeypatch)


def test_files_and_prints_that_a_page_does_not_show_are_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (
        "# A\n```python\nopen('x.csv', 'w').close()\nprint(1)\n```\n\n```text\n1\n```\n"
        "## B\n```python\nopen('x.csv').close()\nprint(2)\n```\n\n```text\n3\n```\n"
    )
    files = WrittenFiles(page, blocks_of(page))
    assert run_blocks([block.text for block in files.blocks], "files", monkeypatch, files.after) == ""
    assert files.unsaid == [
        "the block of text below 'print(2)' must show:\n2\n",
        "line 12: x.csv is written by the part 'A': # continues: A",
    ]


def test_a_block_of_the_readme_is_a_script_that_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    readme = (REPO / "README.md").read_text()
    blocks = blocks_of(readme)
    assert len(blocks) >= 2
    for block in blocks:
        said = []
        run_blocks([block.text], "readme", monkeypatch, lambda _, printed: said.append(printed))  # noqa: B023
        assert said[0]
        assert not_shown(readme, block.text, said[0]) == []


def test_blocks_are_found_by_section():
    page = f"# A\n```python\n# no heading\na\n```\n```text\nno\n```\n## B\n{NEEDS_TENSORFLOW}.\n```python\nb\n```\n"
    assert python_blocks(page, tensorflow=True) == ["# no heading\na\n", "b\n"]
    assert python_blocks(page, tensorflow=False) == ["# no heading\na\n"]


def fences(page):
    """List the kinds of block of a page."""
    kinds = re.findall(r"^ *(?:```|~~~)(.*)$", page, re.MULTILINE)
    return [kind.partition(" ")[0] if kind.startswith("{index} ") else kind for kind in kinds if kind]


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_of_a_known_kind(name):
    assert set(fences(PAGES[name])) <= FENCES


def test_a_block_of_another_kind_would_be_noticed():
    assert fences("```python\n```\n```py\n```\n  ```python3\n```\n") == ["python", "py", "python3"]


def test_the_pages_with_python_are_these():
    assert {
        "index.md",
        "first-steps.md",
        "predictions-and-alignment.md",
        "test-your-combiner.md",
        "write-a-plugin.md",
    } <= set(WITH_PYTHON)
    assert {"write-a-plugin.md", "models.md"} <= set(WITH_TENSORFLOW)
    assert set(ALONE) >= DEAR


# The plugin of the tutorial is the plugin of the example.


def test_the_plugin_of_the_page_is_that_of_the_example():
    example = REPO / "examples" / "custom_combiner"
    page = PAGES["write-a-plugin.md"]
    module = (example / "ensemblekit_confident_mean" / "__init__.py").read_text()
    assert python_blocks(page, tensorflow=False)[0] == module
    entry_point = re.search(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert entry_point
    assert entry_point[1] in (example / "pyproject.toml").read_text()


def test_the_task_of_the_page_is_that_of_the_example():
    page, example = PAGES["write-a-task.md"], REPO / "examples" / "custom_task"
    blocks = [block.unmarked for block in blocks_of(page) if not block.text.startswith(">>>")]
    assert "\n\n".join(blocks) == (example / "ensemblekit_survival" / "__init__.py").read_text()
    entry_point = re.search(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert entry_point
    assert entry_point[1] in (example / "pyproject.toml").read_text()


# Nothing is left out.


def unlisted(names, page):
    """List the names that stand on no line of their own in the tables of a page of the API."""
    listed = set(re.findall(r"^   (\S+)$", page, re.MULTILINE))
    return [name for name in names if name not in listed]


def undescribed(room, names, pages):
    """List the names of a room that the reference describes neither by themselves nor with the whole room."""
    if f".. automodule:: ensemblekit.{room}\n   :members:" in pages:
        return []
    described = re.findall(r"^\.\. (?:auto(?:class|function|exception)|data):: (?:[\w.]+\.)?(\w+)", pages, re.MULTILINE)
    return [name for name in names if name not in described]


REFERENCE = "".join(path.read_text() for path in sorted((DOCS / "api").glob("*.md")))


def is_code(room, name):
    """Say whether a public name is more than a constant or an alias of a type."""
    value = vars(getattr(ensemblekit, room)).get(name, type)  # a class that needs Keras is not there yet
    code = inspect.isclass(value) or inspect.isroutine(value) or hasattr(value, "cache_info")
    return code or name in ensemblekit.__all__


@pytest.mark.parametrize("room", ensemblekit._ROOMS)
def test_every_public_name_is_listed_and_described(room):
    names = [name for name in getattr(ensemblekit, room).__all__ if is_code(room, name)]
    assert unlisted([n if n in ensemblekit.__all__ else f"{room}.{n}" for n in names], PAGES["api.md"]) == []
    assert undescribed(room, names, REFERENCE) == []


def test_a_name_that_is_left_out_is_noticed():
    assert unlisted(["align", "combine"], "text of combine\n\n   align\n   aligned\n") == ["combine"]
    directives = ".. autofunction:: align\n\n.. autofunction:: ensemblekit.x.fuse\n\n.. autofunction:: combined\n"
    assert undescribed("a", ["align", "combine", "fuse"], directives) == ["combine"]
    assert undescribed("a", ["combine"], ".. automodule:: ensemblekit.a\n   :members:\n") == []


def without_section(names, page):
    """List the names that are the heading of no section."""
    return [name for name in names if not re.search(rf"^#+ `{name}`$", page, re.MULTILINE)]


def test_every_built_in_plugin_has_a_section():
    built_in = [r.name for r in load_plugins().registrations if r.distribution == "ensemblekit"]
    assert built_in
    assert (
        without_section(built_in, "".join(PAGES[p] for p in ("combiners.md", "models.md", "tasks.md", "metrics.md")))
        == []
    )


def test_a_plugin_without_a_section_is_noticed():
    assert without_section(["mean", "median"], "### `mean`\nBeside it, `median`.\n### `median_2`\n") == ["median"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_begins_with_what_the_reader_gets(name):
    heading, blank, first = PAGES[name].split("\n")[:3]
    assert heading.startswith("# ")
    assert blank == ""
    assert re.match(r"[A-Z]", first)


# Sphinx. That the pages themselves give no warning is what `make docs` checks.


@pytest.mark.slow
def test_a_broken_link_is_noticed(tmp_path):
    (tmp_path / "conf.py").write_text((DOCS / "conf.py").read_text())
    (tmp_path / "index.md").write_text("# A page\n\n[nowhere](nowhere.md)\n")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    # What the other extensions need is not there.
    command += ["-D", "extensions=myst_parser", "-D", "html_math_renderer=mathjax", tmp_path, tmp_path / "html"]
    done = subprocess.run(command, env=environment(), cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 1
    assert "nowhere.md" in done.stderr
