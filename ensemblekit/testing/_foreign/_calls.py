"""Call a stranger's function within a time limit."""

from __future__ import annotations

import ctypes
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Outcome", "call_within"]

ENDING_SECONDS = 0.2
"""How long a call that was told to stop may take to do so."""


class _Stopped(BaseException):
    """Raised in the thread of a call that takes too long."""


@dataclass(frozen=True)
class Outcome:
    """What became of a call: an answer, an error, or nothing within the time limit."""

    kind: Literal["answer", "error", "late"]
    value: Any = None


def call_within(seconds: float, function: Callable[..., Any], arguments: Sequence[Any]) -> Outcome:
    """Call in a thread of its own; a call of Python code that takes too long is stopped, any other is left behind."""
    outcome: list[Outcome] = []

    def work() -> None:
        try:
            outcome.append(Outcome("answer", function(*arguments)))
        except _Stopped:
            pass
        except BaseException as error:
            outcome.append(Outcome("error", error))

    with warnings.catch_warnings():
        # What a function says in warnings is not judged.
        warnings.simplefilter("ignore")
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(seconds)
        if thread.is_alive() and thread.ident is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(_Stopped))
            thread.join(ENDING_SECONDS)
    return outcome[0] if outcome else Outcome("late")
