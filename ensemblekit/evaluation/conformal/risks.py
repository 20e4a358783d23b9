"""Losses of rows, and tests of their mean; for other rooms."""

from ._risk_tests import group_means, risk_p_values
from ._row_losses import RowLoss, row_loss

__all__ = ["RowLoss", "group_means", "risk_p_values", "row_loss"]
