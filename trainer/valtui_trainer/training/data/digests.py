"""Digests of samples, data and splits: what pairs runs by sample, and proves that two saw the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from valtui_trainer.training.data.arrays import Digests, Images, Parts


def sample_digests(images: Images, *, with_label: bool = True) -> Digests:
    """Return a 64-bit BLAKE2b digest of each image's shape and bytes, and of its label.

    Without the label, two digests agree exactly where the images do (validation samples that stand
    in the training set). Shape (n,), uint64.
    """
    shape = repr(images.shape).encode()
    digests = np.empty(len(images), dtype=np.uint64)
    for row, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
        digest = hashlib.blake2b(shape, digest_size=8)
        digest.update(np.ascontiguousarray(image).data)
        if with_label:
            digest.update(int(label).to_bytes(8, "little"))
        digests[row] = int.from_bytes(digest.digest(), "little")
    return digests


def digest_of(parts: Iterable[tuple[str, Images]]) -> str:
    """Return 16 hexadecimal digits of named parts: their samples in order, and the class names."""
    digest = hashlib.blake2b(digest_size=8)
    for name, part in parts:
        digest.update(f"{name}:{len(part)}:{part.names!r}:".encode())
        digest.update(sample_digests(part).astype("<u8").tobytes())
    return digest.hexdigest()


def data_digest(parts: Parts) -> str:
    """Return 16 hexadecimal digits of everything a source holds, whatever the split."""
    return digest_of(parts.given())
