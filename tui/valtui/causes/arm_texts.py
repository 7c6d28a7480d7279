"""Arms, probes and proofs in words: names of rows, figures with their intervals, how far a probe is."""

from __future__ import annotations

from valtui import texts
from valtui.causes.trials import ArmFound, ProbeFound, ProofFound, interval_of
from valtui_trainer.measure.arms import ArmLeft
from valtui_trainer.measure.interval import Interval
from valtui_trainer.session.records import NoiseScale
from valtui_trainer.session.safe import safe

ARM_NAMES = {
    "learning-rate-half": "with half the learning rate",
    "learning-rate-quarter": "with a quarter of the learning rate",
    "batch-size-double": "with twice the batch size",
    "batch-size-quadruple": "with four times the batch size",
    "dropout-off": "without dropout",
    "augmentation-off": "without augmentation",
    "batchnorm-momentum-up": "with 5 times BatchNorm's momentum",
    "batchnorm-momentum-down": "with a fifth of BatchNorm's momentum",
    "weight-decay-off": "without weight decay",
    "adam-epsilon": "with Adam's epsilon at 1e-4",
}

OF_IT = {
    "learning-rate-half": "at half of it",
    "learning-rate-quarter": "at a quarter of it",
    "batch-size-double": "at twice as many",
    "batch-size-quadruple": "at four times as many",
    "dropout-off": "without it",
    "augmentation-off": "without it",
    "batchnorm-momentum-up": "at 5 times it",
    "batchnorm-momentum-down": "at a fifth of it",
    "weight-decay-off": "without it",
    "adam-epsilon": "at 1e-4",
}
"""An arm behind the name of its cause, in the verdict."""

REMEDY_NAMES = {
    "averaged-weights": "averaged weights",
    "exact-batchnorm": "exact BatchNorm statistics",
    "larger-validation": "the whole validation set",
}

STATES = {
    "STARTING": "starting",
    "RUNNING": "running",
    "DONE": "done",
    "CANCELLED": "cancelled",
    "OUT OF TIME": "out of time",
    "FAILED": "failed",
    "LOST": "lost",
}

OUTCOMES = {
    "holds": ("✓", "holds"),
    "does-not-hold": ("✕", "does not hold"),
    "undecided": ("?", "undecided"),
    "open": ("…", "open"),
}


def name_of(identity: str) -> str:
    """Return what an arm or remedy is called."""
    return ARM_NAMES.get(identity) or REMEDY_NAMES.get(identity) or safe(identity)


def left_words(value: float, interval: Interval | None) -> str:
    """Return a volatility left in percent with its interval."""
    return f"{texts.share(value)} {texts.percent_interval(interval)}".rstrip()


def arm_left_words(found: ArmLeft) -> str:
    """Return what an arm leaves, in percent with its interval."""
    return left_words(found.value, found.interval)


def figure(arm: ArmFound) -> str:
    """Return what an arm leaves in percent: with its interval at a look, "so far" before; "!": a note."""
    assert arm.look is not None
    assert arm.look.left is not None
    if not arm.at_a_look:
        return f"{texts.share(arm.look.left)} so far"
    without = "" if arm.interval is not None else " (no interval)"
    return left_words(arm.look.left, arm.interval) + without + (" !" if arm.note else "")


def replicas(arm: ArmFound) -> str:
    """Return how many replicas a figure rests on."""
    return f"n = {arm.look.replicas}" if arm.look is not None else ""


def from_epoch(probe: ProbeFound) -> str:
    """Return where a probe starts from."""
    return f"from epoch {probe.spec.fork.epoch:.3g}"


def probe_words(probe: ProbeFound) -> str:
    """Return how a probe that has ended ended, and what it rests on."""
    spec, result = probe.spec, probe.status.result
    arms = texts.counted(len(spec.arms), "arm")
    size = (
        f"base and {arms} × {spec.replicas} replicas × {spec.evaluations} evaluations, "
        f"{from_epoch(probe)}"
    )
    took = ""
    if result is not None:
        took = f"; {result.steps:,} steps in {texts.duration(result.seconds)}"
    reason = "" if probe.status.state == "DONE" else probe.status.reason
    reason = reason.removeprefix(f"{STATES[probe.status.state]}; ")
    return (f"{safe(reason)}; " if reason else "") + f"{size}{took}"


def noise_words(found: NoiseScale, batch_size: int) -> str:
    """Return from which batch size on a larger batch stops helping, with its interval."""
    if found.value is None:
        least = f"; at least {images(found.low)} images" if found.low else ""
        why = safe(found.note) or "the gradient is not told from its noise"
        return f"cannot be told: {why.rstrip('.')}{least}"
    high = "∞)" if found.high is None else f"{images(found.high)}]"
    low = images(found.low if found.low is not None else 0.0)
    return (
        f"beyond batch size {images(found.value)} [{low}, {high} a larger batch no longer helps "
        f"(90 %, from {found.batches:,} gradients; the run's is {batch_size:,})"
    )


def images(count: float) -> str:
    """Return a number of images to two significant digits."""
    if count < 1:
        return "1" if count > 0 else "0"
    digits = len(str(int(count))) - 2
    return f"{round(count, -max(0, digits)):,.0f}"


def proof_words(proof: ProofFound) -> str:
    """Return the outcome of a proof, and by which evaluations."""
    words = OUTCOMES[proof.outcome][1]
    if proof.less_than_predicted:
        words += ", though less than predicted"
    if proof.outcome != "open":
        return f"{words} ({proof.looked_at} evaluations)"
    return words


def predicted_words(proof: ProofFound) -> str:
    """Return what was predicted, with its interval and by what."""
    spec = proof.spec
    if spec.predicted is None:
        return "nothing was predicted"
    interval = interval_of(spec.predicted_low, spec.predicted_high)
    by = safe(spec.predicted_by).split(" ")[0]
    return left_words(spec.predicted, interval) + (f" ({by})" if by else "")


def came_out_words(proof: ProofFound) -> str:
    """Return what came out with its interval; before the first look, without one."""
    found = proof.left
    if found is None:
        return "nothing yet" if proof.outcome == "open" else "no figure"
    value, interval = found
    if proof.looked_at is None:
        return f"{texts.share(value)} so far, no look yet"
    return left_words(value, interval)


def progress_words(proof: ProofFound) -> str:
    """Return how far a proof is, and which runs it compares."""
    spec = proof.spec
    far = texts.counted(proof.evaluations, "evaluation") + " of each seed"
    if proof.next_look is not None:
        far += f", next look at {proof.next_look}"
    hindered = f"; {proof.hindered}" if proof.hindered else ""
    runs = f"{safe(spec.arm_run)} against {safe(spec.control_run)}"
    return f"{far}{hindered}; {runs}, from epoch {spec.fork.epoch:.3g}"
