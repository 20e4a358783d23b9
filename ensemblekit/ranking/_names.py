"""Names that are asked for, among those that are known."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from ..errors import InvalidOptionError

__all__ = ["check_known"]


def check_known(name: str, known: Sequence[str], what: str) -> None:
    """Refuse a name that is not known, with the nearest one."""
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        advice = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidOptionError(f"{what} must be one of {', '.join(map(repr, known))}; received {name!r}.{advice}")
