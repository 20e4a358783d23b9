"""Names that are spelled in several ways: which are probably the same, and what an error says about them."""

from __future__ import annotations

import difflib
import unicodedata
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import InvalidPredictionsError
from .joining import composed, is_text
from .names import few, shortened, shown

__all__ = ["check_aliases", "normalisation_note", "propose_aliases", "shown_aliases"]

MOST_PROPOSED = 100
"""No aliases are guessed for more names than this, as each name is compared with each target."""
MOST_SHOWN = 20
"""Aliases that a message proposes one by one."""


def propose_aliases(names: Iterable[Hashable], targets: Iterable[Hashable]) -> dict[Hashable, Hashable]:
    """Propose, for each name, the one target that is probably the same class.

    Parameters
    ----------
    names, targets : iterable of str or int
        Class names that only one side has.

    Returns
    -------
    dict
        ``{name: target}``; empty unless each name has exactly one target, and no two names have the same target.
    """
    left = {t: _folded(t) for t in targets if isinstance(t, str)}
    same = _by_key(left)
    proposal: dict[Hashable, Hashable] = {}
    unlike: list[str] = []
    for name in names:
        if not isinstance(name, str):  # 1 is not a variant of 10
            return {}
        target = same.pop(_folded(name), None)
        if target is None and (number := _number(name)) is not None:  # "0.9" is not a variant of "0.95"
            equal = [other for other in left if _number(other) == number]
            if len(equal) != 1:
                return {}
            target = equal[0]
            same.pop(left[target], None)
        if target is None:
            unlike.append(name)
        else:
            proposal[name] = target
            del left[target]
    if len(unlike) > len(left) or (max(len(unlike), len(left)) > MOST_PROPOSED and unlike):
        return {}
    for name in unlike:
        own = _folded(name)
        found = [target for target, key in left.items() if key.startswith(own) or own.startswith(key)]
        found = found or difflib.get_close_matches(name, left, n=1, cutoff=0.75)
        if len(found) != 1:
            return {}
        proposal[name] = found[0]
        del left[found[0]]
    return proposal


def shown_aliases(proposal: Mapping[Hashable, Hashable]) -> str:
    """Format proposed aliases as an argument; the first few of many, which the error has as ``.aliases``."""
    # Names that look the same are told apart by escapes only.
    escaped = bool(normalisation_note(proposal, proposal.values()))
    pairs = [f"{old!a}: {new!a}" if escaped else f"{old!r}: {new!r}" for old, new in proposal.items()]
    if len(pairs) <= MOST_SHOWN:
        return f"aliases={{{', '.join(pairs)}}}"
    return f"aliases={{{', '.join(pairs[:3])}, ...}}, all {len(pairs)} of which the error has as .aliases"


def check_aliases(aliases: Mapping[Any, Hashable], classes: Collection[Hashable]) -> None:
    """Refuse an alias that would rename nothing because it spells a class in another Unicode normalisation."""
    known = set(classes)
    unused = [name for name in aliases if name not in known]
    note = normalisation_note(
        unused, known - aliases.keys() - {name for name in aliases.values() if isinstance(name, str)}
    )
    if note:
        raise InvalidPredictionsError(
            f"aliases must name classes as they are written; received {few(unused)} beside the classes "
            f"{shown(tuple(classes))}.{note} Give the alias of the class as it is written."
        )


def normalisation_note(names: Iterable[Hashable] | np.ndarray, others: Iterable[Hashable] | np.ndarray) -> str:
    """Say which names differ from others only by Unicode normalisation, for an error message.

    Parameters
    ----------
    names, others : iterable of str or int, or ndarray of validated ids
        Names of two sides that should be the same.

    Returns
    -------
    str
        A space and a sentence; empty if there are no such names.
    """
    one, other = (
        given if isinstance(given, np.ndarray) else np.array([n for n in given if isinstance(n, str)], dtype=object)
        for given in (names, others)
    )
    if not (is_text(one) and is_text(other)) or (composed(one) is one and composed(other) is other):
        return ""
    known = {unicodedata.normalize("NFC", name): name for name in other.tolist()}
    pairs = ((name, known.get(unicodedata.normalize("NFC", name), name)) for name in one.tolist())
    alike = [(name, target) for name, target in pairs if name != target]
    if not alike:
        return ""
    pair = " and ".join(shortened(ascii(name), 100) for name in alike[0])
    more = f" ({len(alike)} such pairs)" if len(alike) > 1 else ""
    return f" Names that look the same differ by their Unicode normalisation: {pair}{more}."


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _number(name: str) -> float | None:
    try:
        return float(name)
    except ValueError:
        return None


def _by_key(keys: Mapping[str, str]) -> dict[str, str]:
    """Turn ``{name: key}`` into ``{key: name}``, without keys that several names have."""
    times = Counter(keys.values())
    return {key: name for name, key in keys.items() if times[key] == 1}
