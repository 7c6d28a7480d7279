"""Causes made by hand, for the screens that draw them."""

from __future__ import annotations

from typing import Any

import numpy as np

from support.probed import LOOKS, NOISE, arm_look, fork_of
from valtui.causes.trials import ArmFound, ProbeFound, ProofFound, Trials
from valtui.causes.types import BestFound, Causes, Group, Hard, Hardest, OverfittingSince, Row
from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.left import Left
from valtui_trainer.measure.verdict import Verdict
from valtui_trainer.measure.volatility import Volatility
from valtui_trainer.presets.arms import PROBED
from valtui_trainer.session.probes import ProbeStatus
from valtui_trainer.session.records import Check, ProbeResult, ProbeSpec, ProofResult, ProofSpec

SENTENCE = (
    "The finite validation set: with a far larger validation set 57 % [50, 65] of the volatility "
    "would be left; with exact BatchNorm statistics 71 % [62, 80]."
)


def make_left(value: float, low: float, high: float, ratio: float | None = None) -> Left:
    """Return a volatility left with its interval."""
    return Left(value**2 if ratio is None else ratio, value, Interval(low, high), 19.8)


def make_volatility(value: float = 0.051, **changes: Any) -> Volatility:
    """Return a volatility with a plausible interval."""
    fields: dict[str, Any] = {
        "value": value, "degrees": 19.8, "interval": Interval(0.82 * value, 1.3 * value),
        "points": 40, "spikes": (), "too_narrow": False, "robust": value, "constant": False,
    }  # fmt: skip
    return Volatility(**(fields | changes))


def make_rows() -> tuple[Row, ...]:
    """Return the five rows: three causes ranked, a remedy, a description."""
    return (
        Row("larger-validation", "cause", make_left(0.57, 0.50, 0.65), "", None, 0.0, ""),
        Row("exact-batchnorm", "cause", make_left(0.71, 0.62, 0.80), "", -0.012, 0.22, ""),
        Row("calibrated-outputs", "cause", make_left(0.96, 0.90, 1.03), "", -0.08, 0.0, ""),
        Row("averaged-weights", "remedy", None, "the preset leaves it off", None, None, ""),
        Row("hardest-samples", "description", make_left(0.0, 0.0, 0.31, -0.02), "", None, 0.0, ""),
    )


def make_checks(**outcomes: str) -> tuple[Check, ...]:
    """Return checks of all outcomes; `frozen="failed"` gives one another outcome."""
    messages = {
        "frozen": ("sound", "Two evaluations of the same weights gave the same loss."),
        "averaging": ("sound", "The mean over samples is reported."),
        "last_batch": ("doubtful", "The last training batch holds 1 sample: BatchNorm's running mean takes 13 times the noise; drop_last = true avoids it."),
        "batchnorm_memory": ("sound", "The running statistics look back 44 steps, an epoch has 109."),
        "order": ("sound", "The training data are shuffled."),
        "overlap": ("unknown", "The training images could not be read."),
    }  # fmt: skip
    return tuple(
        Check(check=name.replace("_", "-"), outcome=outcomes.get(name, outcome), message=message)  # type: ignore[arg-type]
        for name, (outcome, message) in messages.items()
    )


def make_probe(epoch: float = 5.0) -> ProbeFound:
    """Return a probe of three arms that is done."""
    spec = ProbeSpec(
        id="1-one", created="", run="one", fork=fork_of("one", epoch=epoch),
        arms=[look.arm for look in LOOKS], replicas=8, evaluations=8, minutes=10.0,
    )  # fmt: skip
    result = ProbeResult(
        status="done", ended="", seconds=182.0, looks=[list(LOOKS)], noise_scale=NOISE, steps=12_800,
        engine="vmap",
    )  # fmt: skip
    return ProbeFound(spec, ProbeStatus("DONE", result=result), (LOOKS,), ("A remark.",))


def make_trials() -> Trials:
    """Return what was tried on a run: a probe of three arms, an older one of one, a proof that holds."""
    probe, older = make_probe(), make_probe(2.5)
    figures = {look.arm: look for look in LOOKS}
    arms = tuple(
        ArmFound(arm, look=figures[arm], probe=probe, at_a_look=True, note="A note",
                 earlier=((older, arm_look(arm, 0.61, 0.5, 0.8)),))
        if arm in figures
        else ArmFound(arm, "model.dropout is 0." if arm == "dropout-off" else "")
        for arm in PROBED
    )  # fmt: skip
    proof = ProofFound(
        ProofSpec(
            id="1", created="", run="one", arm="learning-rate-half", fork=fork_of("one"),
            arm_run="one~learning-rate-half", control_run="one~control", predicted=0.53,
            predicted_low=0.4, predicted_high=0.71, predicted_by="probe 1-one",
        ),
        ProofResult(
            outcome="holds", decided="", left=0.49, low=0.36, high=0.66, evaluations=20
        ),
        None,
        24,
    )  # fmt: skip
    return Trials(arms, (probe, older), (proof,))


def thumbnail(digit: int, size: int = 28) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return a picture of a ring or a stroke, grey for even digits, in colours for odd ones."""
    y, x = np.mgrid[0:size, 0:size] / (size - 1) - 0.5
    radius = np.hypot(x * (1 + digit % 3), y)
    ring = np.clip(1 - np.abs(radius - 0.3) * 9, 0, 1)
    stroke = np.clip(1 - np.abs(x + y * (digit - 4) / 6) * 8, 0, 1)
    grey = (255 * np.maximum(ring, stroke * (digit > 2))).astype(np.uint8)
    if digit % 2 == 0:
        return grey
    ground = np.stack([40 + 60 * (y + 0.5), 80 + 90 * (x + 0.5), np.full_like(x, 120)], axis=-1)
    return np.maximum(ground.astype(np.uint8), grey[..., None])


def make_causes(**changes: Any) -> Causes:
    """Return the causes of a run with something in every place."""
    hard = tuple(
        Hard(7 * digit, 100 + 7 * digit, str(digit), 0.12 - 0.02 * digit, 3.1, thumbnail(digit))
        for digit in range(5)
    )
    classes = tuple(
        Group("class", str(digit), 50, share, Interval(share - 0.04, share + 0.05))
        for digit, share in enumerate([0.24, 0.05, 0.16, 0.1, 0.08, 0.07, 0.09, 0.11, 0.06, 0.04])
    )
    quarters = {
        "brightness": ("darkest", "darker", "brighter", "brightest"),
        "contrast": ("least contrast", "less contrast", "more contrast", "most contrast"),
        "sharpness": ("least sharp", "less sharp", "sharper", "sharpest"),
    }
    qualities = tuple(
        Group(kind, name, 125, share, Interval(share - 0.06, share + 0.07))
        for kind, names in quarters.items()
        for name, share in zip(names, (0.42, 0.22, 0.2, 0.16), strict=True)
    )
    fields: dict[str, Any] = {
        "run": "batch-32", "preset": "batch-32", "seeds": (0,), "samples": 500, "span": "run",
        "first_epoch": 0.25, "last_epoch": 10.0, "evaluations": 40, "left_out": 0,
        "absolute": make_volatility(0.016), "relative": make_volatility(),
        "verdict": Verdict("cause", ("finite-set", "batchnorm-statistics"), "larger-validation"),
        "sentence": SENTENCE, "checks": make_checks(), "rows": make_rows(),
        "hardest": Hardest(5, 0.31, Interval(0.12, 0.5), 0.01, 0.01, hard), "hardest_why": "", "classes": classes,
        "qualities": qualities, "groups_why": "",
        "overfitting": OverfittingSince(240, 6.0, 0.031, 0.004), "overfitting_why": "",
        "best": BestFound(220, 5.5, 0.287, 0.009, (180, 200, 240)), "smallest_jump": 0.012,
        "notes": (),
    }  # fmt: skip
    return Causes(**(fields | changes))
