"""What the rows of the arms mean: one change of training each, and what probes found of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from valtui import texts
from valtui.explanations.explanation import Explanation

if TYPE_CHECKING:
    from valtui.causes import Causes

FORMULA = (
    "volatility left = √(mean q of the arm's replicas / mean q of the base's), each on log L, so that "
    "it is relative to the loss. Interval: F quantiles at ν = K·ν(J) degrees of freedom on each side, "
    "K replicas of J evaluations."
)
SETTINGS = (
    "8 replicas of the base and of each arm, own seeds, 8 evaluations each at the run's own spacing; "
    "95 % intervals; looked at halfway and at the end."
)
SOURCE = (
    "Pooling and interval were derived for valtui and checked by simulation: 95 % intervals cover 0.95 "
    "with white noise, 0.86 to 0.92 with heavy tails. "
)
MISLEADS = (
    "It is about the next few evaluations from one checkpoint. Each change is tried alone; two together "
    "may do more or less. The loss itself changes as well: look at its change, too. Many arms at 95 % "
    "each: with ten, two in five probes show a difference where there is none. "
)
PROVE = (
    " Then prove it (P): the change and a control are trained on beside, and looked at three times."
)


def of_arm(identity: str, how: str) -> Callable[[Causes], str]:
    """Return what says what probes found of an arm: `how` it is trained, and its numbers."""

    def here(causes: Causes) -> str:
        from valtui.causes.arm_texts import STATES, figure, from_epoch, left_words
        from valtui.causes.trials import interval_of

        arm = causes.trials.arm(identity)
        if arm is None:
            return f"{how} Nothing was read of probes yet."
        if arm.look is None:
            if arm.why_not:
                return f"It is not offered for this run: {arm.why_not}"
            if arm.probe is None:
                return f"{how} It was not probed on this run yet; p probes it."
            state = STATES[arm.probe.status.state]
            return f"{how} The newest probe with it is {state} and has no figure of it. {arm.note}".rstrip()
        assert arm.probe is not None
        change = arm.look.mean_change
        changed = (
            "" if change is None else f" The mean loss changes by {texts.signed_percent(change)}."
        )
        note = f" Mind: {arm.note}." if arm.note else ""
        earlier = ", ".join(
            f"{left_words(look.left or 0.0, interval_of(look.low, look.high))} {from_epoch(probe)}"
            for probe, look in arm.earlier
        )
        before = f" Earlier probes: {earlier}." if earlier else ""
        size = (
            f"{texts.counted(arm.look.replicas, 'replica')} × "
            f"{texts.counted(arm.look.evaluations, 'evaluation')}"
        )
        return (
            f"{how} {size}, {from_epoch(arm.probe)} (step {arm.probe.spec.fork.step:,}): {figure(arm)} of "
            f"the base's volatility is left.{changed}{note}{before}"
        )

    return here


def arm_of(
    identity: str, title: str, what: str, how: str, theory: str, misleads: str, remedy: str
) -> tuple[str, Explanation]:
    """Return one entry; formula and settings are the same for all arms."""
    return identity, Explanation(
        title, what, of_arm(identity, how), FORMULA, SETTINGS, (SOURCE + theory).rstrip(),
        (MISLEADS + misleads).rstrip(), remedy + PROVE,
    )  # fmt: skip


STEPS = (
    "The size of the steps sets how far the weights tremble around where they are going. "
    "This is what would be left of the jumps if the same training went on with "
)
MCCANDLISH = "Theory for SGD late in training, simulated: "

ARMS: dict[str, Explanation] = dict(
    (
        arm_of(
            "learning-rate-half",
            "With half the learning rate",
            STEPS + "steps half as large.",
            "Trained from a checkpoint with half the learning rate, beside the base, which changes nothing.",
            MCCANDLISH + "half leaves 35 to 71 % (below 50 where relaxation outlasts the spacing).",
            "Smaller steps also learn more slowly; a schedule that falls does it for nothing later.",
            "Halve learning_rate, or let it fall (schedule). Free, but the loss falls more slowly.",
        ),
        arm_of(
            "learning-rate-quarter",
            "With a quarter of the learning rate",
            STEPS + "steps a quarter as large.",
            "Trained from a checkpoint with a quarter of the learning rate, beside the base.",
            MCCANDLISH + "each halving leaves 35 to 71 %.",
            "Smaller steps also learn more slowly; a schedule that falls does it for nothing later.",
            "Quarter learning_rate, or let it fall (schedule). Free, but the loss falls more slowly.",
        ),
        arm_of(
            "batch-size-double",
            "With twice the batch size",
            "Each step follows the mean gradient of a batch; few images give a noisy direction. This is "
            "what would be left with twice as many images a step.",
            "Trained from a checkpoint with twice the batch size at the same learning rate, evaluated "
            "after as many images.",
            MCCANDLISH + "twice leaves 50 to 71 %.",
            "Beyond the gradient noise scale a larger batch no longer helps. Evaluations stand as many "
            "images apart, so that there are half as many steps between them.",
            "Double batch_size: half as many steps an epoch, more memory.",
        ),
        arm_of(
            "batch-size-quadruple",
            "With four times the batch size",
            "Each step follows the mean gradient of a batch; few images give a noisy direction. This is "
            "what would be left with four times as many images a step.",
            "Trained from a checkpoint with four times the batch size at the same learning rate, "
            "evaluated after as many images.",
            MCCANDLISH + "each doubling leaves 50 to 71 %.",
            "Beyond the gradient noise scale a larger batch no longer helps. Evaluations stand as many "
            "images apart, so that there are a quarter as many steps between them.",
            "Quadruple batch_size: a quarter as many steps an epoch, more memory.",
        ),
        arm_of(
            "dropout-off",
            "Without dropout",
            "Dropout switches random units off at each step of training, which many take for the cause "
            "of the jumps. This is what would be left without it.",
            "Trained from a checkpoint with model.dropout = 0, beside the base.",
            "In our trial on MNIST it was innocent: 103 % were left.",
            "Without it the network may overfit sooner, which a short probe does not see.",
            "model.dropout = 0, if it calms: free, but what it prevented comes back.",
        ),
        arm_of(
            "augmentation-off",
            "Without augmentation",
            "Augmented images differ at each step, so that no two epochs are alike. This is what would "
            "be left with the images just as they are.",
            "Trained from a checkpoint without augmentation, beside the base.",
            "In our trial on MNIST 94 % were left.",
            "Without it the network may overfit sooner, which a short probe does not see.",
            "Less augmentation, if it calms: free, but it overfits sooner.",
        ),
        arm_of(
            "batchnorm-momentum-up",
            "With 5 times BatchNorm's momentum",
            "BatchNorm validates with running averages. A larger momentum makes them follow the weights "
            "more closely, and makes them noisier: right where they are stale.",
            "Trained from a checkpoint with 5 times model.batchnorm_momentum (at most 1).",
            "",
            "The exact-statistics lens shows what is to be gained; this shows what the setting gains.",
            "Raise model.batchnorm_momentum. Free.",
        ),
        arm_of(
            "batchnorm-momentum-down",
            "With a fifth of BatchNorm's momentum",
            "BatchNorm validates with running averages. A smaller momentum makes them smoother, and "
            "staler: right where they are noisy.",
            "Trained from a checkpoint with a fifth of model.batchnorm_momentum.",
            "In our trial on MNIST 0.02 in the place of 0.1 left 204 %: it made it worse.",
            "A memory longer than the probe is not felt in it to the full.",
            "Lower model.batchnorm_momentum. Free.",
        ),
        arm_of(
            "weight-decay-off",
            "Without weight decay",
            "Weight decay shrinks all weights at each step; where it is strong it works against the "
            "gradient. This is what would be left without it.",
            "Trained from a checkpoint with weight_decay = 0, beside the base.",
            "",
            "Weights grow slowly: what its lack does in the end, a short probe does not see.",
            "Less weight_decay, if it calms: free, but the outputs may grow overconfident.",
        ),
        arm_of(
            "adam-epsilon",
            "With Adam's epsilon at 1e-4",
            "Adam divides each step by the gradient's recent size. Where gradients have become tiny, it "
            "makes large steps of noise. A larger epsilon keeps them small.",
            "Trained from a checkpoint with optimizer.epsilon = 1e-4, beside the base.",
            "",
            "It acts where gradients are small, late in training: probe from a late checkpoint.",
            "optimizer.epsilon = 1e-4. Free.",
        ),
    )
)
