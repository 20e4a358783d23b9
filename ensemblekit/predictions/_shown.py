"""Names and values as they stand in errors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["few", "shortened", "shown"]


def few(items: Iterable[Any], n: int = 3) -> str:
    """Format the number of items and the first few of them, for an error message."""
    items = list(items)
    first = ", ".join(shown(item, 100) for item in items[:n])
    return f"{len(items)} ({first}{', ...' if len(items) > n else ''})"


def shown(item: Any, n: int = 400) -> str:
    """Format a value for an error message; shorten a long one in the middle."""
    return shortened(repr(item), n)


def shortened(text: str, n: int) -> str:
    """Shorten a long text in the middle."""
    return text if len(text) <= n else f"{text[: n // 2]}...{text[-n // 4 :]}"
