"""Pictures as data URIs, and which ones of many to show."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray


def strip_indices(length: int, count: int) -> list[int]:
    """At most `count` distinct steps spread evenly over an episode, the first and the last among them."""
    return sorted({round(i) for i in np.linspace(0, length - 1, min(count, length))})


def jpeg_uri(picture: NDArray[np.uint8], quality: int = 82) -> str:
    """A picture (H, W, 3) as a data URI."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
