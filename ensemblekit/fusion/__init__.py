"""One Keras model out of many: shared parts run once, class names kept inside, stock layers only."""

from ._export import Exported, export_fused
from ._fuse import fuse
from ._names import class_names, member_names, with_members

__all__ = ["Exported", "class_names", "export_fused", "fuse", "member_names", "with_members"]
