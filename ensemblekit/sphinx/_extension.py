"""How Sphinx gets the pages: settings, files, and formulas as MathML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import InvalidOptionError, OutputExistsError
from ..files import write_text
from ..registry import Registration, Registry, load_plugins
from ._mathml import visit_block, visit_inline
from ._pages import MARK, index_page, kind_page, page_of, plural

__all__ = ["setup", "write_pages"]


def setup(app: Any) -> dict[str, Any]:
    """Register the settings and the step that writes the pages; Sphinx calls it.

    Parameters
    ----------
    app : sphinx.application.Sphinx
        The build.

    Returns
    -------
    dict of str to object
        What Sphinx wants to know of an extension.
    """
    app.add_config_value("ensemblekit_distributions", [], "env")
    app.add_config_value("ensemblekit_folder", "reference", "env")
    app.add_config_value("ensemblekit_costs", {}, "env")
    app.add_config_value("ensemblekit_guides", {}, "env")
    app.add_config_value("ensemblekit_notation", {}, "env")
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("builder-inited", _write)
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}


def _write(app: Any) -> None:
    from sphinx.errors import ConfigError

    config = app.config
    if not config.ensemblekit_distributions:
        return
    try:
        write_pages(
            Path(app.srcdir) / config.ensemblekit_folder,
            config.ensemblekit_distributions,
            costs=config.ensemblekit_costs,
            guides=config.ensemblekit_guides,
            notation=config.ensemblekit_notation,
        )
    except (InvalidOptionError, OutputExistsError) as error:
        raise ConfigError(str(error)) from error


def write_pages(
    folder: Path,
    distributions: Iterable[str],
    *,
    costs: Mapping[str, str] | None = None,
    guides: Mapping[str, str] | None = None,
    notation: Mapping[str, str] | None = None,
    registry: Registry | None = None,
) -> list[Path]:
    """Write the pages of the plugins of some distributions, and remove those of plugins that are gone.

    Parameters
    ----------
    folder : Path
        Folder within the documentation. It is made, and holds ``index.rst`` and a folder a kind.
    distributions : iterable of str
        Names of the distributions, such as ``ensemblekit``.
    costs : mapping of str to str, optional
        Name of a combiner -> its time, as a sentence of reStructuredText.
    guides : mapping of str to str, optional
        Kind -> name of the document that explains it, as ``:doc:`` takes it.
    notation : mapping of str to str, optional
        Kind -> what the symbols of its formulas mean.
    registry : Registry, optional
        Where to look for plugins; by default those that are installed.

    Returns
    -------
    list of Path
        The pages. A page that has not changed is not written again.

    Raises
    ------
    InvalidOptionError
        If a distribution has no plugins.
    OutputExistsError
        If a file is in the place of a page that was not made here.
    """
    registry = registry or load_plugins()
    wanted = [distributions] if isinstance(distributions, str) else list(distributions)
    chosen = [r for r in registry.registrations if r.distribution in wanted]
    for name in wanted:
        if not any(r.distribution == name for r in chosen):
            known = sorted({r.distribution for r in registry.registrations})
            failed = "".join(f" The {failure}" for failure in registry.failures if failure.distribution == name)
            raise InvalidOptionError(
                f"ensemblekit_distributions must name distributions with plugins, of {', '.join(known)}; received "
                f"{name!r}. Install it into the environment of the documentation.{failed}"
            )
    texts = _texts(folder, chosen, costs or {}, guides or {}, notation or {})
    for path, text in texts.items():
        if path.exists() and not _is_ours(path):
            raise OutputExistsError(
                f"{path} must be a page that ensemblekit.sphinx made, as it would be replaced; it is another file. "
                "Move it, or set ensemblekit_folder."
            )
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)
    for path in {*folder.glob("*.rst"), *folder.glob("*/*.rst")} - set(texts):
        if _is_ours(path):
            path.unlink()
    return sorted(texts)


def _texts(
    folder: Path,
    chosen: list[Registration],
    costs: Mapping[str, str],
    guides: Mapping[str, str],
    notation: Mapping[str, str],
) -> dict[Path, str]:
    texts = {folder / "index.rst": index_page(chosen)}
    for kind in dict.fromkeys(r.kind for r in chosen):
        of_kind = [r for r in chosen if r.kind == kind]
        texts[folder / plural(kind) / "index.rst"] = kind_page(kind, of_kind, guides.get(kind))
        for r in of_kind:
            texts[folder / plural(kind) / f"{r.name}.rst"] = page_of(
                r,
                cost=costs.get(r.name) if kind == "combiner" else None,
                guide=guides.get(kind),
                notation=notation.get(kind),
            )
    return texts


def _is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().rstrip("\n") == MARK
