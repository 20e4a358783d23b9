"""Many small attacks, each in a process that may die: what the tests of this folder share.

A *case* is a function of its number. It returns None where all held, or a text that says what did not. An exception
that escapes, a crash of the interpreter, a case that does not end, and one that takes too much memory count as such.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import resource
import select
import subprocess
import sys
import traceback
from collections.abc import Generator
from pathlib import Path

ROOT = Path(__file__).parents[2]
START = 120
"""Seconds that a process may take until its first case, TensorFlow's import included."""


def n_cases(small: int, large: int) -> int:
    """Give the number of cases: ``small``, or ``large`` where ``ENSEMBLEKIT_FUZZ=large`` asks for it."""
    return large if os.environ.get("ENSEMBLEKIT_FUZZ") == "large" else small


def edited(rng: random.Random, data: bytes) -> bytes:
    """Make one small edit: a bit flipped, a byte set, bytes deleted, inserted or doubled, or the end cut off."""
    at = rng.randrange(len(data)) if data else 0
    few = rng.randint(1, 16)
    match rng.choice(("flip", "flip", "set", "delete", "insert", "double", "cut")) if data else "insert":
        case "flip":
            return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]
        case "set":
            return data[:at] + rng.choice((b"\0", b"\xff", b"0", b"9", b"-", b" ", b",", b"\n", b'"')) + data[at + 1 :]
        case "delete":
            return data[:at] + data[at + few :]
        case "insert":
            return data[:at] + rng.randbytes(few) + data[at:]
        case "double":
            return data[: at + few] + data[at : at + few] + data[at + few :]
        case _:
            return data[:at]


def run_cases(work: str, n: int, *, seconds: float = 20, memory: int = 4 * 2**30) -> list[str]:
    """Run the cases 0 to n - 1 in child processes; one that dies is followed by another.

    Parameters
    ----------
    work : str
        ``"module:function"``; the function is called with the number of the case.
    n : int
        How many.
    seconds : float, default=20
        That a case may take.
    memory : int, default=4 GiB
        Bytes that the process may grow by.

    Returns
    -------
    list of str
        A line a violation: which case, and what.
    """
    violations: list[str] = []
    done = 0
    while done < n:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.harness", work, str(done), str(n), str(memory)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        what: str | None
        try:
            for what in _said_by(child, seconds):
                if what is not None:
                    violations.append(f"{work} case {done}: {what}")
                done += 1
            what = f"the process ended with {child.returncode}"
        except TimeoutError:
            what = f"not ended after {seconds} s"
        finally:
            child.kill()
            child.communicate()
        if done < n:
            violations.append(f"{work} case {done}: {what}")
            done += 1
    return violations


def _said_by(child: subprocess.Popen[bytes], seconds: float) -> Generator[str | None]:
    """Yield what each case says, until the process ends; TimeoutError where one does not come to its end."""
    assert child.stdout is not None
    wait, rest, started = float(START), b"", False
    while True:
        if not select.select([child.stdout], [], [], wait)[0]:
            raise TimeoutError
        read = os.read(child.stdout.fileno(), 2**16)
        if not read:
            if not started:
                raise RuntimeError("the module of the cases cannot be imported, or has no such function")
            child.wait()
            return
        *lines, rest = (rest + read).split(b"\n")
        yield from (json.loads(line) for line in lines[not started :])
        started, wait = started or bool(lines), seconds


def _serve(work: str, start: int, stop: int, memory: int) -> None:
    # What the code under test prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module, _, name = work.partition(":")
    case = getattr(importlib.import_module(module), name)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + memory, resource.RLIM_INFINITY))
    answers.write("ready\n")
    for number in range(start, stop):
        try:
            what = case(number)
        except BaseException:
            what = traceback.format_exc(limit=-6)
        answers.write(json.dumps(what) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    _serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
