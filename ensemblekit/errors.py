"""Every error that ensemblekit raises on purpose, and its warnings.

Each error is an `EnsembleKitError` and also the built-in error that a caller would expect, so that both
``except EnsembleKitError`` and ``except ValueError`` work. Each message states the rule, the value received and what to
do. Control characters in a message are escaped: see `ensemblekit.printed.printable`.
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
    "FewRowsWarning",
    "FolderNotFoundError",
    "ImageReadingWarning",
    "InvalidOptionError",
    "InvalidPredictionsError",
    "LeakageError",
    "MissingClassWarning",
    "MissingDependencyError",
    "MissingImagesError",
    "NotAFileError",
    "NotFittedError",
    "NotStorableError",
    "OutputExistsError",
    "OwnLayersWarning",
    "PluginLoadError",
    "PluginWarning",
    "ProfileWarning",
    "RandomWeightsWarning",
    "StoreError",
    "UnknownMemberError",
    "UnknownPluginError",
    "UnreadableImageError",
    "UnvotedClassWarning",
    "UnweightedCombinerWarning",
    "VanishedClassWarning",
    "WeightsUnavailableError",
]


class _Printable:
    args: tuple[Any, ...]

    # Many messages contain names that users or files gave; escaping them here covers every message.
    def __str__(self) -> str:
        # KeyError would print the repr of its argument, with quotes.
        return printable(self.args[0] if len(self.args) == 1 else super().__str__(), lines=True)


class EnsembleKitError(_Printable, Exception):
    """Base class of every error that ensemblekit raises on purpose."""


class InvalidPredictionsError(EnsembleKitError, ValueError):
    """Predictions, ids, class names or labels are invalid on their own."""


class AlignmentError(EnsembleKitError, ValueError):
    """Predictions are valid, but cannot be aligned: their ids, classes or labels differ.

    Attributes
    ----------
    aliases : dict
        ``{class name: common name}`` that would resolve the difference, if the names suggest such aliases; else empty.
    """

    aliases: Mapping[str, str] = MappingProxyType({})


class LeakageError(EnsembleKitError, ValueError):
    """A combiner would be fitted on rows that a member was fitted on, or a choice would be made on the test split."""


class InvalidOptionError(EnsembleKitError, ValueError):
    """An option (a weight, a policy, a name) has a value that the call does not accept."""


class NotFittedError(EnsembleKitError, ValueError, AttributeError):
    """A combiner that learns is used before it is fitted."""


class CompatibilityError(EnsembleKitError, ValueError):
    """Models cannot be combined or chained with each other."""


class DataError(EnsembleKitError, ValueError):
    """A data source cannot be read as labelled samples with ids."""


class FolderNotFoundError(DataError, FileNotFoundError):
    """A folder of data does not exist."""


class NotAFileError(DataError, OSError):
    """A path is a pipe, device, socket or folder instead of a file, or the file is larger than allowed."""


class MissingImagesError(DataError, FileNotFoundError):
    """Images that a table names do not exist.

    Attributes
    ----------
    missing : tuple of str
        The ids of all of them.
    """

    missing: tuple[str, ...] = ()


class UnreadableImageError(DataError, OSError):
    """An image file cannot be decoded."""


class OutputExistsError(EnsembleKitError, FileExistsError):
    """An output would overwrite something that exists."""


class StoreError(EnsembleKitError, ValueError):
    """A saved ensemble cannot be loaded: incomplete, changed, of a newer format, or with parts that are not trusted."""


class NotStorableError(EnsembleKitError, TypeError):
    """An ensemble cannot be saved: it holds an object that has no safe file format."""


class WeightsUnavailableError(EnsembleKitError, OSError):
    """Weights of a backbone are not on this machine and cannot be downloaded, or do not fit it."""


class MissingDependencyError(EnsembleKitError, ImportError):
    """An optional dependency is needed but not installed."""


class PluginLoadError(EnsembleKitError, RuntimeError):
    """Plugins cannot be loaded: ensemblekit is not installed, or a built-in plugin is broken."""


class UnknownMemberError(EnsembleKitError, KeyError):
    """A set of predictions has no member of the requested name."""


class CheckFailedError(EnsembleKitError, AssertionError):
    """A plugin breaks a promise that `ensemblekit.testing` checks.

    Attributes
    ----------
    check : str
        Name of the check.
    arrays : dict
        Name -> array of the counter-example in the message.
    example : str
        The counter-example as code that runs by itself, where there is any: of `ensemblekit.testing.check_foreign`.
    """

    check: str = ""
    example: str = ""
    arrays: Mapping[str, Any] = MappingProxyType({})


class UnknownPluginError(EnsembleKitError, KeyError):
    """No plugin has registered the requested name."""


class DuplicateNameError(EnsembleKitError, ValueError, KeyError):
    """Two plugins claim one name."""


class PluginWarning(_Printable, UserWarning):
    """A third-party plugin was refused or is broken; all others are loaded."""


class RandomWeightsWarning(_Printable, UserWarning):
    """A backbone has random weights because its trained weights are not available."""


class MissingClassWarning(_Printable, UserWarning):
    """The training rows of a cross-validation fold lack a class."""


class UnvotedClassWarning(_Printable, UserWarning):
    """A class of votes is named by no vote: known labels alone name it, or all votes name the other one."""


class VanishedClassWarning(_Printable, UserWarning):
    """A rule that learns without labels predicts a class for no row, though it has the most votes on some."""


class UnweightedCombinerWarning(_Printable, UserWarning):
    """Members are fitted with weights of rows that their combiner makes no use of."""


class OwnLayersWarning(_Printable, UserWarning):
    """A file of a model holds layers that are not of Keras: who loads it needs their code."""


class FewRowsWarning(_Printable, UserWarning):
    """There are too few rows to promise a coverage or a risk; what is returned promises it by holding everything."""


class ProfileWarning(_Printable, UserWarning):
    """A figure of a profile could not be measured; the others are valid."""


class ImageReadingWarning(_Printable, UserWarning):
    """Something of an image is lost when it is read, or files of a folder are left out because of their names."""


class FeatureBankWarning(_Printable, UserWarning):
    """Features cannot be stored in a feature bank, or stored ones are damaged; they are computed again."""
