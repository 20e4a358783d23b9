"""Fuse several Keras models into one: shared layers run once, and class names are stored in the model."""

from ._export import Exported, export_fused
from ._fuse import fuse
from .layer_names import class_names, member_names, task_name, with_members

__all__ = ["Exported", "class_names", "export_fused", "fuse", "member_names", "task_name", "with_members"]
