"""The command ``ensemblekit``."""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._app import app

__all__ = ["app", "main"]

_COMMANDS = (
    "audit", "cache", "cascade", "check", "choose", "combine", "evaluate", "fuse", "guide", "plugins", "predict",
    "profile", "rank", "report",
)  # fmt: skip
"""Modules of the commands, each of which adds its own to `app`, in the order of the help."""


def main() -> None:
    """Run the command; Ctrl-C during its imports ends it as quietly as later."""
    try:
        from ._app import main as run

        _add_commands()
    except KeyboardInterrupt:
        sys.exit(130)
    run()


def _add_commands() -> None:
    for name in _COMMANDS:
        importlib.import_module(f"{__name__}._{name}")


def __getattr__(name: str) -> Any:
    if name == "app":
        from ._app import app

        _add_commands()
        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
