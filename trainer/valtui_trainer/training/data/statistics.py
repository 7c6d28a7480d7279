"""Mean and deviation of each channel, exactly, from the training set; what batches are normalised by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from valtui_trainer.training.data.arrays import Images

Floats = npt.NDArray[np.float64]
ROWS = 4096


def channel_statistics(images: Images) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each channel, float64 (channels,), white being 1.

    Counted in integers, so that the result does not depend on the order of summation. A constant
    channel has the deviation 1.
    """
    channels = images.shape[2]
    histogram = np.zeros((channels, 256), dtype=np.int64)
    for begin in range(0, len(images), ROWS):
        block = images.images[begin : begin + ROWS]
        for channel in range(channels):
            histogram[channel] += np.bincount(block[..., channel].ravel(), minlength=256)
    values = np.arange(256) / 255.0
    share = histogram / histogram.sum(1, keepdims=True)
    mean = share @ values
    deviation = np.sqrt((share * (values - mean[:, None]) ** 2).sum(1))
    return mean, np.where(deviation > 0, deviation, 1.0)
