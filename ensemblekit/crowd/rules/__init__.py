"""Rules: how the votes on an item become one label. Each has a file, and a name in `RULES`."""

from ._dawid_skene import DawidSkene
from ._glad import GLAD
from ._kos import KOS
from ._mace import MACE
from ._majority import MajorityVote
from ._one_coin import OneCoinDawidSkene
from ._ordinal import OrdinalDawidSkene
from ._rules import RULES
from ._wawa import Wawa
from ._weighted import WeightedVote
from ._zero_based_skill import ZeroBasedSkill

__all__ = [
    "GLAD",
    "KOS",
    "MACE",
    "RULES",
    "DawidSkene",
    "MajorityVote",
    "OneCoinDawidSkene",
    "OrdinalDawidSkene",
    "Wawa",
    "WeightedVote",
    "ZeroBasedSkill",
]
