"""Batches by index: from images that live on the device, or streamed to it from host memory.

Both give the same bits for the same indices; neither shuffles or augments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from valtui_trainer.training.data.arrays import AnyArray, Images

Batch = tuple[torch.Tensor, torch.Tensor]
MOST_AHEAD = 8


@dataclass(frozen=True, slots=True, eq=False)
class Normalisation:
    """Pixels as x·scale + shift in float32 (channels,), on the device, then in `dtype`."""

    scale: torch.Tensor
    shift: torch.Tensor
    dtype: torch.dtype

    @classmethod
    def of(
        cls,
        mean: Sequence[float],
        deviation: Sequence[float],
        device: torch.device,
        dtype: torch.dtype,
    ) -> Normalisation:
        """Return what brings pixels 0 to 255 to zero mean and unit deviation (white being 1)."""
        centre = torch.tensor([float(value) for value in mean], dtype=torch.float64)
        spread = torch.tensor([float(value) for value in deviation], dtype=torch.float64)
        scale, shift = 1.0 / (255.0 * spread), -centre / spread
        return cls(scale.float().to(device), shift.float().to(device), dtype)

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return uint8 (b, h, w, c) as normalised (b, c, h, w) in channels_last order."""
        values = pixels.float().mul_(self.scale).add_(self.shift)
        return values.to(self.dtype).permute(0, 3, 1, 2)


class DeviceSet:
    """Images that live on the device as uint8; a batch is two gathers and nothing waits.

    Attributes:
        device: where batches come out.
        index_device: where indices should lie: here the same.
        labels: int64 (n,), on the device.
    """

    def __init__(self, images: Images, device: torch.device, normalise: Normalisation) -> None:
        """Put `images` on `device`."""
        self.device = device
        self.index_device = device
        self._pixels = as_tensor(images.images).to(device)
        self.labels = as_tensor(images.labels).to(device)
        self._normalise = normalise

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def batch(self, index: torch.Tensor) -> Batch:
        """Return normalised images (b, c, h, w) and labels (b,) of `index` int64 (b,)."""
        index = index.to(self.device, non_blocking=True)
        pixels = self._pixels.index_select(0, index)
        return self._normalise(pixels), self.labels.index_select(0, index)


class StreamedSet:
    """Images that stay in host memory; each batch is copied to the device, one read ahead.

    The guess for the batch ahead: an index that is a slice of a longer one (an epoch's order) goes
    on in the same memory; each such order, as each seed has its own, has one batch ahead. A wrong
    guess costs a copy, never a wrong batch. On CUDA the copy runs on a stream of its own, from
    pinned memory, while the device works on the batch before.

    Attributes:
        device: where batches come out.
        index_device: where indices should lie: on the CPU; others have to be waited for.
        labels: int64 (n,), on the CPU.
    """

    def __init__(self, images: Images, device: torch.device, normalise: Normalisation) -> None:
        """Keep `images` where they are, to be copied to `device` batch by batch."""
        self.device = device
        self.index_device = torch.device("cpu")
        self._pixels = as_tensor(images.images)
        self.labels = as_tensor(images.labels)
        self._normalise = normalise
        self._ferry = Ferry(device) if device.type == "cuda" else None
        self._ahead: OrderedDict[int, Staged] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def batch(self, index: torch.Tensor) -> Batch:
        """Return normalised images (b, c, h, w) and labels (b,) of `index` int64 (b,)."""
        index = index.cpu()
        order = index.untyped_storage().data_ptr()
        staged = self._ahead.pop(order, None)
        if staged is None or not torch.equal(staged.index, index):
            staged = self._stage(index)
        if staged.copied is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_event(staged.copied)
            staged.pixels.record_stream(current)
            staged.labels.record_stream(current)
        images = self._normalise(staged.pixels)
        following = following_slice(index, len(self))
        if following is not None:
            self._ahead[order] = self._stage(following)
            if len(self._ahead) > MOST_AHEAD:
                self._ahead.popitem(last=False)
        return images, staged.labels

    def _stage(self, index: torch.Tensor) -> Staged:
        """Gather the rows of `index` and start their way to the device."""
        if self._ferry is not None:
            return self._ferry.send(self._pixels, self.labels, index)
        pixels, labels = self._pixels.index_select(0, index), self.labels.index_select(0, index)
        return Staged(index.clone(), pixels, labels, None)


class Ferry:
    """Copies rows to a CUDA device by way of two pinned buffers in turn, on a stream of its own."""

    def __init__(self, device: torch.device) -> None:
        """Prepare the stream; the buffers grow with the largest batch."""
        self._device = device
        self._stream = new_stream(device)
        self._slots: list[Slot | None] = [None, None]
        self._turn = 0

    def send(self, pixels: torch.Tensor, labels: torch.Tensor, index: torch.Tensor) -> Staged:
        """Return the rows of `index` on their way; waits only for the copy before the last."""
        self._turn = 1 - self._turn
        slot = self._slots[self._turn]
        if slot is not None:
            slot.copied.synchronize()
        if slot is None or len(slot.labels) < len(index):
            shape = (len(index), *pixels.shape[1:])
            rows = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
            slot = Slot(
                rows, torch.empty(len(index), dtype=torch.int64, pin_memory=True), new_event()
            )
            self._slots[self._turn] = slot
        rows, classes = slot.pixels[: len(index)], slot.labels[: len(index)]
        torch.index_select(pixels, 0, index, out=rows)
        torch.index_select(labels, 0, index, out=classes)
        with torch.cuda.stream(self._stream):
            on_device = rows.to(self._device, non_blocking=True)
            their_labels = classes.to(self._device, non_blocking=True)
            slot.copied.record(self._stream)
            copied = new_event()
            copied.record(self._stream)
        return Staged(index.clone(), on_device, their_labels, copied)


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """Pinned host memory for one batch, and the event after its last copy."""

    pixels: torch.Tensor
    labels: torch.Tensor
    copied: torch.cuda.Event


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """A batch on its way: its index (CPU), its arrays, and the event after their copy."""

    index: torch.Tensor
    pixels: torch.Tensor
    labels: torch.Tensor
    copied: torch.cuda.Event | None


def following_slice(index: torch.Tensor, count: int) -> torch.Tensor | None:
    """Return what follows `index` in the memory it is a slice of, at most as long, if it can be rows."""
    if not index.is_contiguous() or index.dtype != torch.int64:
        return None
    storage = index.untyped_storage()
    begin = index.storage_offset() + len(index)
    length = min(len(index), storage.nbytes() // index.element_size() - begin)
    if length <= 0:
        return None
    ahead = torch.empty(0, dtype=torch.int64).set_(storage, begin, (length,), (1,))
    sound = int(ahead.min()) >= 0 and int(ahead.max()) < count
    return ahead if sound else None


def as_tensor(array: AnyArray) -> torch.Tensor:
    """Return `array` as a tensor that shares its memory, unless it is read-only or strided."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def new_stream(device: torch.device) -> torch.cuda.Stream:
    """Return a side stream of `device`."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def new_event() -> torch.cuda.Event:
    """Return an event that has not happened yet, and does not hold up who waits for it."""
    return torch.cuda.Event()  # type: ignore[no-untyped-call]


def place(
    images: Images,
    device: torch.device | str,
    mean: Sequence[float],
    std: Sequence[float],
    budget_bytes: int | None = None,
    dtype: torch.dtype = torch.float32,
) -> DeviceSet | StreamedSet:
    """Return `images` on the device if their pixels fit `budget_bytes` (None: any), else streamed.

    Args:
        images: one part of a split.
        device: where batches come out.
        mean: of each channel of the *training* set, white being 1 (`statistics.channel_statistics`).
        std: standard deviation likewise.
        budget_bytes: device memory that pixels may take.
        dtype: of the normalised images: float32 or bfloat16.
    """
    device = torch.device(device)
    normalise = Normalisation.of(mean, std, device, dtype)
    if budget_bytes is None or images.images.nbytes <= budget_bytes:
        return DeviceSet(images, device, normalise)
    return StreamedSet(images, device, normalise)
