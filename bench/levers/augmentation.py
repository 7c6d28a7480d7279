"""The lever of augmentation: a whole batch at once on the device, or torchvision image by image."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from PIL import Image
from torchvision import transforms

from bench.levers.lever import Lever, assembled
from bench.presets import AUGMENTED
from bench.timing import alternating
from valtui_trainer.presets.types import Preset
from valtui_trainer.training import generators
from valtui_trainer.training.augment import build


def levers() -> Iterator[Lever]:
    """Yield what was measured: 32 images from their pixels to a batch that is changed and normalised."""
    _, material, device = assembled(Preset(augmentation=AUGMENTED))
    train_set = material.train_set
    index = torch.arange(32, device=train_set.index_device)
    augmentation, generator = build(AUGMENTED), generators.named(0, "augment", device)
    pixels = torch.randint(0, 256, (32, 28, 28), dtype=torch.uint8).numpy()
    changes = transforms.Compose(
        [
            transforms.RandomAffine(degrees=20, translate=(0.2, 0.2)),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.13], [0.31]),
        ]
    )

    def ours() -> None:
        images, _ = train_set.batch(index)
        augmentation(images, generator)

    def theirs() -> None:
        torch.stack([changes(Image.fromarray(one)) for one in pixels]).to(device)

    yield Lever(
        "augmentation of 32 images", "the batch at once, on the device", "torchvision, one by one",
        alternating([ours, theirs], device),
    )  # fmt: skip
