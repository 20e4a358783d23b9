"""Every error that ensemblekit raises on purpose, and its warnings.

Each is an :class:`EnsembleKitError` and also the built-in error that a caller would expect, so that both
``except EnsembleKitError`` and ``except ValueError`` work. Each message says the rule, what came, and what to do.
A message can be printed whatever names are in it: see :func:`ensemblekit.printed.printable`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .printed import printable

__all__ = [
    "AlignmentError",
    "CheckFailedError",
    "CompatibilityError",
    "DataError",
    "DuplicateNameError",
    "EnsembleKitError",
    "FeatureBankWarning",
    "FolderNotFoundError",
    "InvalidOptionError",
    "InvalidPredictionsError",
    "LeakageError",
    "MissingClassWarning",
    "MissingDependencyError",
    "NotAFileError",
    "NotFittedError",
    "NotStorableError",
    "OutputExistsError",
    "PluginLoadError",
    "PluginWarning",
    "ProfileWarning",
    "RandomWeightsWarning",
    "StoreError",
    "UnknownMemberError",
    "UnknownPluginError",
    "UnreadableImageError",
    "WeightsUnavailableError",
]


class _Printable:
    args: tuple[Any, ...]

    # Names of strangers stand in many messages: here is the one place through which all of them come out.
    def __str__(self) -> str:
        # KeyError would print the repr of its one argument, quotes and escapes included.
        return printable(self.args[0] if len(self.args) == 1 else super().__str__(), lines=True)


class EnsembleKitError(_Printable, Exception):
    """Base class of every error that ensemblekit raises on purpose."""


class InvalidPredictionsError(EnsembleKitError, ValueError):
    """Predictions, ids, class names or labels that are not valid by themselves."""


class AlignmentError(EnsembleKitError, ValueError):
    """Predictions that are each valid but do not line up: other ids, other classes, other labels.

    Attributes
    ----------
    aliases : dict
        ``{class name: common name}`` that would settle it, where one is plain; else empty.
    """

    aliases: Mapping[str, str] = MappingProxyType({})


class LeakageError(EnsembleKitError, ValueError):
    """Rows would be used twice: a combiner fitted where a member was, or anything chosen on the test split."""


class InvalidOptionError(EnsembleKitError, ValueError):
    """An option (a weight, a policy, a name) outside what the call accepts."""


class NotFittedError(EnsembleKitError, ValueError, AttributeError):
    """A combiner that learns was asked to combine before it was fitted."""


class CompatibilityError(EnsembleKitError, ValueError):
    """Models that cannot be combined or chained with each other."""


class DataError(EnsembleKitError, ValueError):
    """A data source that cannot be read as labelled samples with ids."""


class FolderNotFoundError(DataError, FileNotFoundError):
    """A folder of data that is not there."""


class NotAFileError(DataError, OSError):
    """A pipe, a device, a socket or a folder where a file should be, or a file larger than it may be."""


class UnreadableImageError(DataError, OSError):
    """An image file that cannot be decoded."""


class OutputExistsError(EnsembleKitError, FileExistsError):
    """An output would overwrite what is already there."""


class StoreError(EnsembleKitError, ValueError):
    """A saved ensemble that cannot be loaded: not whole, changed, too new, or with parts that are not trusted."""


class NotStorableError(EnsembleKitError, TypeError):
    """An ensemble that cannot be saved: it holds what has no safe form in a file."""


class WeightsUnavailableError(EnsembleKitError, OSError):
    """Weights of a backbone that are neither on this machine nor to be downloaded, or do not fit it."""


class MissingDependencyError(EnsembleKitError, ImportError):
    """An optional dependency is needed and not installed."""


class PluginLoadError(EnsembleKitError, RuntimeError):
    """The plugins cannot be loaded: nothing is installed, or a built-in plugin is broken."""


class UnknownMemberError(EnsembleKitError, KeyError):
    """A set of predictions has no member of the name that was asked for."""


class CheckFailedError(EnsembleKitError, AssertionError):
    """A plugin breaks a promise that `ensemblekit.testing` checks.

    Attributes
    ----------
    check : str
        Name of the check.
    arrays : dict
        Name -> array of the counter-example that the message shows.
    """

    check: str = ""
    arrays: Mapping[str, Any] = MappingProxyType({})


class UnknownPluginError(EnsembleKitError, KeyError):
    """No plugin registered the name that was asked for."""


class DuplicateNameError(EnsembleKitError, ValueError, KeyError):
    """Two plugins claim one name."""


class PluginWarning(_Printable, UserWarning):
    """A third party's plugin was refused or is broken; everything else goes on."""


class RandomWeightsWarning(_Printable, UserWarning):
    """A backbone has random weights, since no others could be had."""


class MissingClassWarning(_Printable, UserWarning):
    """A fold of a cross-validation has no row of some class to fit on."""


class ProfileWarning(_Printable, UserWarning):
    """A figure of a profile could not be measured; the others stand."""


class FeatureBankWarning(_Printable, UserWarning):
    """Features cannot be kept in a feature bank, or some that were kept are damaged; they are computed again."""
