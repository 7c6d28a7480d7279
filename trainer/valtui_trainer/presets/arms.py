"""Arms and remedies: one change of a preset each, and where it would change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from valtui_trainer.presets.errors import PresetError, nearest
from valtui_trainer.presets.types import Augmentation, Model, Preset

LARGEST_MOMENTUM = 1.0
MOMENTUM_FACTOR = 5.0
ARM_EPSILON = 1e-4
OWN_MODELS = ("small-cnn", "seed-cnn")
AS_GOOD_AS_NONE = 1e-9
"""A probability that drops nothing; 0 would give a torchvision model its own dropout back."""

DEFAULT_MOMENTUM = Model().batchnorm_momentum

Change = Callable[[Preset], "Preset | str"]
"""Returns the changed preset, or why the change does not apply to it, a sentence."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One change of training.

    Attributes:
        id: what a person types: `learning-rate-half`.
        cause: what it tests: `learning-rate`; several arms may test one cause.
        remedy: whether it is a lens's remedy: proven by a run beside, and not probed, since the lens
            measures it already.
        change: makes it.
    """

    id: str
    cause: str
    change: Change
    remedy: bool = False


def with_learning_rate(factor: float) -> Change:
    """Return the change of the learning rate by `factor`."""
    return lambda preset: replace(preset, learning_rate=preset.learning_rate * factor)


def with_batch_size(factor: int) -> Change:
    """Return the change of the batch size by `factor`; evaluations stay as many images apart."""

    def change(preset: Preset) -> Preset | str:
        every = preset.eval_every
        if isinstance(every, str) and every.split()[1].startswith("step"):
            steps, rest = divmod(int(every.split()[0]), factor)
            if rest or not steps:
                return (
                    f"eval_every is {every}, which is no whole number of steps at {factor} times the "
                    f"batch size; a multiple of {factor} steps, or epochs, would do."
                )
            every = f"{steps} steps"
        return replace(preset, batch_size=preset.batch_size * factor, eval_every=every)

    return change


def without_dropout(preset: Preset) -> Preset | str:
    """Take the dropout out."""
    if preset.model.dropout == 0:
        own = (
            ""
            if preset.model.name in OWN_MODELS
            else ", or the model's own, which no setting changes"
        )
        return f"model.dropout is 0{own}."
    none = 0.0 if preset.model.name in OWN_MODELS else AS_GOOD_AS_NONE
    if preset.model.dropout <= none:
        return "model.dropout drops nothing already."
    return replace(preset, model=replace(preset.model, dropout=none))


def without_augmentation(preset: Preset) -> Preset | str:
    """Take the augmentation out."""
    if preset.augmentation == Augmentation():
        return "nothing is augmented."
    return replace(preset, augmentation=Augmentation())


def with_momentum(factor: float) -> Change:
    """Return the change of BatchNorm's momentum by `factor`, at most to 1."""

    def change(preset: Preset) -> Preset | str:
        if preset.model.name in OWN_MODELS and not preset.model.batchnorm:
            return "the model has no BatchNorm."
        before = preset.model.batchnorm_momentum
        after = min(LARGEST_MOMENTUM, before * factor)
        if after == before:
            return "model.batchnorm_momentum is 1 already."
        if after == DEFAULT_MOMENTUM and preset.model.name not in OWN_MODELS:
            after *= 1 + 1e-9  # the default itself would leave such a model its own
        return replace(preset, model=replace(preset.model, batchnorm_momentum=after))

    return change


def without_weight_decay(preset: Preset) -> Preset | str:
    """Take the weight decay out."""
    if preset.weight_decay == 0:
        return "weight_decay is 0."
    return replace(preset, weight_decay=0.0)


def with_epsilon(preset: Preset) -> Preset | str:
    """Raise Adam's epsilon."""
    if preset.optimizer.name == "sgd":
        return "the optimizer is SGD, which has no epsilon."
    if preset.optimizer.epsilon >= ARM_EPSILON:
        return f"optimizer.epsilon is {preset.optimizer.epsilon:g} already."
    return replace(preset, optimizer=replace(preset.optimizer, epsilon=ARM_EPSILON))


def with_averaged_weights(preset: Preset) -> Preset | str:
    """Evaluate the average of the weights."""
    if preset.evaluation.averaged_weights:
        return "evaluation.averaged_weights is on already."
    return replace(preset, evaluation=replace(preset.evaluation, averaged_weights=True))


def with_exact_batchnorm(preset: Preset) -> Preset | str:
    """Evaluate with exact BatchNorm statistics."""
    if preset.model.name in OWN_MODELS and not preset.model.batchnorm:
        return "the model has no BatchNorm."
    if preset.evaluation.exact_batchnorm:
        return "evaluation.exact_batchnorm is on already."
    return replace(preset, evaluation=replace(preset.evaluation, exact_batchnorm=True))


def with_larger_validation(preset: Preset) -> Preset | str:
    """Evaluate on all validation images there are."""
    if preset.val_size is None:
        return (
            "all validation images there are are used (val_size is not set); split off or add more."
        )
    return replace(preset, val_size=None)


ARMS: dict[str, Arm] = {
    arm.id: arm
    for arm in (
        Arm("learning-rate-half", "learning-rate", with_learning_rate(0.5)),
        Arm("learning-rate-quarter", "learning-rate", with_learning_rate(0.25)),
        Arm("batch-size-double", "batch-size", with_batch_size(2)),
        Arm("batch-size-quadruple", "batch-size", with_batch_size(4)),
        Arm("dropout-off", "dropout", without_dropout),
        Arm("augmentation-off", "augmentation", without_augmentation),
        Arm("batchnorm-momentum-up", "batchnorm-momentum", with_momentum(MOMENTUM_FACTOR)),
        Arm("batchnorm-momentum-down", "batchnorm-momentum", with_momentum(1 / MOMENTUM_FACTOR)),
        Arm("weight-decay-off", "weight-decay", without_weight_decay),
        Arm("adam-epsilon", "adam-epsilon", with_epsilon),
        Arm("averaged-weights", "averaged-weights", with_averaged_weights, remedy=True),
        Arm("exact-batchnorm", "batchnorm-statistics", with_exact_batchnorm, remedy=True),
        Arm("larger-validation", "finite-set", with_larger_validation, remedy=True),
    )
}

PROBED = tuple(arm.id for arm in ARMS.values() if not arm.remedy)
"""The arms that a probe can train."""


def find(identity: str) -> Arm:
    """Return the arm or remedy called so.

    Raises:
        PresetError: there is none; the text names what comes near.
    """
    if identity not in ARMS:
        raise PresetError(
            f"There is no arm {identity!r}{nearest(identity, ARMS)}. Arms: {', '.join(PROBED)}; "
            f"remedies: {', '.join(arm.id for arm in ARMS.values() if arm.remedy)}."
        )
    return ARMS[identity]


def change(preset: Preset, identity: str) -> Preset:
    """Return `preset` under an arm or remedy.

    Raises:
        PresetError: there is no such arm, or it does not apply to this preset.
    """
    found = find(identity).change(preset)
    if isinstance(found, str):
        raise PresetError(f"{identity} does not apply: {found}")
    return found


def why_not(preset: Preset, identity: str) -> str:
    """Return why an arm does not apply to `preset`, a sentence; empty where it does."""
    found = find(identity).change(preset)
    return found if isinstance(found, str) else ""


def applicable(preset: Preset) -> tuple[str, ...]:
    """Return the arms that a probe can train and that change `preset`."""
    return tuple(arm for arm in PROBED if not why_not(preset, arm))
