"""The checks `last-batch` and `batchnorm-memory`: what BatchNorm's running statistics are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from valtui_trainer.measure.soundness import memory_steps, momentum_to_forget, rest_noise
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.records import Check
from valtui_trainer.training.timetable import Timetable

NOISY = 3.0
"""Factor of the running mean's noise variance from which on a rest batch is worth a word."""

WITHOUT = "The model has no BatchNorm with running statistics, which this would concern."


class Layer(Protocol):
    """What is asked of a BatchNorm layer."""

    @property
    def momentum(self) -> float | None:
        """Weight of the newest batch; None: all batches weigh the same."""


def last_batch(
    layers: Sequence[Layer], preset: Preset, timetable: Timetable, train_size: int
) -> Check:
    """Say how much noisier a rest batch makes the running mean at the worst evaluation of the run.

    A rest counts from the first evaluation at or past an epoch's end on; those before it saw none.
    """
    if not layers:
        return Check(check="last-batch", outcome="sound", message=WITHOUT)
    rest = train_size % preset.batch_size
    steps = timetable.steps_per_epoch
    further = {step % steps for step in timetable.evaluations if step >= steps}
    if preset.drop_last or rest == 0 or steps == 1 or not further:
        message = (
            "No evaluation follows on a rest batch: BatchNorm's statistics come from full batches."
        )
        return Check(check="last-batch", outcome="sound", figure=1.0, unit="×", message=message)
    factor, after = max(
        (rest_noise(layer.momentum, preset.batch_size, rest, count, steps), -count)
        for layer in layers
        for count in further
    )
    noisy = factor > NOISY
    when = "just before an evaluation" if after == 0 else f"{-after} steps before an evaluation"
    what = "image" if rest == 1 else "images"
    told = (
        f"An epoch ends on a batch of {rest} {what} instead of {preset.batch_size}, {when}, which "
        f"makes BatchNorm's running mean {factor:.2g} times as noisy (variance)"
    )
    return Check(
        check="last-batch",
        outcome="doubtful" if noisy else "sound",
        figure=factor,
        unit="×",
        message=told
        + ("; set drop_last = true or another batch_size." if noisy else ": of no consequence."),
    )


def batchnorm_memory(layers: Sequence[Layer], timetable: Timetable) -> Check:
    """Say after how many steps the running statistics have forgotten a batch, against an epoch's."""
    if not layers:
        return Check(check="batchnorm-memory", outcome="sound", message=WITHOUT)
    epoch = timetable.steps_per_epoch
    momenta = [layer.momentum for layer in layers]
    if any(momentum is None for momentum in momenta):
        return Check(
            check="batchnorm-memory",
            outcome="doubtful",
            message=(
                "A BatchNorm layer without momentum averages over all steps since the start, so that "
                "validation sees the statistics of weights long gone; give it a momentum, such as 0.1."
            ),
        )
    least = min(momentum for momentum in momenta if momentum is not None)
    steps = memory_steps(least)
    if steps == float("inf"):
        return Check(
            check="batchnorm-memory",
            outcome="doubtful",
            message=(
                "A BatchNorm layer with momentum 0 never takes up a batch, so that validation sees the "
                "statistics it began with; give it a momentum, such as 0.1."
            ),
        )
    told = f"At momentum {least:g} BatchNorm forgets a batch in {steps:,.0f} steps"
    if steps > epoch:
        return Check(
            check="batchnorm-memory",
            outcome="doubtful",
            figure=steps,
            unit="steps",
            message=(
                f"{told}, longer than an epoch of {epoch:,}, so that validation sees the statistics of "
                f"older weights; from {momentum_to_forget(epoch):.2g} on an epoch suffices."
            ),
        )
    return Check(
        check="batchnorm-memory",
        outcome="sound",
        figure=steps,
        unit="steps",
        message=f"{told}, within an epoch of {epoch:,}.",
    )
