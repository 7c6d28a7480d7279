"""What the checks of the measurement mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from valtui import texts
from valtui.explanations.explanation import DERIVED, Explanation

if TYPE_CHECKING:
    from valtui.causes import Causes


def of_check(name: str, how: str) -> Callable[[Causes], str]:
    """Return what says how a check was made: `how`, and what it found."""

    def here(causes: Causes) -> str:
        for check in causes.checks:
            if check.check == name:
                figure = (
                    ""
                    if check.figure is None
                    else f" Measured: {texts.number(check.figure)} {check.unit}".rstrip() + "."
                )
                return f"{how} Outcome: {check.outcome}. {check.message}{figure}"
        return f"{how} It was not made for this run yet; k makes it now."

    return here


CHECKS: dict[str, Explanation] = {
    "frozen": Explanation(
        "Check: the same weights twice",
        "The validation set is evaluated twice with nothing changed in between. If the two losses "
        "differ, validation itself rolls dice: augmentation, resampling, or dropout is on.",
        of_check("frozen", "Two evaluations, weights and buffers frozen."),
        "random if |L₂ − L₁| > 1e-5·L₁, or if √mean((ℓ₂ᵢ − ℓ₁ᵢ)²) > max(0.05·sd(ℓ₁), 1e-5·L₁).",
        "Made once before the first step; k makes it again at the newest checkpoint.",
        "Seen in 4 of 31 threads that we read on jumping validation losses.",
        "A difference at the last digits is summation order on a GPU, and sound.",
        "Put the model into eval mode, take augmentation off the validation set, fix the samples. Free.",
    ),
    "zero-learning-rate": Explanation(
        "Check: an epoch at learning rate zero",
        "One epoch of training passes is run with a learning rate of 0. The weights cannot move; if the "
        "validation loss does, the BatchNorm buffers moved it.",
        of_check(
            "zero-learning-rate",
            "From the newest checkpoint, in a process of its own; on demand (k).",
        ),
        "L after the epoch − L before, η = 0.",
        "One epoch; only on demand.",
        "keras#10216, where it was found this way.",
        "A model without BatchNorm has nothing that could move.",
        "See “with exact BatchNorm statistics”.",
    ),
    "averaging": Explanation(
        "Check: how batches are averaged",
        "The mean of batch means is not the mean over samples where the last batch is smaller: its "
        "samples weigh too much.",
        of_check(
            "averaging",
            "From the number of samples and the batch size: how many samples a mean of batch means is worth.",
        ),
        "K²/Σ(1/b_k) samples for K batches of b_k; the mean over samples is worth all n.",
        "The validation's own batch size.",
        DERIVED + " n = 900 in batches of 128 then counts as 210 samples.",
        "valtui's own evaluations are means over samples, and so sound by construction; it is in a loop of "
        "your own that this goes wrong.",
        "Weigh each batch by its size. Free.",
    ),
    "last-batch": Explanation(
        "Check: the last training batch",
        "Where the last batch of an epoch holds a few samples only, BatchNorm takes its noisy mean into "
        "the running average just before validation.",
        of_check("last-batch", "From the training set's size and the batch size."),
        "r = n_train mod B; noise variance of the running mean × 13 at r = 1, 6.9 at 2, 2.3 at 8 (B = 64, "
        "momentum 0.1).",
        "Batch size and momentum of the preset.",
        DERIVED,
        "It is about BatchNorm; without it a small last batch hardly matters.",
        "drop_last = true, or another batch size. Free.",
    ),
    "batchnorm-memory": Explanation(
        "Check: BatchNorm's memory",
        "How many steps BatchNorm's running averages look back. Longer than an epoch, they describe "
        "weights that are long gone; a few steps only, they are noisy.",
        of_check("batchnorm-memory", "From the momentum and the steps of an epoch."),
        "ln 0.01/ln(1 − momentum) steps: 44 at 0.1, 458 at 0.01 (Keras's default).",
        "Momentum as PyTorch counts it.",
        DERIVED,
        "It is arithmetic on settings; the lens measures what it does.",
        "Another momentum. Free.",
    ),
    "order": Explanation(
        "Check: the order of training",
        "Unshuffled training data that come class by class make the network forget one class while it "
        "learns the next, and the validation loss swings with it.",
        of_check("order", "From the labels in the order of an epoch: how often the label changes."),
        "Runs test: changes against n − Σn_c²/n in random order, with its standard deviation. Failed: 5 of "
        "them below, and under half of the changes of random order.",
        "The order of one epoch.",
        "Mood 1940; Barton and David 1957.",
        "Data that are sorted by anything but class are not seen.",
        "shuffle = true: shuffle the training data anew each epoch. Free.",
    ),
    "overlap": Explanation(
        "Check: overlap of training and validation",
        "Validation images that stand in the training set, too, are known by heart: the loss is too "
        "low and says little.",
        of_check("overlap", "Digests of all images, compared to the byte."),
        "Number of validation images whose bytes are also those of a training image.",
        "All images of both sets; doubtful from one on, failed from 5 % of the validation images on.",
        "Seen in threads that we read; arithmetic.",
        "Near copies (another crop, another JPEG quality, the same patient) are not found.",
        "Take them out of one of the two sets; split by patient or scene. Free.",
    ),
    "resolution": Explanation(
        "Check: resolution of the set",
        "The smallest change of the loss that this validation set can show. What is smaller drowns in "
        "the choice of samples.",
        of_check(
            "resolution", "From the losses of single samples at two neighbouring evaluations."
        ),
        "2·sd(Δℓ_i)/√n over the mean loss (z = 2).",
        "All samples, first seed; doubtful below 30 samples, and above 5 % of the loss unless these are the first two evaluations, when samples still part widely.",
        DERIVED,
        "It changes in the course of training, as the samples' losses do.",
        "More validation samples: four times as many halve it, and evaluations take four times as long.",
    ),
}
