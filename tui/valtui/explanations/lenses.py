"""What the rows of the lenses mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from valtui import texts
from valtui.explanations.explanation import DERIVED, Explanation, extent

if TYPE_CHECKING:
    from valtui.causes import Causes


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


LEFT_FORMULA = (
    "volatility left = √(q(C)/q(L)). q(y) is the squared volatility of a series, L the validation "
    "loss, C the loss in the counterfactual, logged at the same evaluations. "
)
PAIRED = (
    "Interval (Pitman-Morgan, paired): r = q(C,L)/√(q(C)·q(L)), K = 1 + 2(1−r²)·t²/(ν−½), "
    "θ·(K ∓ √(K²−1)) with θ = q(C)/q(L)."
)

LENSES: dict[str, Explanation] = {
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
}
