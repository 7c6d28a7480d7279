"""The checks `frozen` and `zero-learning-rate`: does the loss move where no weight does?"""

from __future__ import annotations

import torch

from valtui_trainer.measure.soundness import Repeat, repeat
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.records import Check
from valtui_trainer.training.evaluate import Evaluation, evaluate
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.lenses.batchnorm import norm_layers
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.timetable import Timetable

MOVES = 0.02
"""Change of the loss, relative to it, from which on an epoch without learning is worth a word."""

TOLD = 1e-4
"""Change of the mean, relative to it, below which the samples' own changes say more."""


def evaluation(replica: Replica, val_set: Batches, preset: Preset) -> Evaluation:
    """Evaluate as the loop does."""
    index = torch.arange(len(val_set), device=val_set.index_device)
    return evaluate(replica.model, val_set, index, preset.precision == "bfloat16")


def frozen(replica: Replica, val_set: Batches, preset: Preset) -> Check:
    """Evaluate twice with the same weights and buffers: a loss that differs is random.

    What draws from any generator draws on in the second pass. Call it within `unchanged`.
    """
    before = {name: buffer.clone() for name, buffer in replica.model.named_buffers()}
    first = evaluation(replica, val_set, preset)
    moved = moved_buffers(replica.model, before)
    with torch.inference_mode():
        for name in moved:
            replica.model.get_buffer(name).copy_(before[name])
    second = evaluation(replica, val_set, preset)
    try:
        found = repeat(first.losses, second.losses)
    except ValueError:
        return Check(
            check="frozen",
            outcome="unknown",
            message="Two evaluations cannot be compared: the loss is not finite.",
        )
    return in_words(first.loss, second.loss, found, moved)


def moved_buffers(model: torch.nn.Module, before: dict[str, torch.Tensor]) -> list[str]:
    """Return the names of the buffers whose contents differ from `before`; NaN equals NaN."""
    return [
        name
        for name, buffer in model.named_buffers()
        if name in before and not torch.equal(finite(buffer), finite(before[name]))
    ]


def finite(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor with NaN as a number, so that it equals itself."""
    return torch.nan_to_num(tensor) if tensor.is_floating_point() else tensor


def in_words(first: float, second: float, found: Repeat, moved: list[str]) -> Check:
    """Return the check for two evaluations, and the buffers that evaluating moved."""
    change = found.change
    if found.random:
        what = (
            f"the validation loss differs by {100 * change:.2g} % ({first:.5g} and {second:.5g})"
            if change > TOLD
            else f"the loss of an image differs by {100 * found.apart:.2g} % of the validation loss"
        )
        return Check(
            check="frozen",
            outcome="failed",
            figure=100 * change,
            unit="%",
            message=(
                f"Evaluated twice with the same weights, {what}: validation itself is random; look "
                "for augmentation, resampling or dropout in it before anything else."
            ),
        )
    if found.blind:
        return Check(
            check="frozen",
            outcome="unknown",
            figure=100 * change,
            unit="%",
            message=(
                "The untrained weights give every image the same loss, so that two evaluations cannot "
                "differ; have the checks made again once it has trained."
            ),
        )
    if moved:
        return Check(
            check="frozen",
            outcome="doubtful",
            figure=100 * change,
            unit="%",
            message=(
                f"Two evaluations with the same weights agree, but evaluating changes the model's "
                f"{moved[0]}, so that the validation set takes part in training; let the model keep "
                "it in eval mode."
            ),
        )
    return Check(
        check="frozen",
        outcome="sound",
        figure=100 * change,
        unit="%",
        message=f"Evaluated twice with the same weights, the validation loss is the same ({first:.5g}).",
    )


def zero_learning_rate(
    replica: Replica, train_set: Batches, val_set: Batches, preset: Preset, timetable: Timetable
) -> Check:
    """Show the model an epoch in train mode without a step: what moves is its buffers.

    In Keras's issue 10216 this alone moved the validation loss. The replica's buffers are changed.
    """
    if not norm_layers(replica.model) and not any(True for _ in replica.model.buffers()):
        return Check(
            check="zero-learning-rate",
            outcome="sound",
            message="The model has no BatchNorm: with a learning rate of zero nothing can move.",
        )
    before = evaluation(replica, val_set, preset).loss
    replica.model.train()
    replica.begin_epoch(train_set)
    for step in range(timetable.steps_per_epoch):
        replica.forward(train_set, step * preset.batch_size)
    after = evaluation(replica, val_set, preset).loss
    change = (after - before) / before if before else float("nan")
    what = "BatchNorm's running statistics" if norm_layers(replica.model) else "the model's buffers"
    if not abs(change) < float("inf"):
        return Check(
            check="zero-learning-rate",
            outcome="unknown",
            message="An epoch with a learning rate of zero tells nothing: the loss is not finite.",
        )
    moves = abs(change) >= MOVES
    told = f"With a learning rate of zero an epoch changes the validation loss by {signed(100 * change)} %"
    return Check(
        check="zero-learning-rate",
        outcome="doubtful" if moves else "sound",
        figure=100 * change,
        unit="%",
        message=(
            f"{told} ({before:.5g} to {after:.5g}): this comes from {what}, not from the weights; try a "
            "larger batch_size or another model.batchnorm_momentum."
            if moves
            else f"{told}, so that {what} hold still where the weights do."
        ),
    )


def signed(percent: float) -> str:
    """Return a change with its sign, to two digits."""
    return f"{percent:+.2g}".replace("-", "−")
