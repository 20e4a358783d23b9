"""The CT-scan study, end to end: train its models, combine them, and print its results table.

Run it from a checkout: ``python benchmarks/ctscan.py``, or ``make ctscan``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.command import make_app, run_app
from benchmarks.study.settings import Settings, command_signature

EXAMPLES = """Examples:

  python benchmarks/ctscan.py

  python benchmarks/ctscan.py --data kaggle --preset corrected

  python benchmarks/ctscan.py --data FOLDER --backbone mobilenet_v2 --weights FILE.weights.h5 --out OUT
"""


def ctscan(**options: Any) -> None:
    """Reproduce the chest CT-scan study: a transfer model, a custom CNN, seven combinations of them, a chained model.

    Ten models with train, validation and test loss and accuracy, the balance
    table, and the published figures beside them. Every prediction carries the
    path of its image and is combined by it. Research software, not for diagnosis.
    """
    settings = Settings(**options)
    from benchmarks.study.run import run

    run(settings)


ctscan.__signature__ = command_signature()  # type: ignore[attr-defined] - typer reads the options from it
app = make_app()
app.command(epilog=EXAMPLES)(ctscan)


def main() -> None:
    """Run the command."""
    run_app(app, "ctscan")


if __name__ == "__main__":
    main()
