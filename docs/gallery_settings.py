"""The parts of the gallery's settings that are code: which pictures a page shows, and the order of the pages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst

__all__ = ["WrittenOrder", "scripts_of", "sharp_pictures", "take_pictures"]


def take_pictures(block: Any, variables: dict[str, Any], settings: dict[str, Any]) -> str:
    """Move the pictures that a script has saved beside itself to its page.

    A script that is run alone keeps them. Figures of ``ensemblekit.plots`` do not belong to pyplot, where
    Sphinx-Gallery would look for them.
    """
    pictures = []
    for saved in sorted(Path(variables["src_file"]).parent.glob("*.png")):
        pictures.append(next(variables["image_path_iterator"]))
        shutil.move(saved, pictures[-1])
    return figure_rst(pictures, settings["src_dir"])


def sharp_pictures(settings: dict[str, Any], script: str) -> None:
    """Save pictures with two pixels for each pixel of a page, for screens that have them."""
    import matplotlib as mpl

    mpl.rcParams["savefig.dpi"] = 200


def scripts_of(header: Path) -> list[str]:
    """List the scripts that the comment of a header names."""
    return re.findall(r"^   (plot_\w+\.py)$", header.read_text(encoding="utf-8"), re.MULTILINE)


class WrittenOrder:
    """Put the pages of a group in the order in which the comment of its header names the scripts."""

    def __init__(self, folder: str) -> None:
        self.header = Path(folder) / "GALLERY_HEADER.rst"

    def __call__(self, script: str) -> int:
        """Return the place of a script."""
        return scripts_of(self.header).index(script)

    def __repr__(self) -> str:
        """Return the same text in each run, so that Sphinx sees that nothing has changed."""
        return "WrittenOrder"
