"""Training steps since the last record: kept where they are, and read from the device all at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

MOST = 10_000
"""Losses of steps that are kept on a device; then a record is due."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a training record says of its steps; None where the loop did not tell."""

    mean: float | None
    least: float | None
    largest: float | None
    learning_rate: float | None
    grad_norm: float | None
    images_per_second: float | None


class Pending:
    """The steps since the last record."""

    def __init__(self) -> None:
        """Begin with none."""
        self._losses: list[Any] = []
        self._learning_rate: float | None = None
        self._grad_norm: Any = None
        self._images = 0
        self._began = time.monotonic()

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._losses)

    @property
    def full(self) -> bool:
        """Tell whether no more should be kept."""
        return len(self._losses) >= MOST

    def add(
        self,
        loss: float | torch.Tensor,
        learning_rate: float | None,
        grad_norm: float | torch.Tensor | None,
        images: int | None,
    ) -> None:
        """Keep one step; nothing is read from a device.

        Raises:
            TypeError: the loss is no number.
        """
        self._losses.append(kept(loss))
        if learning_rate is not None:
            self._learning_rate = float(learning_rate)
        if grad_norm is not None:
            self._grad_norm = kept(grad_norm)
        self._images += int(images or 0)

    def take(self) -> Figures:
        """Return what the steps amount to, and begin anew."""
        losses = numbers(self._losses)
        now = time.monotonic()
        seconds = max(now - self._began, 1e-9)
        found = Figures(
            mean=sum(losses) / len(losses),
            least=min(losses),
            largest=max(losses),
            learning_rate=self._learning_rate,
            grad_norm=None if self._grad_norm is None else numbers([self._grad_norm])[0],
            images_per_second=self._images / seconds if self._images else None,
        )
        self._losses, self._images, self._began = [], 0, now
        return found


def kept(value: Any) -> Any:
    """Return a loss as a number, or, where it lies on another device, as a copy there.

    A copy, for the loop may use the memory again: a replayed CUDA graph does, each step.

    Raises:
        TypeError: it is no number.
    """
    if hasattr(value, "detach"):
        one = value.detach()
        if one.numel() != 1:
            raise TypeError(f"a loss is one number, not {one.numel()} of them")
        return one.clone() if one.device.type != "cpu" else float(one)
    return float(value)


def numbers(values: list[Any]) -> list[float]:
    """Return all values as numbers; those on a device come in one go."""
    there = [(place, one) for place, one in enumerate(values) if not isinstance(one, float)]
    found = list(values)
    if there:
        import torch

        stacked = torch.stack([one.reshape(()).float() for _, one in there]).tolist()
        for (place, _), number in zip(there, stacked, strict=True):
            found[place] = number
    return found
