"""What each figure of the causes screen means: in plain words, for this run, with its formula and its limits.

One entry an id. The texts follow what was derived and simulated for valtui; `here` fills a run's own
numbers in. Names from outside are made safe by whoever shows them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from valtui import texts

if TYPE_CHECKING:
    from valtui.causes import Causes

DERIVED = "Derived for valtui and checked by simulation."


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a person may want to know about one figure.

    Attributes:
        what: in plain words, for somebody who has never heard of it.
        here: how it was measured for one run, with its numbers.
        formula: in plain text.
        defaults: the settings that were used unless somebody chose others.
        source: a paper, or that it was derived and simulated.
        misleads: where not to trust it.
        remedy: what to do about it and what that costs; empty where there is nothing to do.
    """

    title: str
    what: str
    here: Callable[[Causes], str]
    formula: str
    defaults: str
    source: str
    misleads: str
    remedy: str = ""


def sections(identity: str, causes: Causes) -> Iterator[tuple[str, str]]:
    """Yield heading and paragraph of each part of the explanation of `identity` for one run."""
    found = EXPLANATIONS[identity]
    yield "What it is", found.what
    yield "How it was measured here", found.here(causes)
    yield "Formula", found.formula
    yield "Settings", found.defaults
    yield "Source", found.source
    yield "Where it misleads", found.misleads
    if found.remedy:
        yield "What to do, and what that costs", found.remedy


def extent(causes: Causes) -> str:
    """Return what was looked at: how many evaluations, seeds, samples."""
    seeds = len(causes.seeds)
    return (
        f"{texts.counted(causes.evaluations, 'evaluation')} (epochs {causes.first_epoch:.3g} to "
        f"{causes.last_epoch:.3g}) of {seeds} seed{'s' if seeds != 1 else ''}, "
        f"{causes.samples:,} validation samples"
    )


def of_row(identity: str, how: str) -> Callable[[Causes], str]:
    """Return what says how a counterfactual was measured: `how`, and its numbers."""

    def here(causes: Causes) -> str:
        from valtui.causes.texts import left

        row = causes.row(identity)
        if row is None or row.left is None:
            why = row.why if row is not None else "it was not asked for."
            return f"For this run it has no answer: {why}"
        found = row.left
        interval = (
            ", with its 90 % interval in brackets"
            if found.interval
            else ", too few for an interval"
        )
        cost = (
            ""
            if row.cost is None
            else f" Its extra passes cost {100 * row.cost:.0f} % of the training time."
        )
        if row.cost == 0:
            cost = " It needed no extra pass."
        change = (
            f" The mean loss would change by {texts.signed_percent(row.mean_change)}."
            if row.mean_change is not None
            else ""
        )
        return (
            f"{how} Over {extent(causes)}: q(C)/q(L) = {texts.number(found.ratio)}, and its root is "
            f"{left(found)}{interval} ({found.degrees:.1f} degrees of freedom).{change}{cost}"
        )

    return here


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


def of_volatility(causes: Causes) -> str:
    """Return the volatility of this run with all that qualifies it."""
    found = causes.relative
    if found.constant:
        return f"Over {extent(causes)} the loss did not move at all, so there is nothing to divide."
    if math.isnan(found.value):
        return (
            f"Over {extent(causes)} no three neighbouring evaluations are finite: it has no value."
        )
    spikes = (
        f" {len(found.spikes)} evaluations beyond 4 robust deviations are listed as spikes."
        if found.spikes
        else ""
    )
    narrow = (
        " The residuals are heavy-tailed or hold spikes: the interval is too narrow. The robust "
        f"twin, which spikes do not move, is {texts.number(100 * found.robust, 2)} %."
        if found.too_narrow
        else ""
    )
    return (
        f"Over {extent(causes)}: {texts.percent(found)} of the loss, {texts.absolute(causes.absolute)} "
        f"in units of the loss, at {found.degrees:.1f} degrees of freedom.{spikes}{narrow}"
    )


def of_overfitting(causes: Causes) -> str:
    """Return where this run overfits from, or why nothing is said."""
    found = causes.overfitting
    if found is None:
        return causes.overfitting_why or f"Over {extent(causes)} no turn for the worse was found."
    return (
        f"The validation loss turns up at epoch {found.epoch:.3g} (step {found.step:,}) and has risen "
        f"by {texts.number(found.rise, 2)} since, while the loss on the training subset went on "
        f"falling. A run that does not overfit shows so clear a turn with p = {texts.number(found.p, 2)}."
    )


def of_jump(causes: Causes) -> str:
    """Return the smallest jump that this set can show."""
    if causes.smallest_jump is None:
        return "For this run it cannot be told: the losses of single samples are not there."
    return (
        f"With these {causes.samples:,} samples a change of the loss below "
        f"±{texts.number(causes.smallest_jump, 2)} (z = 2) from one evaluation to the next is no "
        "more than chance would show. On the live screen ← and → read z at each evaluation."
    )


def of_level(causes: Causes) -> str:
    """Return where the uncertainty of the height is read."""
    return (
        f"From the losses of the {causes.samples:,} validation samples at one evaluation. On the live "
        "screen ← and → read it at each evaluation, as “level ±”."
    )


def of_best(causes: Causes) -> str:
    """Return the best evaluation of this run and how far to trust it."""
    found = causes.best
    if found is None:
        return "No evaluation of this run is finite yet."
    optimism = (
        f"Having been chosen as the lowest flatters it by about {texts.number(found.optimism, 2)}."
        if found.optimism is not None
        else "How much the choice flatters it cannot be told here."
    )
    return (
        f"Of {causes.evaluations} evaluations the lowest loss is {texts.number(found.loss)} at epoch "
        f"{found.epoch:.3g} (step {found.step:,}). {optimism} Other evaluations that "
        f"cannot be told from it with these {causes.samples:,} samples: {len(found.look_alikes)}."
    )


def of_hardest(causes: Causes) -> str:
    """Return what the hardest samples carry, beside what chance would give."""
    found = causes.hardest
    if found is None:
        return causes.hardest_why or "For this run it cannot be told."
    interval = f" {texts.interval(found.interval, 100)}" if found.interval else ""

    return (
        f"Over {extent(causes)}: the {found.count} hardest samples, {100 * found.fraction:.2g} % of all, "
        f"carry {100 * found.share:.0f} %{interval} of the squared volatility. The same search finds "
        f"{100 * found.permuted:.0f} % where the residuals are permuted among the samples, so that "
        "none is hard: only what goes beyond that counts."
    )


def of_groups(causes: Causes) -> str:
    """Return how the groups of this run were made."""
    if causes.groups_why:
        return causes.groups_why
    kinds = dict.fromkeys(group.kind for group in causes.qualities)
    quarters = f" and quarters of {', '.join(kinds)}" if kinds else ""
    return (
        f"Over {extent(causes)}: {len(causes.classes)} classes{quarters}. The mark ┃ stands where the "
        "bar would end if a group carried just its part of the samples."
    )


def of_verdict(causes: Causes) -> str:
    """Return what this run's verdict rests on."""
    words = {
        "unsound": "a check failed, so that everything else waits until the measurement is mended",
        "not-enough": "there are too few evaluations to name a cause",
        "calm": "there is nothing to explain",
        "cause": f"the strongest of {len(causes.verdict.causes)} that explain it is named first",
        "open": "no lens explains it, so that it comes from training itself",
    }
    return (
        f"From {extent(causes)}, at {causes.relative.degrees:.1f} degrees of freedom: "
        f"{words[causes.verdict.kind]}."
    )


LEFT_FORMULA = (
    "volatility left = √(q(C)/q(L)). q(y) is the squared volatility of a series, L the validation "
    "loss, C the loss in the counterfactual, logged at the same evaluations. "
)
PAIRED = (
    "Interval (Pitman-Morgan, paired): r = q(C,L)/√(q(C)·q(L)), K = 1 + 2(1−r²)·t²/(ν−½), "
    "θ·(K ∓ √(K²−1)) with θ = q(C)/q(L)."
)

EXPLANATIONS: dict[str, Explanation] = {
    "verdict": Explanation(
        "The verdict",
        "One sentence on why the validation loss jumps from one evaluation to the next. Failed checks "
        "come first, for a measurement that is not sound explains nothing. Then causes, by how much "
        "of the jumping would be gone without them. Averaged weights and the hardest samples are no "
        "causes: the one is a remedy, the other a description.",
        of_verdict,
        "A cause counts where the upper limit of the volatility left without it is below 90 %; one that "
        "a doubtful check also speaks for goes first. Calm: the upper limit of the volatility is below "
        "5 % of the loss, and so is every spike. Not enough evidence: fewer than 8 degrees of freedom.",
        "90 % intervals over the evaluations looked at: the whole run after its first steep fall, or "
        "others (w).",
        "Rules and thresholds were tested on runs with planted causes, set on one half of the seeds "
        "and scored on the other (bench/planted.py).",
        "It names only what a lens can take away. Learning rate, batch size, dropout and the like show "
        "as “no lens explains it” until a run beside tries them.",
    ),
    "volatility": Explanation(
        "Volatility",
        "How much the validation loss jumps from one evaluation to the next, once the smooth way of "
        "the curve is taken away. 5 % means: the next evaluation typically lies 5 % of the loss above "
        "or below where the curve itself goes.",
        of_volatility,
        "q = 2/(3(T−2)) · Σ(½y[t−1] − y[t] + ½y[t+1])²; volatility = √q. On log L it is a fraction of "
        "the loss. Unequal spacing weighs the neighbours; a value that is not finite is a gap, and "
        "nothing bridges it. Interval: σ·√(ν/χ²).",
        "90 % interval from 8 evaluations on; over the whole run after its first steep fall, the last 10 "
        "evaluations, or a range (w).",
        "Gasser, Sroka and Jennen-Steinmetz 1986; coverage checked by simulation: 0.91 at 10 "
        "evaluations, 0.90 from 20 on.",
        "While the loss falls steeply, part of the fall is read as jumping, and so the first fall is left "
        "out of the whole run. Spikes and heavy tails "
        "make the interval too narrow (it says so). Two spacings of evaluations are two quantities: "
        "do not compare them.",
    ),
    "larger-validation": Explanation(
        "With a far larger validation set",
        "A small validation set is a poll of few voters: its mean moves even where the model's true "
        "loss does not. This is what would be left of the jumps if the set were so large that this "
        "stopped.",
        of_row(
            "larger-validation",
            "From the losses of single samples at each evaluation; no pass more.",
        ),
        LEFT_FORMULA
        + "q(C) = q(L) − Σ_c (n_c/n)²·[mean of q(ℓ_i) over class c − q(L_c)]/(n_c−1): the part "
        "that samples do not share, class by class, since the set was drawn by class.",
        "All samples; interval: the χ² limits of q(L) put through the formula. A set that was not drawn by "
        "class has n/(n−1)·[q(L) − Σ q(ℓ_i)/n²] instead.",
        "For independent samples Jordan 2023 (arXiv 2304.01910, theorem 2); the form by class and its "
        "use on one run were derived for valtui and checked by simulation. In four settings it "
        "predicted the volatility of a set of a quarter the size within 3 to 5 %.",
        "It says what more samples of the same kind would do. Where the true value is near 0 the "
        "estimate can fall below zero. It cannot see that a set is unlike the test set.",
        "Validate on more images. Four times as many halve this part of the jumps, and an evaluation "
        "takes four times as long.",
    ),
    "exact-batchnorm": Explanation(
        "With exact BatchNorm statistics",
        "BatchNorm validates with running averages of the mean and variance of past batches. They lag "
        "and are noisy; the weights may be fine while the averages are not. This is the loss with "
        "averages computed afresh, for the weights just as they are.",
        of_row(
            "exact-batchnorm",
            "At each evaluation the statistics were computed anew on the same training images, "
            "weights frozen, and the set evaluated once more.",
        ),
        LEFT_FORMULA + "μ = E[μ_B], σ² = E[σ²_B + μ²_B] − μ² over the batches B. " + PAIRED,
        "A fixed subset of 512 training images (all, if fewer) in fixed batches of the training's "
        "size, unaugmented, dropout off.",
        "PreciseBN: Wu and Johnson 2021. The interval was checked by simulation (covers 86 to 94 %).",
        "It depends on the weights alone; what the running averages did to the training itself it "
        "does not undo. Only models with BatchNorm have it.",
        "Compute the statistics afresh before each validation and before you keep a model: a pass over "
        "some hundred images. Or a larger momentum, or no tiny last batch (drop_last), at no cost.",
    ),
    "calibrated-outputs": Explanation(
        "With calibrated outputs",
        "Late in training a network grows surer than it is right. A few confident mistakes then rule "
        "the loss, and it jumps as they come and go, though the accuracy hardly moves. This is the "
        "loss after the outputs are divided by one number (a temperature) that makes them as sure as "
        "they deserve.",
        of_row(
            "calibrated-outputs",
            "At each evaluation the temperature was found on one half of the set and the loss taken "
            "on the other, and the other way round; from the outputs at hand, no pass more.",
        ),
        LEFT_FORMULA
        + "C = mean cross-entropy of logits/T, with the T that minimises it on the other half. "
        + PAIRED,
        "Two halves, crossed, each with samples of every class; one temperature between 0.5 and 20 for all "
        "classes.",
        "Guo and others 2017; the interval was checked by simulation.",
        "The mean loss falls as well, so that part of what is left is left of a smaller loss: look at its "
        "change, too. Below some hundred samples the temperature itself is noisy.",
        "Judge by accuracy or by the calibrated loss; scaling the outputs costs nothing. Weight decay, "
        "label smoothing or an earlier end keep the network from growing overconfident.",
    ),
    "averaged-weights": Explanation(
        "With averaged weights (a remedy)",
        "Instead of the newest weights, an average over the last stretch of training is validated. It "
        "takes the trembling of single steps away. It is what you could do, not why the loss jumps, "
        "and so it has no rank.",
        of_row(
            "averaged-weights",
            "An exponential average of the weights was kept beside the run, its BatchNorm statistics "
            "computed anew, and evaluated each time.",
        ),
        LEFT_FORMULA + "w̄ ← β·w̄ + (1−β)·w after each step, divided by 1−β^t. " + PAIRED,
        "Half-life half an epoch; off unless the preset turns it on.",
        "Polyak and Juditsky 1992 for the average; the comparison was checked by simulation.",
        "An average is smooth by its nature: neighbouring evaluations share weights, so its volatility "
        "is low even where nothing is gained. It lags behind by about half an epoch.",
        "One more copy of the weights in memory, and a pass over some hundred images at each validation.",
    ),
    "hardest-samples": Explanation(
        "Without the hardest 1 % of samples (a description)",
        "What would be left of the jumps if the few samples that move the loss most were not in the "
        "set. It describes where the jumping shows, not where it comes from, and so it has no rank.",
        of_row(
            "hardest-samples",
            "The samples were chosen on every other evaluation and left out on the rest, then the "
            "other way round.",
        ),
        LEFT_FORMULA
        + "C = mean loss over the samples that were not chosen. Contribution of sample i: "
        "q(ℓ_i/n, L)/q(L); all contributions sum to 1.",
        "1 % of the samples, at least one; chosen on odd, scored on even evaluations, swapped, averaged.",
        DERIVED,
        "Choosing and scoring on the same evaluations finds “hard” samples where there are none (22 of "
        "500 then seem to carry half): hence the swap, and the permuted value beside.",
        "Look at them: wrong labels and unreadable images belong mended or left out. That makes the set "
        "easier, not the model better.",
    ),
    "hardest": Explanation(
        "The hardest samples",
        "Each validation sample has its own loss, which jumps too. These are the samples whose jumps go "
        "with the jumps of the mean, and so carry most of it. Often they are mislabelled, cut off, or "
        "between two classes.",
        of_hardest,
        "contribution of sample i = q(ℓ_i/n, L)/q(L), summed over the chosen ones.",
        "1 % of the samples; the share is cross-fitted: chosen on some evaluations, scored on others. "
        "The shares below single pictures are not, and so are too high together.",
        DERIVED,
        "The single shares are in-sample. A sample whose noise lasts over evaluations looks hard without "
        "being it. With few evaluations chance alone picks some: compare the "
        "share with its permuted value.",
        "Look at each: is the label right? Indices are rows of the data set's source.",
    ),
    "groups": Explanation(
        "Who carries the volatility",
        "The contributions of the samples, summed by class and by quarter of brightness, contrast and "
        "sharpness. A group that carries more than its part of the samples is where the jumping shows.",
        of_groups,
        "share of group g = Σ over i in g of q(ℓ_i/n, L)/q(L); brightness: mean of the grey image; contrast: "
        "its standard deviation; sharpness: variance of its Laplacian.",
        "All samples; quarters by rank, 90 % intervals where there are enough evaluations.",
        DERIVED,
        "Many groups are looked at, so that one in ten intervals misses by chance. A share below zero "
        "means that a group moves against the others. A group's weight is no cause by itself.",
    ),
    "overfitting": Explanation(
        "Overfitting since",
        "From some point on the network learns the training set by heart: the training loss goes on "
        "falling while the validation loss turns up. That is a drift, not a jump.",
        of_overfitting,
        "One changepoint over the whole run at which val turns up while train goes on falling; noise σ from q; "
        "p: how often flat runs with noise alike (autocorrelated as this one's) show so clear a turn, by "
        "simulation.",
        "Training loss in eval mode on a fixed subset; 5 % error for the whole run.",
        DERIVED + " Windows of slopes, the usual way, alarm falsely in 84 % of flat runs.",
        "It needs the training loss in eval mode; it finds one turn, not several; a run that is stopped "
        "at its turn shows none.",
        "Keep the best evaluation's checkpoint; stop there; more data, augmentation, weight decay or "
        "dropout move the turn to later.",
    ),
    "jump": Explanation(
        "Is a jump more than chance?",
        "Between two evaluations each sample's loss changes. If the mean changes by more than the "
        "scatter of these changes explains, the jump is real for this set; else another set of the same "
        "size could show none.",
        of_jump,
        "z = ΔL/(sd of Δℓ_i/√n), paired over the samples and by class where the set was drawn by class.",
        "|z| above 2 counts as more than chance.",
        DERIVED,
        "Of 40 jumps two exceed z = 2 by chance. A real jump for this set says nothing on whether it "
        "matters on the test set.",
        "More validation samples: four times as many show jumps half as large.",
    ),
    "level": Explanation(
        "Uncertainty of the level",
        "How far the height of the curve could be off because the set is only a sample. It is far larger "
        "than the uncertainty of a jump, for the same hard samples are in every evaluation.",
        of_level,
        "standard error = sd(ℓ_i)/√n; by class where the set was drawn by class.",
        "One standard error.",
        "The textbook's standard error of a mean.",
        "Do not judge jumps by it: two evaluations share their samples, and so their error.",
        "More validation samples.",
    ),
    "best": Explanation(
        "The best evaluation",
        "The lowest of many noisy values is lucky as well as good. Its optimism is how much lower it is "
        "than what the same weights would show on other samples; its look-alikes are evaluations that "
        "this set cannot tell from it.",
        of_best,
        "Optimism: bootstrap over samples: choose again in each resample, score on the samples left out; half "
        "of the difference, as one gains what the other loses. Look-alikes: paired over samples, one-sided, "
        "Bonferroni over the evaluations.",
        "90 %; on the mean over seeds.",
        DERIVED,
        "It is about these samples. Another seed may have its best elsewhere.",
        "Report the test loss, which was evaluated once; average the weights of the look-alikes.",
    ),
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
