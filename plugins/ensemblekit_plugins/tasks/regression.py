"""The task ``regression``."""

from __future__ import annotations

from typing import Any

from ensemblekit import Task, hookimpl

__all__ = ["Regression"]


class Regression(Task):
    """One or more numbers per row."""

    kind = "regression"
    metrics = ("rmse", "mae", "r2")
    dense_metrics = ()


@hookimpl
def ensemblekit_register_tasks(register: Any) -> None:
    """Register ``regression``."""
    register("regression", Regression)
