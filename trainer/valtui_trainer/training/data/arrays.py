"""Images in memory, and the parts a source gives: plain arrays that all other modules pass around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]
Digests = npt.NDArray[np.uint64]
AnyArray = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Images of one size with their labels.

    Attributes:
        images: uint8 (n, height, width, channels), 1 or 3 channels, 0 to 255.
        labels: int64 (n,), each an index into `names`.
        names: the classes' names.
    """

    images: Pixels
    labels: Integers
    names: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    def take(self, index: Integers) -> Images:
        """Return the images at `index` (k,), in that order, copied."""
        return Images(self.images[index], self.labels[index], self.names)


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What a source holds, before any split.

    Attributes:
        train: the training part.
        val: the validation part, where the source gives one.
        test: the test part, where the source gives one.
        source: where it came from, for people.
        notes: what was done to the data that a person should know, a sentence each.
    """

    train: Images
    val: Images | None
    test: Images | None
    source: str
    notes: tuple[str, ...] = ()

    def given(self) -> tuple[tuple[str, Images], ...]:
        """Return the parts that exist, by name."""
        named = (("train", self.train), ("val", self.val), ("test", self.test))
        return tuple((name, part) for name, part in named if part is not None)
