"""Turn the first line of a block, `# continues: Part; Other part`, into a line of links above the block."""

import re

from docutils import nodes
from sphinx.util import logging

MARK = re.compile(r"\A(?:>>> )?# continues: (.+)\n")


def show_what_is_continued(app, document):
    """Replace the mark of each block by links to the headings that it names."""
    titles = [(section, title_of(section)) for section in document.findall(nodes.section)]
    for block in list(document.findall(nodes.literal_block)):
        mark = MARK.match(block.rawsource)
        if not mark:
            continue
        line = nodes.paragraph("", "Continues ", classes=["continues"])
        for number, part in enumerate(mark[1].split("; ")):
            target = next((section for section, title in titles if title == part), None)
            if target is None:
                logging.getLogger(__name__).warning("no heading %r on this page", part, location=block)
                continue
            line += nodes.Text(", " if number else "")
            line += nodes.reference("", part, internal=True, refid=target["ids"][0])
        code = MARK.sub("", block.rawsource)
        block.rawsource = code
        block.children = [nodes.Text(code)]
        block.children[0].parent = block
        block.parent.insert(block.parent.index(block), line)


def title_of(section):
    """Return the heading of a section as a mark writes it."""
    return section[0].astext().replace("’", "'").replace(";", ",")


def setup(app):
    """Register the transformation."""
    app.connect("doctree-read", show_what_is_continued)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
