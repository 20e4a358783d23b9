"""One Keras model out of many: shared parts run once, class names kept inside, stock layers only."""

from ._fuse import fuse
from ._names import class_names, member_names, with_members

__all__ = ["class_names", "fuse", "member_names", "with_members"]
