"""The contracts between ensemblekit and its plugins.

A plugin need not derive from these classes: an object with the same methods is enough. `Combiner`, `Metric` and `Task`
have code: a subclass defines only what differs.
"""

from ._members import TAKES, TRAITS, Backbone, Chainer, Combiner, CombinerLike, Factory, Head, Member, taken_by
from ._metric import Metric, OfWeights
from ._task import Task

__all__ = [
    "TAKES",
    "TRAITS",
    "Backbone",
    "Chainer",
    "Combiner",
    "CombinerLike",
    "Factory",
    "Head",
    "Member",
    "Metric",
    "OfWeights",
    "Task",
    "taken_by",
]
