"""The benchmark's own images: CT-like chest phantoms, in the layout of the study's real set.

They are drawings, made so that the study runs anywhere and in minutes. They say nothing of real CT scans, and nothing
learned from them may be used on any. Classes differ by their masses and, as the sources of the real set do, by the grey
levels that they are mostly shown in; what a small network learns in a few epochs is the grey levels.
"""

from .making import default_folder, make_phantoms

__all__ = ["default_folder", "make_phantoms"]
