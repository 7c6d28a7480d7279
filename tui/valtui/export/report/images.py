"""Validation samples as images within a page."""

from __future__ import annotations

import base64
import io

import numpy as np

from valtui.causes.types import Hardest, Thumbnail
from valtui.export.report.html import text
from valtui.texts import number, share


def data_uri(thumbnail: Thumbnail) -> str:
    """Return a small image, uint8 (h, w) or (h, w, 1 or 3), as a PNG within an address."""
    from PIL import Image

    pixels = np.ascontiguousarray(thumbnail)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return "data:image/png;base64," + base64.b64encode(written.getvalue()).decode()


def hardest_images(found: Hardest) -> str:
    """Return the hardest samples: picture, class, share and mean loss."""
    parts = []
    for one in found.samples:
        about = f"no. {one.index}, class {text(one.label)}"
        picture = (
            f'<img src="{data_uri(one.thumbnail)}" alt="{about}">' if one.thumbnail is not None else ""
        )  # fmt: skip
        parts.append(
            f'<figure class="sample">{picture}<figcaption>{about}<br>{share(one.share)} of the '
            f"squared volatility*<br>mean loss {number(one.mean_loss, 2)}</figcaption></figure>"
        )
    return f'<div class="samples">{"".join(parts)}</div>'
