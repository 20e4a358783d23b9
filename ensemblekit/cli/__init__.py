"""The command ``ensemblekit``."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._commands import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command; its imports take a moment, in which Ctrl-C ends it as quietly as later."""
    try:
        from ._commands import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


def __getattr__(name: str) -> Any:
    if name == "app":
        from ._commands import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
