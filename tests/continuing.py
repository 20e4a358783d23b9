"""Which Python block of a page runs alone, and which blocks one continues.

A block that needs others says so in its first line, `# continues: Heading of a part; another part`, or the same after
`>>>`. It continues all blocks of these parts that stand above it, and what they continue. `python -m tests.continuing`
writes these lines.
"""

import ast
import doctest
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tests.strangers import REPO

MARK = re.compile(r"\A(?:>>> )?# continues: (.+)\n")


@dataclass(frozen=True)
class Block:
    """A Python block, the heading above it, and the number of its first line in the page."""

    part: str
    line: int
    text: str

    @property
    def unmarked(self):
        return MARK.sub("", self.text)

    @property
    def continues(self):
        mark = MARK.match(self.text)
        return tuple(mark[1].split("; ")) if mark else ()

    @property
    def code(self):
        """The statements without prompts and outputs."""
        if not self.text.startswith(">>>"):
            return self.text
        return "".join(example.source for example in doctest.DocTestParser().get_examples(self.text))


def blocks_of(page):
    """List the Python blocks of a page."""
    blocks, part, kind, lines = [], "", None, []
    for number, line in enumerate(page.splitlines(keepends=True), start=1):
        if line.startswith("```"):
            if kind == "python":
                blocks.append(Block(part, number - len(lines), "".join(lines)))
            kind, lines = (line[3:].strip() or "text", []) if kind is None else (None, [])
        elif kind is not None:
            lines.append(line)
        elif heading := re.match(r"#{1,4} (.+)", line):
            part = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").replace(";", ",")
    return blocks


def unknown_names(blocks):
    """Give for each block the names that it uses and does not bind before, as ruff finds them."""
    found = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        for number, block in enumerate(blocks):
            (Path(folder) / f"{number}.py").write_text(block.code)
        ruff = [Path(sys.executable).parent / "ruff", "check", "--isolated", "--no-cache", "--select", "F821"]
        done = subprocess.run([*ruff, "--output-format", "json", folder], capture_output=True, text=True)
    for message in json.loads(done.stdout):
        assert message["code"] == "F821", message
        found[int(Path(message["filename"]).stem)].add(message["message"].split("`")[1])
    return [found[number] for number in range(len(blocks))]


def bound_names(code):
    """List the names that code binds, those of inner scopes with them."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).partition(".")[0])
    return names


def needed(blocks, unknown):
    """Give for each block what it needs of those above it: ``{number of the block: a name that it binds}``."""
    bound, need = [bound_names(block.code) for block in blocks], []
    for number in range(len(blocks)):
        above = range(number - 1, -1, -1)
        last = {name: next((k for k in above if name in bound[k]), None) for name in sorted(unknown[number])}
        need.append({k: name for name, k in last.items() if k is not None})
    return need


def continued(blocks, number, parts=None):
    """Return the numbers of the blocks that one continues, those of its parts if ``parts`` is not given."""
    found, waiting = set(), [(number, blocks[number].continues if parts is None else parts)]
    while waiting:
        last, parts = waiting.pop()
        new = {k for k in range(last) if blocks[k].part in parts} - found
        found |= new
        waiting += [(k, blocks[k].continues) for k in new]
    return found


def unsaid(blocks, need):
    """Say for each block what it needs and does not continue, and which part it names that has no block above."""
    said = []
    for number, block in enumerate(blocks):
        above, parts = continued(blocks, number), {b.part for b in blocks[:number]}
        missing = {blocks[k].part: name for k, name in need[number].items() if k not in above}
        said += [
            f"line {block.line}: the block uses `{name}` of the part {part!r}; its first line must be "
            f"`# continues: {part}` (`python -m tests.continuing` writes it)"
            for part, name in missing.items()
        ]
        said += [f"line {block.line}: no block above is in the part {p!r}" for p in block.continues if p not in parts]
    return said


def files_needed(block, written):
    """Return which of the blocks above wrote files that this one names: ``written`` is {path: number of the block}."""
    strings = {
        n.value for n in ast.walk(ast.parse(block.code)) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }
    names = {name.strip("'\",()") for text in strings for name in text.split()}
    return {
        number: path
        for path, number in written.items()
        if any(name and (fnmatch(path, name) or fnmatch(Path(path).name, name)) for name in names if name != "*")
    }


def with_marks(page, extra=()):
    """Return a page in which each block names the parts that it continues; ``extra`` are more needs, as in `needed`."""
    blocks = blocks_of(page)
    need = needed(blocks, unknown_names(blocks))
    lines, shift = page.splitlines(keepends=True), 0
    for number, block in enumerate(blocks):
        wanted = {*need[number], *(extra[number] if extra else ())}
        if wanted <= continued(blocks, number):
            continue
        parts = list(dict.fromkeys(blocks[k].part for k in sorted(wanted, reverse=True)))
        parts += [part for part in block.continues if part not in parts]
        for part in reversed(parts.copy()):
            fewer = [p for p in parts if p != part]
            if wanted <= continued(blocks, number, fewer) and part not in block.continues:
                parts = fewer
        mark = f"# continues: {'; '.join(parts)}\n"
        mark = f">>> {mark}" if block.text.startswith(">>>") else mark
        blocks[number] = Block(block.part, block.line, mark + block.unmarked)
        at = block.line - 1 + shift
        lines[at : at + bool(block.continues)] = [mark]
        shift += not block.continues
    return "".join(lines)


def main():
    """Write the lines into README and docs."""
    for path in (REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))):
        page = path.read_text()
        if (marked := with_marks(page)) != page:
            path.write_text(marked)
            print(path.relative_to(REPO))  # noqa: T201


if __name__ == "__main__":
    main()
