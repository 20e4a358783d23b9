"""Small pictures of images, inside a page."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from ..data.showing import shrink
from ..errors import InvalidOptionError

__all__ = ["SIDE", "embedded_image"]

SIDE = 160
"""Largest height and width of a picture in the page."""
CLEAREST = 8
"""How many times as large a small image is shown at most."""


def embedded_image(pixels: Any) -> dict[str, Any]:
    """Encode an image for a page.

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, n_channels)
        Numbers, of any size.

    Returns
    -------
    dict
        Its ``source``, a data URL; ``width`` and ``height`` at which it is shown; and whether it is shown ``larger``.
    """
    from PIL import Image

    values = np.asarray(pixels)
    if values.ndim not in (2, 3) or not values.size or values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise InvalidOptionError(
            "pixels of a thumbnail must be finite numbers of shape (height, width) or (height, width, channels); "
            f"received shape {values.shape} and dtype {values.dtype}."
        )
    small = shrink(values, SIDE)
    image = Image.fromarray(small)
    # PNG is exact, and smaller for drawings; JPEG is much smaller for photographs.
    encoded: list[tuple[int, str, bytes]] = []
    for kind, options in (("png", {"optimize": True}), ("jpeg", {"quality": 80, "optimize": True})):
        file = io.BytesIO()
        image.save(file, kind, **options)
        encoded.append((len(file.getvalue()), kind, file.getvalue()))
    _, kind, content = min(encoded)
    height, width = small.shape[:2]
    times = min(max(SIDE // max(height, width), 1), CLEAREST)
    return {
        "source": f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}",
        "width": width * times,
        "height": height * times,
        "larger": times > 1,
    }
