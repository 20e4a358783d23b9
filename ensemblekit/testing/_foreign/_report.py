"""What a function was found to promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._running import CheckResult

__all__ = ["ForeignReport"]


@dataclass(frozen=True)
class ForeignReport:
    """Which promises a function keeps, and a counter-example for each that it breaks.

    ``print(report)`` shows the names, the reasons, and the first counter-example.

    Parameters
    ----------
    label : str
        Name of the function.
    shape : str
        The shape of its members' answers.
    results : tuple of CheckResult
        One result a promise, in the order in which they were checked.
    """

    label: str
    shape: str
    results: tuple[CheckResult, ...]

    def _named(self, status: str) -> tuple[str, ...]:
        return tuple(result.check for result in self.results if result.status == status)

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the promises for which no counter-example was found."""
        return self._named("passed")

    @property
    def broken(self) -> tuple[str, ...]:
        """Names of the promises that are broken, or were expected to be and are not."""
        return self._named("failed")

    @property
    def waived(self) -> Mapping[str, str]:
        """Name of each promise that is broken as expected -> the reason that was given."""
        return {result.check: result.reason for result in self.results if result.status == "expected failure"}

    @property
    def not_applicable(self) -> Mapping[str, str]:
        """Name of each promise that could not be checked -> why."""
        return {result.check: result.reason for result in self.results if result.status == "skipped"}

    @property
    def examples(self) -> Mapping[str, str]:
        """Name of each broken or waived promise -> a counter-example, as code that runs by itself and fails."""
        return {result.check: result.error.example for result in self.results if result.error is not None}

    @property
    def found(self) -> Mapping[str, str]:
        """Name of each broken or waived promise -> what was found, in a sentence."""
        return {result.check: _sentence(result) for result in self.results if result.error is not None}

    def __str__(self) -> str:
        lines = [f"{self.label} ({self.shape}): {len(self.kept)} promises kept, {len(self.broken)} broken"]
        lines += [f"  kept: {', '.join(self.kept) or 'none'}"]
        lines += [f"  broken: {name}: {self.found[name]}" for name in self.broken]
        lines += [f"  waived: {name}: {reason}" for name, reason in self.waived.items()]
        lines += [f"  not applicable: {name}: {reason}" for name, reason in self.not_applicable.items()]
        if self.broken and self.examples[self.broken[0]]:
            lines += [f"Counter-example of {self.broken[0]}:", "", self.examples[self.broken[0]]]
        return "\n".join(lines)


def _sentence(result: CheckResult) -> str:
    lines = str(result.error).splitlines()
    return next((line.removeprefix("Found: ") for line in lines if line.startswith("Found: ")), lines[0])
