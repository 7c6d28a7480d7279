"""Random changes of a whole training batch at once, on its device, from one generator.

Rotation, zoom and shift are one affine map, bilinear, with the border repeated ("nearest", as in the
Keras generator of the seed study). The validation set never comes here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional

DRAWS = 7


class Settings(Protocol):
    """What a preset says about augmentation; `presets.types.Augmentation` is one."""

    @property
    def rotation(self) -> float:
        """Largest angle in degrees, either way."""

    @property
    def shift_x(self) -> float:
        """Largest horizontal shift, as a fraction of the width."""

    @property
    def shift_y(self) -> float:
        """Largest vertical shift, as a fraction of the height."""

    @property
    def flip(self) -> bool:
        """Mirror left to right with probability one half."""

    @property
    def zoom(self) -> float:
        """Largest change of scale, as a fraction."""

    @property
    def brightness(self) -> float:
        """Largest additive change, in deviations of the training set."""

    @property
    def contrast(self) -> float:
        """Largest change of contrast, as a fraction."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far images may be changed; fields as in `Settings`. All zero: nothing happens."""

    rotation: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    flip: bool = False
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0

    @property
    def moves(self) -> bool:
        """Whether the affine map is anything but the identity."""
        return any((self.rotation, self.shift_x, self.shift_y, self.zoom))

    @property
    def active(self) -> bool:
        """Whether anything is changed at all."""
        return self.moves or self.flip or self.brightness != 0.0 or self.contrast != 0.0

    def __call__(self, images: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
        """Return changed images; the same generator state gives the same bits.

        Args:
            images: normalised (b, c, h, w), any float type; type and memory order are kept.
            generator: drawn from once a batch, seven numbers an image whatever is on, so that the
                angles do not depend on whether images are flipped as well. Not drawn from when
                everything is off: then `images` itself comes back.
        """
        if not self.active:
            return images
        draws = draw(len(images), generator, images.device)
        return self.apply(images, draws.to(images.device, non_blocking=True))

    def apply(self, images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        """Return images changed by `draws` (7, b), float32 from 0 to 1; one half changes nothing.

        Rows: angle, shift x, shift y, flip (below one half), zoom, brightness, contrast.
        """
        angle, right, down, _, scale, bright, contrast = 2.0 * draws - 1.0
        changed = images
        if self.flip:
            mirrored = draws[3][:, None, None, None] < 0.5
            changed = torch.where(mirrored, changed.flip(3), changed)
        if self.moves:
            changed = affine(
                changed,
                angle=angle * math.radians(self.rotation),
                right=right * self.shift_x,
                down=down * self.shift_y,
                zoom=1.0 + scale * self.zoom,
            )
        if self.contrast or self.brightness:
            values = changed.float()
            middle = values.mean((1, 2, 3), keepdim=True)
            factor = 1.0 + self.contrast * contrast[:, None, None, None]
            values = (values - middle) * factor + middle
            values = values + self.brightness * bright[:, None, None, None]
            changed = values.to(images.dtype)
        return as_before(changed, images)


def draw(count: int, generator: torch.Generator | None, device: torch.device) -> torch.Tensor:
    """Return the draws (7, count) of `count` images, where `generator` is; None: torch's on `device`."""
    where = device if generator is None else generator.device
    return torch.rand((DRAWS, count), generator=generator, device=where)


def build(settings: Settings) -> Augmentation:
    """Return the augmentation that a preset asks for."""
    return Augmentation(
        rotation=settings.rotation,
        shift_x=settings.shift_x,
        shift_y=settings.shift_y,
        flip=settings.flip,
        zoom=settings.zoom,
        brightness=settings.brightness,
        contrast=settings.contrast,
    )


def affine(
    images: torch.Tensor,
    *,
    angle: torch.Tensor,
    right: torch.Tensor,
    down: torch.Tensor,
    zoom: torch.Tensor,
) -> torch.Tensor:
    """Return images (b, c, h, w) turned and scaled about their centre, then shifted.

    Args:
        images: any float type; interpolated in float32.
        angle: radians (b,), counter-clockwise as one looks at the image.
        right: shift to the right (b,), as a fraction of the width.
        down: shift downwards (b,), as a fraction of the height.
        zoom: magnification (b,); 2 makes everything twice as large.
    """
    height, width = images.shape[2:]
    # grid_sample asks where each output pixel comes from: the inverse map, in units of half a side.
    cosine, sine = torch.cos(angle) / zoom, torch.sin(angle) / zoom
    y_to_x, x_to_y = -sine * (height / width), sine * (width / height)
    # Written out, because affine_grid is a matrix product, which CUDA may do in TF32.
    x = centres(width, images.device)[None, None, :] - 2.0 * right[:, None, None]
    y = centres(height, images.device)[None, :, None] - 2.0 * down[:, None, None]
    cosine, y_to_x, x_to_y = (v[:, None, None] for v in (cosine, y_to_x, x_to_y))
    grid = torch.stack([cosine * x + y_to_x * y, x_to_y * x + cosine * y], dim=3)
    moved = functional.grid_sample(
        images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return moved.to(images.dtype)


def centres(count: int, device: torch.device) -> torch.Tensor:
    """Return the centres of `count` pixels between -1 and 1, float32 (count,)."""
    return (2.0 * torch.arange(count, device=device, dtype=torch.float32) + 1.0) / count - 1.0


def as_before(changed: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return `changed` in the memory order of `images`."""
    if images.is_contiguous(memory_format=torch.channels_last):
        return changed.contiguous(memory_format=torch.channels_last)
    return changed
