"""What a person may want to know about each validation image: arrays only, others write them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from valtui_trainer.session.safe import safe
from valtui_trainer.training.data.arrays import AnyArray, Images, Integers, Pixels
from valtui_trainer.training.data.digests import sample_digests

THUMBNAIL = 32
ROWS = 1024
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

Floats = npt.NDArray[np.float32]


def describe(images: Images, index: Integers) -> dict[str, AnyArray]:
    """Return the arrays of one validation split of n images; `index` (n,) are their rows in the source.

    index int64, sample_digest uint64, label int64, class_names (classes,) strings,
    thumbnail uint8 (n, h, w) or (n, h, w, 3) with h and w at most 32,
    and float32 (n,) on the grey image y, white being 1 (0.299 R + 0.587 G + 0.114 B):
    brightness = mean(y); contrast = standard deviation of y;
    sharpness = variance over the inner pixels of the Laplacian
    y[i-1,j] + y[i+1,j] + y[i,j-1] + y[i,j+1] - 4 y[i,j], 0 for images under 3 pixels.
    """
    brightness, contrast, sharpness = _qualities(images.images)
    return {
        "index": np.asarray(index, dtype=np.int64),
        "sample_digest": sample_digests(images),
        "label": images.labels,
        "class_names": np.array([safe(name, 200) for name in images.names], dtype=np.str_),
        "thumbnail": thumbnails(images.images),
        "brightness": brightness,
        "contrast": contrast,
        "sharpness": sharpness,
    }


def thumbnails(pixels: Pixels) -> Pixels:
    """Return images (n, h, w, c) shrunk by area to at most 32x32, in proportion, without a grey axis."""
    count, height, width, channels = pixels.shape
    scale = min(1.0, THUMBNAIL / max(height, width))
    small = (max(1, round(height * scale)), max(1, round(width * scale)))
    squeezed = pixels[..., 0] if channels == 1 else pixels
    if scale == 1.0:
        return np.ascontiguousarray(squeezed)
    shrunk = np.empty((count, *small, *squeezed.shape[3:]), dtype=np.uint8)
    for row, image in enumerate(squeezed):
        picture = Image.fromarray(np.ascontiguousarray(image))
        shrunk[row] = np.asarray(picture.resize(small[::-1], Image.Resampling.BOX))
    return shrunk


def _qualities(pixels: Pixels) -> tuple[Floats, Floats, Floats]:
    """Return brightness, contrast and sharpness of each image, float32 (n,) each."""
    found = np.zeros((3, len(pixels)), dtype=np.float32)
    for begin in range(0, len(pixels), ROWS):
        block = pixels[begin : begin + ROWS].astype(np.float32) / np.float32(255)
        grey: Floats = block[..., 0] if block.shape[3] == 1 else (block @ LUMA).astype(np.float32)
        rows = slice(begin, begin + len(grey))
        found[0, rows] = grey.mean((1, 2))
        found[1, rows] = grey.std((1, 2))
        if min(grey.shape[1:]) >= 3:
            found[2, rows] = _laplacian(grey).var((1, 2))
    return found[0], found[1], found[2]


def _laplacian(grey: Floats) -> Floats:
    inner: Floats = (
        grey[:, :-2, 1:-1]
        + grey[:, 2:, 1:-1]
        + grey[:, 1:-1, :-2]
        + grey[:, 1:-1, 2:]
        - 4.0 * grey[:, 1:-1, 1:-1]
    )
    return inner
