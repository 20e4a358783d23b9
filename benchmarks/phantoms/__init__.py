"""Synthetic chest CT slices in the folder layout of the study's real data set.

They let the study run anywhere, within minutes. They are drawings and say nothing about real CT scans. The classes
differ by their masses and by how often each window of grey levels is used, as the sources of the real set do; within a
few epochs a small network learns mostly the grey levels.
"""

from .making import default_folder, make_phantoms

__all__ = ["default_folder", "make_phantoms"]
