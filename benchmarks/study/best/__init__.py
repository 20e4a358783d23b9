"""The preset ``best``: many heads on frozen backbones, chosen out of fold, combined and calibrated."""

from .preset import BEST_MODELS, BestRun, run_best

__all__ = ["BEST_MODELS", "BestRun", "run_best"]
