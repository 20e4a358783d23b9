"""What one call has to do with a bank: it looks up, waits its turn, and keeps."""

from __future__ import annotations

import contextlib
import threading
import warnings
from typing import Any

import numpy as np

from ..errors import CompatibilityError, FeatureBankWarning
from ._bank import FeatureBank
from ._files import make_room, remove_partial, shelf_folder, write_about, writing
from ._segment import segment_bytes
from ._shelf import Hits, Shelf

__all__ = ["Keeper"]


class Keeper:
    """Finds rows, and keeps those that were missing; without a bank it does neither.

    Where the bank cannot be written, it says so once and keeps nothing; what is there is found all the same. One thread
    may find while another keeps.

    Parameters
    ----------
    bank : FeatureBank or None
        Where.
    about : dict
        What the rows are features of; see `shelf_folder`.
    """

    def __init__(self, bank: FeatureBank | None, about: dict[str, Any]) -> None:
        self._bank, self._about = bank, about
        self._shelf = None if bank is None else Shelf(shelf_folder(bank.folder, about))
        self._keeps = bank is not None
        self._turn = contextlib.ExitStack()
        self._waited = False
        self._mutex = threading.Lock()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *raised: object) -> None:
        self._turn.close()

    def find(self, keys: np.ndarray) -> Hits:
        """Look up rows. Before the first is called missing, wait for any process that may be computing it."""
        if self._shelf is None:
            return Hits.none(len(keys))
        with self._mutex:
            hits = self._shelf.find(keys)
            if hits.missing.any() and not self._waited:
                self._waited = True
                self._wait(self._shelf)
                hits = self._shelf.find(keys)
        return hits

    def check_columns(self, n_features: int) -> None:
        """Refuse a backbone whose fingerprint promises what it does not keep.

        Raises
        ------
        CompatibilityError
            If rows under its fingerprint have another number of features.
        """
        columns = n_features if self._shelf is None else self._shelf.n_columns
        if columns not in (0, n_features):
            raise CompatibilityError(
                f"equal fingerprints must give equal features; the bank has {columns} an image under that of "
                f"{self._about['backbone']!r}, which now gives {n_features}. Change its fingerprint whenever its "
                "features change."
            )

    def keep(self, keys: np.ndarray, features: np.ndarray) -> None:
        """Keep rows, if the bank can be written and they fit into it."""
        if self._bank is None or self._shelf is None or not self._keeps:
            return
        n_bytes = segment_bytes(*features.shape)
        if n_bytes > self._bank.max_bytes:
            self._give_up(
                f"they take {n_bytes} bytes, and the bank {str(self._bank.folder)!r} may hold {self._bank.max_bytes}. "
                "Give FeatureBank a larger max_bytes."
            )
            return
        with self._mutex:
            try:
                self._shelf.append(keys, features)
                make_room(self._bank.folder, self._bank.max_bytes)
            except OSError as error:
                self._give_up_writing(error)

    def _wait(self, shelf: Shelf) -> None:
        try:
            self._turn.enter_context(writing(shelf.folder))
            write_about(shelf.folder, self._about)
            remove_partial(shelf.folder)
        except OSError as error:  # among them what is not ours: OutputExistsError
            self._give_up_writing(error)
        shelf.refresh()

    def _give_up_writing(self, error: OSError) -> None:
        folder = str(self._bank and self._bank.folder)
        self._give_up(
            f"the bank {folder!r} cannot be written: {error}. Free space there, or choose another folder by "
            "FeatureBank(FOLDER) or ENSEMBLEKIT_CACHE."
        )

    def _give_up(self, why: str) -> None:
        self._keeps = False
        warnings.warn(
            f"features must be computed again next time, as they are not kept: {why}", FeatureBankWarning, stacklevel=2
        )
