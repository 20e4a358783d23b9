"""The figures that the study published, and what is to be said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PUBLISHED = Path(__file__).resolve().parent.parent / "published.json"


def published_runs() -> list[dict[str, Any]]:
    """Return the published sets of figures, each with ``name``, ``source``, ``results`` and perhaps a ``note``."""
    return json.loads(PUBLISHED.read_text(encoding="utf-8"))


def published_notes() -> list[str]:
    """Return the sentences that belong to the published figures."""
    return [run["note"] for run in published_runs() if "note" in run]
