"""The preset ``best``: many heads on frozen backbones, combined by the rule that is chosen out of fold."""

from .preset import BEST_MODELS, run_best

__all__ = ["BEST_MODELS", "run_best"]
