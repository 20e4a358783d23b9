"""All commands: a file a command, each of which adds itself to `app`."""

from . import _audit as _audit
from . import _cache as _cache
from . import _check as _check
from . import _combine as _combine
from . import _compare as _compare
from . import _evaluate as _evaluate
from . import _fuse as _fuse
from . import _plugins as _plugins
from . import _predict as _predict
from . import _profile as _profile
from ._app import app, main

__all__ = ["app", "main"]
