"""Every Python block of README and docs runs alone, or names the parts of its page that it continues."""

from tests.continuing import (
    blocks_of,
    bound_names,
    continued,
    files_needed,
    needed,
    unknown_names,
    unsaid,
    with_marks,
)
from tests.strangers import REPO

PATHS = [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]
PAGES = {path.relative_to(REPO).as_posix(): path.read_text() for path in PATHS if "_build" not in path.parts}


def test_every_block_runs_alone_or_says_what_it_continues():
    blocks = {name: found for name, page in PAGES.items() if (found := blocks_of(page))}
    unknown = iter(unknown_names([block for found in blocks.values() for block in found]))
    said, alone, continuing = [], 0, 0
    for name, found in blocks.items():
        need = needed(found, [next(unknown) for _ in found])
        said += [f"{name}, {what}" for what in unsaid(found, need)]
        continuing += sum(bool(block.continues) for block in found)
        alone += sum(not block.continues for block in found)
    assert said == []
    assert not [name for name in ("README.md", "docs/faq.md") if any(b.continues for b in blocks[name])]
    assert alone >= 110
    print(f"{alone} blocks run alone, {continuing} say what they continue")  # noqa: T201


PAGE = """# A page
```python
import numpy as np
x = np.ones(2)
```
## `Second`, part
```python
>>> # continues: A page
>>> y = x + 1
>>> y
array([2., 2.])
```
```text
# continues: no Python
```
### Third
```python
>>> y + np.zeros(2)
```
"""


def test_a_block_that_does_not_say_what_it_continues_is_noticed():
    blocks = blocks_of(PAGE)
    assert [(b.part, b.line, b.continues) for b in blocks] == [
        ("A page", 3, ()),
        ("Second, part", 8, ("A page",)),
        ("Third", 18, ()),
    ]
    unknown = unknown_names(blocks)
    assert unknown == [set(), {"x"}, {"y", "np"}]
    said = unsaid(blocks, needed(blocks, unknown))
    assert [what.partition(";")[0] for what in said] == [
        "line 18: the block uses `np` of the part 'A page'",
        "line 18: the block uses `y` of the part 'Second, part'",
    ]
    assert "its first line must be `# continues: Second, part`" in said[1]


def test_the_marks_are_written_and_are_the_fewest():
    marked = with_marks(PAGE)
    assert ">>> # continues: Second, part\n>>> y + np.zeros(2)\n" in marked
    blocks = blocks_of(marked)
    assert unsaid(blocks, needed(blocks, unknown_names(blocks))) == []
    assert continued(blocks, 2) == {0, 1}
    assert with_marks(marked) == marked


def test_a_part_that_is_not_above_is_noticed():
    blocks = blocks_of("# A\n```python\n# continues: B\nx = 1\n```\n## B\n```python\nz = 1\n```\n")
    assert unsaid(blocks, [{}, {}]) == ["line 3: no block above is in the part 'B'"]


def test_names_and_files_of_blocks_are_found():
    assert bound_names("def f(): pass\nimport a.b, c as d\nfor k, [m] in []: pass\nclass T: pass\n") >= set("fadkm") | {
        "T"
    }
    block = blocks_of("# A\n```python\nopen('x.csv'), print('reads out/*.txt now')\n```\n")[0]
    assert files_needed(block, {"x.csv": 0, "y.csv": 1, "out/z.txt": 2}) == {0: "x.csv", 2: "out/z.txt"}
