"""The use of a bank by one call: look up rows, wait for other processes, and store rows."""

from __future__ import annotations

import contextlib
import threading
import warnings
from typing import Any

import numpy as np

from ..errors import CompatibilityError, FeatureBankWarning
from ._bank import FeatureBank
from ._bank_folder import collection_folder, evict, lock_collection, remove_unfinished, write_note
from ._collection import Collection, Hits
from ._segment import segment_bytes

__all__ = ["BankSession"]


class BankSession:
    """Finds rows in a bank, and stores the missing ones; does neither if there is no bank.

    A bank that cannot be written is still read; one warning says that nothing is stored. One thread may look up rows
    while another stores rows.

    Parameters
    ----------
    bank : FeatureBank or None
        The bank.
    about : dict
        All that the features depend on; see `collection_folder`.
    """

    def __init__(self, bank: FeatureBank | None, about: dict[str, Any]) -> None:
        self._bank, self._about = bank, about
        self._collection = None if bank is None else Collection(collection_folder(bank.folder, about))
        self._writable = bank is not None
        self._lock = contextlib.ExitStack()
        self._waited = False
        self._mutex = threading.Lock()

    def __enter__(self) -> BankSession:
        return self

    def __exit__(self, *raised: object) -> None:
        self._lock.close()

    def find(self, keys: np.ndarray) -> Hits:
        """Look up rows. Before a row counts as missing, wait for any process that may be computing it."""
        if self._collection is None:
            return Hits.none(len(keys))
        with self._mutex:
            hits = self._collection.find(keys)
            if hits.missing.any() and not self._waited:
                self._waited = True
                self._wait(self._collection)
                hits = self._collection.find(keys)
        return hits

    def check_columns(self, n_features: int) -> None:
        """Refuse a backbone if the bank has features of another width under its fingerprint.

        Raises
        ------
        CompatibilityError
            If the bank has another number of features.
        """
        columns = n_features if self._collection is None else self._collection.n_columns
        if columns not in (0, n_features):
            raise CompatibilityError(
                f"equal fingerprints must give equal features; the bank has {columns} an image under that of "
                f"{self._about['backbone']!r}, which now gives {n_features}. Change its fingerprint whenever its "
                "features change."
            )

    def store(self, keys: np.ndarray, features: np.ndarray) -> None:
        """Store rows, if the bank can be written and is large enough for them."""
        if self._bank is None or self._collection is None or not self._writable:
            return
        n_bytes = segment_bytes(*features.shape)
        if n_bytes > self._bank.max_bytes:
            self._stop_writing(
                f"they take {n_bytes} bytes, and the bank {str(self._bank.folder)!r} may hold {self._bank.max_bytes}. "
                "Give FeatureBank a larger max_bytes."
            )
            return
        with self._mutex:
            try:
                self._collection.append(keys, features)
                evict(self._bank.folder, self._bank.max_bytes)
            except OSError as error:
                self._report_unwritable(error)

    def _wait(self, collection: Collection) -> None:
        try:
            self._lock.enter_context(lock_collection(collection.folder))
            write_note(collection.folder, self._about)
            remove_unfinished(collection.folder)
        except OSError as error:  # also OutputExistsError: the folder does not belong to the bank
            self._report_unwritable(error)
        collection.refresh()

    def _report_unwritable(self, error: OSError) -> None:
        folder = str(self._bank and self._bank.folder)
        self._stop_writing(
            f"the bank {folder!r} cannot be written: {error}. Free space there, or choose another folder by "
            "FeatureBank(FOLDER) or ENSEMBLEKIT_CACHE."
        )

    def _stop_writing(self, reason: str) -> None:
        self._writable = False
        warnings.warn(
            f"features must be computed again next time, as they are not kept: {reason}",
            FeatureBankWarning,
            stacklevel=2,
        )
