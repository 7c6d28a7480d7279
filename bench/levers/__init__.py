"""What might make training faster, each measured against its opposite in turns: kept, or not, and why.

A is what the trainer does. Milliseconds are of a training step (forward to optimizer) or of a pass over
the validation set (500 images), mnist5k, on 28x28 unless said otherwise; the trainer's own batches, its
loop and log left out. A ratio above 1 is in favour of A; the last column comes from it. bfloat16 is a
setting (`precision`, CUDA only), and so is torch.compile (`compile`): A is the default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.levers import augmentation, evaluation, optimizer, processes, step
from bench.levers.lever import HEAD, Lever, row

PARTS: tuple[Callable[[], Iterator[Lever]], ...] = (
    step.levers,
    optimizer.levers,
    evaluation.levers,
    augmentation.levers,
    processes.levers,
)


def main() -> list[str]:
    """Return the table of levers, and that of evaluation batches."""
    lines = list(HEAD)
    for part in PARTS:
        for lever in part():
            lines.append(row(lever))
            print(lines[-1], flush=True)
    lines += ["", *evaluation.sizes()]
    return lines
