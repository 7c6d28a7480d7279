"""What the verdict and the figures of the causes screen mean: volatility, samples, groups, best, overfitting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from valtui import texts
from valtui.explanations.explanation import DERIVED, Explanation, extent

if TYPE_CHECKING:
    from valtui.causes import Causes


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


FIGURES: dict[str, Explanation] = {
    "verdict": Explanation(
        "The verdict",
        "One sentence on why the validation loss jumps from one evaluation to the next. Failed checks "
        "come first, for a measurement that is not sound explains nothing. Then causes, by how much "
        "of the jumping would be gone without them. Averaged weights and the hardest samples are no "
        "causes: the one is a remedy, the other a description.",
        of_verdict,
        "A cause counts where the upper limit of the volatility left without it is below 90 %; one that "
        "a doubtful check also speaks for goes first, then all by volatility left, half of a "
        "lens's being counted: it is mended without training anew. An arm of a probe counts where its upper limit is below 90 %, in units of "
        "the loss, too. Calm: the upper limit of the volatility is below "
        "5 % of the loss, and so is every spike. Not enough evidence: fewer than 8 degrees of freedom.",
        "90 % intervals over the evaluations looked at: the whole run after its first steep fall, or "
        "others (w); 95 % for arms.",
        "Rules and thresholds were tested on runs with planted causes, set on one half of the seeds "
        "and scored on the other (bench/planted.py).",
        "It names only what a lens can take away or an arm has tried. Learning rate, batch size, dropout "
        "and the like show as “no lens explains it” until a probe tries them (p, A).",
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
}
