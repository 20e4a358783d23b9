"""Tasks and policies for absent rows and classes: types, checks, and the refusal of the test split."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Hashable, Mapping
from typing import Any, Literal

import numpy as np

from ..errors import InvalidOptionError, LeakageError
from ..kinds import KINDS, Kind, task_of
from .keys import key_of
from .names import is_text, shown

__all__ = [
    "Aliases",
    "Missing",
    "MissingPolicy",
    "Task",
    "check_choice",
    "check_not_seen",
    "check_not_test",
    "check_task",
    "missing_policy",
]

Task = Kind | str
"""Name of a task: ``multiclass``, ``multilabel``, ``regression`` or another that a plugin registered."""
Missing = Literal["error", "zero", "renormalize"]
MissingPolicy = Missing | Mapping[str, str]
"""One policy, or ``{"classes": policy, "rows": policy}``, as described in `align`."""
Aliases = Mapping[Any, Hashable]
"""``{name: common name}`` of classes. The key is Any because type checkers treat keys as invariant."""


def check_not_test(what: str, split: str | None, ids: np.ndarray) -> None:
    """Refuse rows of the test split, found by the split's name or, without one, by paths that start with ``test/``."""
    rows = len(ids) if split == "test" else 0
    if split is None and is_text(ids) and key_of(ids) is None:
        starts = np.strings.startswith(ids, "test/") if ids.dtype.kind == "U" else [i.startswith("test/") for i in ids]
        rows = int(np.sum(starts))
    if rows:
        raise LeakageError(
            f"{what} on the test split, which is read once, in evaluation; received {len(ids)} rows, {rows} of them of "
            f"the split 'test', first {shown(ids.tolist()[0])}. Give validation or out-of-fold predictions, or "
            "allow_leakage=True to go on knowingly."
        )


def check_not_seen(what: str, role: str, predictions: Mapping[str, Any]) -> None:
    """Refuse rows that a model was fitted on that predicts them, or others of their groups."""
    for name, one in predictions.items():
        seen = one.seen
        if seen is not None and seen.any():
            raise LeakageError(
                f"{what} on rows that no {role} has seen, nor others of their groups; {role} {name!r} was fitted on "
                f"{seen.sum()} of {len(seen)}, first {shown(one.ids[seen].tolist()[0])}. Give held-out rows, or "
                "allow_leakage=True to go on knowingly."
            )


def check_choice(name: str, value: Any, choices: Collection[str]) -> None:
    """Refuse a value that is not one of the choices; name the nearest one."""
    if not isinstance(value, str) or value not in choices:
        near = difflib.get_close_matches(value, choices, n=1) if isinstance(value, str) else []
        advice = f" Did you mean {near[0]!r}?" if near else ""
        raise InvalidOptionError(f"{name} must be one of {', '.join(map(repr, choices))}; received {value!r}.{advice}")


def check_task(task: Any) -> None:
    """Refuse a task that is neither one of the three nor registered by a plugin."""
    if not isinstance(task, str) or task not in KINDS:
        task_of(task)


_POLICIES: dict[str, tuple[Literal["error", "zero"], Literal["error", "renormalize"]]] = {
    "error": ("error", "error"), "zero": ("zero", "error"), "renormalize": ("error", "renormalize")
}  # fmt: skip


def missing_policy(missing: Any) -> tuple[Literal["error", "zero"], Literal["error", "renormalize"]]:
    """Split ``missing=`` into the policy for absent classes and the policy for absent rows."""
    if isinstance(missing, str) and missing in _POLICIES:
        return _POLICIES[missing]
    rule = (
        "missing must be 'error', 'zero' (absent classes), 'renormalize' (absent rows), "
        "or {'classes': 'error' | 'zero', 'rows': 'error' | 'renormalize'}"
    )
    if isinstance(missing, Mapping):
        classes: Any = missing.get("classes", "error")
        rows: Any = missing.get("rows", "error")
        known = isinstance(classes, str) and isinstance(rows, str) and {*missing} <= {"classes", "rows"}
        if known and classes in ("error", "zero") and rows in ("error", "renormalize"):
            return classes, rows
    raise InvalidOptionError(f"{rule}; received {missing!r}.")
