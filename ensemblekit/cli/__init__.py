"""The command ``ensemblekit``."""

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command; Ctrl-C during its imports ends it as quietly as later."""
    try:
        from ._app import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


def __getattr__(name: str) -> Any:
    if name == "app":
        from ._app import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
