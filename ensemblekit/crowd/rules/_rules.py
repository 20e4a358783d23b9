"""The rules by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ._dawid_skene import DawidSkene
from ._glad import GLAD
from ._kos import KOS
from ._mace import MACE
from ._majority import MajorityVote
from ._one_coin import OneCoinDawidSkene
from ._ordinal import OrdinalDawidSkene
from ._wawa import Wawa
from ._weighted import WeightedVote
from ._zero_based_skill import ZeroBasedSkill

__all__ = ["RULES"]

RULES: Mapping[str, type[Any]] = MappingProxyType(
    {
        "majority": MajorityVote,
        "weighted": WeightedVote,
        "dawid_skene": DawidSkene,
        "one_coin": OneCoinDawidSkene,
        "wawa": Wawa,
        "zero_based_skill": ZeroBasedSkill,
        "glad": GLAD,
        "mace": MACE,
        "kos": KOS,
        "ordinal_dawid_skene": OrdinalDawidSkene,
    }
)
"""Name of a rule -> its class."""
