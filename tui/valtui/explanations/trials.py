"""What a probe as a whole, the gradient noise scale, and a proof mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valtui import texts
from valtui.explanations.explanation import DERIVED, Explanation

if TYPE_CHECKING:
    from valtui.causes import Causes
    from valtui.causes.trials import ProbeFound


def of_probe(causes: Causes) -> str:
    """Return which probes this run had, and how they ended."""
    if not causes.trials.probes:
        return "This run was not probed yet: p on an arm does it, A probes all that apply."
    newest, *older = causes.trials.probes
    notes = " ".join(newest.notes)
    earlier = "".join(f" An older one: {probe_told(one)}." for one in older)
    return f"The newest: {probe_told(newest)}. {notes}".rstrip() + earlier


def probe_told(probe: ProbeFound) -> str:
    """Return what one probe tried, how it ended, and what its last look found."""
    from valtui.causes.arm_texts import STATES, left_words, name_of, probe_words
    from valtui.causes.trials import interval_of

    found = [
        f"{name_of(one.arm)} {left_words(one.left, interval_of(one.low, one.high))}"
        for one in (probe.looks[-1] if probe.looks else ())
        if one.left is not None
    ]
    engine = probe.status.result.engine if probe.status.result is not None else ""
    how = f" ({engine})" if engine else ""
    looked = f"; {texts.counted(len(probe.looks), 'look')}: {', '.join(found)}" if found else ""
    return f"{STATES[probe.status.state]}, {probe_words(probe)}{how}{looked}"


def of_noise(causes: Causes) -> str:
    """Return what was measured of the gradient noise scale."""
    from valtui.causes.arm_texts import noise_words

    found = causes.trials.noise
    if found is None:
        return "It was not measured on this run yet; each probe begins with it."
    return (
        f"From {found.batches:,} gradients of {found.batch_size:,} images each, at the probe's "
        f"checkpoint: {noise_words(found, causes.batch_size)}."
    )


def of_proof(causes: Causes) -> str:
    """Return how the proofs of this run stand."""
    from valtui.causes.arm_texts import (
        came_out_words,
        name_of,
        predicted_words,
        progress_words,
        proof_words,
    )

    told = [
        f"“{name_of(proof.spec.arm)}” {proof_words(proof)}: predicted {predicted_words(proof)}, came out "
        f"{came_out_words(proof)}; {progress_words(proof)}."
        for proof in causes.trials.proofs
    ]
    return " ".join(told) or "Nothing was proven on this run yet: P on an arm or remedy does it."


TRIALS: dict[str, Explanation] = {
    "probe": Explanation(
        "The probe",
        "A short trial of changes: from one checkpoint of the run, several replicas are trained on as "
        "they are (the base), and as many with each change (the arms). Whichever arm jumps less than "
        "the base shows what the jumping comes from. The run itself is only read.",
        of_probe,
        "volatility left = √(mean q of the arm / mean q of the base) on log L; ν = K·ν(J), with 2.4 "
        "degrees of freedom for 6 evaluations and 3.4 for 8; F interval.",
        "The base and the three arms that the verdict suggests; K = 8 replicas, J = 8 evaluations, 10 "
        "minutes at the most; looked at halfway and at the end, 95 % each. The checkpoint is the newest; "
        "where the learning rate follows a schedule, the newest of the first three quarters.",
        DERIVED + " An arm that leaves 71 % is told from one that changes nothing in 41 % of probes of "
        "8 × 8, in 71 % of 16 × 8.",
        "An arm that is not told from 100 % is not shown to be innocent: it may be too small an effect "
        "for so few replicas. Two looks at 95 % each err a little more often than one.",
        "More replicas or evaluations (`valtui probe --replicas 16`) tell smaller effects.",
    ),
    "noise-scale": Explanation(
        "Gradient noise scale",
        "How many images a batch must hold until its gradient is as much direction as noise. Below, a "
        "larger batch gives a better direction for its price; far beyond, it gives next to nothing.",
        of_noise,
        "|G|² ≈ (B₂|G₂|² − B₁|G₁|²)/(B₂ − B₁), S ≈ (|G₁|² − |G₂|²)/(1/B₁ − 1/B₂), B_simple = S/|G|²; "
        "both averaged before they are divided. Interval: Fieller's.",
        "Two batch sizes, BatchNorm frozen; 90 %.",
        "McCandlish and others 2018 (arXiv 1812.06162), A.1; the interval was checked by simulation "
        "(covers 84 to 92 %).",
        "It is of one checkpoint, and grows as training goes on. Where the gradient is lost in its noise "
        "the interval has no upper end. It is about the speed of learning, of which calm is a part.",
        "Choose the batch size near it; the arms of the batch size show what that calms.",
    ),
    "proof": Explanation(
        "The proof",
        "What probe or lens promised is tried for real: the arm (or remedy) and a control, which changes "
        "nothing, are trained on from one checkpoint as runs beside. If the arm jumps less than the "
        "control, it holds.",
        of_proof,
        "volatility left = √(q of the arm / q of the control) on log L, over the evaluations since the "
        "fork; F interval. Holds: the interval lies below 100 %. Does not hold: it lies above 100 %, or "
        "above what was predicted. Else undecided after the last look.",
        "3 seeds at least; looks after 10, 20 and 40 evaluations at 96.7 % each, the first that decides "
        "counts. The control is the run itself where it has 10 or more evaluations after the checkpoint.",
        DERIVED + " 8 % of proofs of a change that does nothing are decided falsely (4 % hold); a look at "
        "every evaluation would err in 19 to 40 %.",
        "It is proven for this checkpoint, this data and these seeds. Spikes and heavy tails make it err "
        "more often. “Undecided” means that the effect, if any, is small.",
        "If it holds, put the change into your preset.",
    ),
}  # fmt: skip
