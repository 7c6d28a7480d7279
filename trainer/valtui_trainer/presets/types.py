"""The settings a preset can hold, each with its default, unit and range. Nothing else is a setting."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

# Upper bounds keep out infinity, and numbers that no file or generator could carry further.
Fraction = Annotated[float, Meta(ge=0, lt=1)]
Positive = Annotated[float, Meta(gt=0, le=1e9)]
NotNegative = Annotated[float, Meta(ge=0, le=1e9)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]

EVERY = r"^0*[1-9]\d* steps?$|^(?=.*[1-9])\d*\.?\d+ epochs?$"


class Model(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which network, and its size.

    Attributes:
        name: `seed-cnn`, `small-cnn`, a torchvision classification model, or `module:Class`.
        width: channels of the first convolution (null: 32 for `seed-cnn`, 16 for `small-cnn`).
        depth: convolution blocks of `small-cnn`, each doubling the width and halving the image.
        batchnorm: BatchNorm after each convolution of `small-cnn`.
        batchnorm_momentum: weight of the newest batch in BatchNorm's running statistics.
        dropout: probability that an activation is dropped.
    """

    name: str = "seed-cnn"
    width: Count | None = None
    depth: Annotated[int, Meta(ge=1, le=8)] = 2
    batchnorm: bool = False
    batchnorm_momentum: Annotated[float, Meta(gt=0, le=1)] = 0.1
    dropout: Fraction = 0.0


class Optimizer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How gradients become steps.

    Attributes:
        name: Adam (Kingma and Ba 2015), AdamW (Loshchilov and Hutter 2019), or SGD.
        momentum: heavy-ball momentum, SGD only.
        nesterov: Nesterov's form of momentum, SGD only.
        beta1: decay of the mean of gradients, Adam and AdamW.
        beta2: decay of the mean of squared gradients, Adam and AdamW.
        epsilon: added to the root of the squared gradients' mean, Adam and AdamW.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    momentum: Fraction = 0.0
    nesterov: bool = False
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    epsilon: Positive = 1e-8


class Schedule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the learning rate moves over the run.

    Attributes:
        name: constant, cosine (down to `floor`), one-cycle (up, then down), or step.
        warmup_epochs: linear rise from zero before the schedule begins.
        floor: lowest learning rate of cosine and one-cycle, as a fraction of the preset's.
        step_epochs: epochs between two drops, `step` only.
        gamma: factor of each drop, `step` only.
        peak_at: fraction of the run at which one-cycle peaks.
    """

    name: Literal["constant", "cosine", "one-cycle", "step"] = "constant"
    warmup_epochs: NotNegative = 0.0
    floor: Fraction = 0.0
    step_epochs: Positive = 5.0
    gamma: Annotated[float, Meta(gt=0, le=1)] = 0.1
    peak_at: Annotated[float, Meta(gt=0, lt=1)] = 0.3


class Augmentation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Random changes of the training images; the validation set is never augmented.

    Attributes:
        rotation: largest angle in degrees, either way.
        shift_x: largest horizontal shift, as a fraction of the width.
        shift_y: largest vertical shift, as a fraction of the height.
        flip: mirror left to right, every second image on average.
        zoom: largest change of scale, as a fraction.
        brightness: largest additive change, as a fraction of the training set's deviation.
        contrast: largest change of contrast, as a fraction.
    """

    rotation: Annotated[float, Meta(ge=0, le=180)] = 0.0
    shift_x: Fraction = 0.0
    shift_y: Fraction = 0.0
    flip: bool = False
    zoom: Fraction = 0.0
    brightness: Fraction = 0.0
    contrast: Fraction = 0.0


class Lenses(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is measured beside the validation loss, at every evaluation; it changes nothing in training.

    Attributes:
        exact_batchnorm: the loss with BatchNorm statistics of a fixed training subset (extra passes).
        calibrated_outputs: the loss at the best temperature, cross-fitted (no extra pass).
        averaged_weights: the loss of the exponentially averaged weights (extra passes).
        most: largest share of the training time that the extra passes of a lens may take; "auto":
            0.5 for training sets under 20,000 images, 0.1 above, and any share that is under 30 s in the
            whole run. A lens beyond it is off.
    """

    exact_batchnorm: bool = True
    calibrated_outputs: bool = True
    averaged_weights: bool = False
    most: Positive | Literal["auto"] = "auto"


class Evaluation(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of the weights is evaluated; training itself goes on as it would.

    Attributes:
        exact_batchnorm: re-estimate BatchNorm's statistics on a fixed training subset before each
            evaluation, for that evaluation alone.
        averaged_weights: evaluate the exponential average of the weights (half-life half an epoch),
            with re-estimated statistics.
    """

    exact_batchnorm: bool = False
    averaged_weights: bool = False


class EarlyStopping(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When training ends before its epochs are over; noise alone hardly ever does it.

    Attributes:
        patience: evaluations in a row that are worse than the best beyond chance, after which training
            ends (null: it never ends early).
        z: standard errors of the difference, paired over the validation samples, that are beyond chance.
    """

    patience: Count | None = None
    z: Positive = 2.0


class Fault(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mistake made on purpose, to test the diagnosis; only presets called `planted-…` may hold one.

    Attributes:
        validation: evaluate on images changed at random, or on a new random draw each time.
        sorted_by_class: the training set stands class by class (with `shuffle = false`).
        overlap: share of the validation images that are exchanged for training images.
        wrong_labels: share of the validation labels that are exchanged for another class.
    """

    validation: Literal["sound", "augmented", "resampled"] = "sound"
    sorted_by_class: bool = False
    overlap: Fraction = 0.0
    wrong_labels: Fraction = 0.0


class Preset(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One training recipe.

    Attributes:
        data: a data set by name (`mnist5k`, `CIFAR10`, …), an `.npz`, or a folder of class folders.
        val_size: validation images, a nested stratified subset (null: all there are).
        split_seed: seed of the split into training, validation and test part.
        bad_images: refuse a folder with unreadable images, or skip and name them.
        batch_size: images a step.
        epochs: passes over the training set.
        drop_last: leave out the rest batch of an epoch.
        shuffle: a new order each epoch.
        learning_rate: the schedule's reference.
        weight_decay: L2 penalty for Adam and SGD, decoupled for AdamW.
        label_smoothing: mass of the target spread over all classes; the training loss only.
        eval_every: epochs between two evaluations (0.25), or steps ("50 steps").
        log_every: steps between two training records, or "auto" (a few a second).
        deadline: seconds the training loop may be silent before it counts as hung (null: automatic).
        stop_on_nan: end the run when a loss is not finite.
        precision: float32, or bfloat16 (autocast, CUDA only).
        compile: torch.compile the network before the first step, which takes a minute or so. Losses are
            the same within rounding. Pays only where steps are many and gain by it; on the CPU small
            networks become slower.
        seeds: how many seeds (0, 1, …), or which.
    """

    description: str = ""
    data: str = "mnist5k"
    val_size: Count | None = None
    split_seed: Seed = 0
    bad_images: Literal["refuse", "skip"] = "refuse"
    model: Model = field(default_factory=Model)
    batch_size: Count = 32
    epochs: Positive = 10
    drop_last: bool = False
    shuffle: bool = True
    optimizer: Optimizer = field(default_factory=Optimizer)
    learning_rate: Positive = 1e-3
    schedule: Schedule = field(default_factory=Schedule)
    weight_decay: NotNegative = 0.0
    label_smoothing: Fraction = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    lenses: Lenses = field(default_factory=Lenses)
    evaluation: Evaluation = field(default_factory=Evaluation)
    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    fault: Fault = field(default_factory=Fault)
    eval_every: Positive | Annotated[str, Meta(pattern=EVERY)] = 0.25
    log_every: Count | Literal["auto"] = "auto"
    deadline: Positive | None = None
    stop_on_nan: bool = False
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    seeds: (
        Annotated[int, Meta(ge=1, le=1000)]
        | Annotated[list[Seed], Meta(min_length=1, max_length=1000)]
    ) = 1

    def seed_list(self) -> tuple[int, ...]:
        """Return the seeds this preset trains, in order."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)


class Study(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Presets to compare, and the question that the comparison answers."""

    question: str
    presets: Annotated[list[str], Meta(min_length=1)]
    answer: str = ""
