"""What the causes screen and `valtui causes` say of one run, as plain data; `causes` fills it in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from valtui.causes.trials import Trials
from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.left import Left
from valtui_trainer.measure.verdict import Verdict
from valtui_trainer.measure.volatility import Volatility
from valtui_trainer.session.records import Check

Span = Literal["run", "window", "range"]
Thumbnail = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@dataclass(frozen=True, slots=True)
class Row:
    """One counterfactual: the validation loss if one thing were otherwise.

    Attributes:
        id: `larger-validation`, `exact-batchnorm`, `calibrated-outputs`, `averaged-weights`,
            `hardest-samples`.
        kind: causes are ranked; remedies and descriptions are not.
        left: the volatility left; None where the lens cannot answer, and `why` says why.
        mean_change: of the mean loss over the evaluations looked at, as a fraction of it.
        cost: of its extra passes, as a fraction of the training time; 0 for none, None if unknown.
        remedy: what would bring it about, and what that costs, in words; empty where there is none.
    """

    id: str
    kind: Literal["cause", "remedy", "description"]
    left: Left | None
    why: str
    mean_change: float | None
    cost: float | None
    remedy: str


@dataclass(frozen=True, slots=True)
class Hard:
    """One of the hardest samples.

    Attributes:
        row: its place in the validation set, from 0.
        index: its row in the data set's source.
        label: the name of its class.
        share: its part of the squared volatility at the evaluations it was chosen on, as a fraction of
            all; too high for that.
        mean_loss: over the evaluations looked at.
        thumbnail: uint8 (h, w) or (h, w, 3), at most 32x32; None where not written.
    """

    row: int
    index: int
    label: str
    share: float
    mean_loss: float
    thumbnail: Thumbnail | None


@dataclass(frozen=True, slots=True)
class Hardest:
    """The hardest 1 % of the validation samples, chosen on some evaluations and scored on others.

    Attributes:
        count: how many they are.
        share: their part of the squared volatility, cross-fitted.
        interval: of `share`, the choice being what it was; None below 8 evaluations.
        permuted: the same where the samples' residuals are permuted, so that none is hard.
        fraction: how many of the samples they are.
        samples: the hardest first, a dozen at most.
    """

    count: int
    share: float
    interval: Interval | None
    permuted: float
    fraction: float
    samples: tuple[Hard, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A class, or a quartile of brightness, contrast or sharpness.

    Attributes:
        kind: `class`, `brightness`, `contrast` or `sharpness`.
        name: the class, or "darkest quarter" and so on.
        size: samples in it.
        share: its part of the squared volatility; all groups of a kind sum to 1.
        interval: of `share`; None where it cannot be told.
    """

    kind: str
    name: str
    size: int
    share: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class OverfittingSince:
    """Where the validation loss turns up for good while the training loss goes on falling.

    Attributes:
        step, epoch: the turning point.
        rise: how much the validation loss has risen since, in loss units.
        p: probability of so clear a turn in a run that does not overfit, from simulation.
    """

    step: int
    epoch: float
    rise: float
    p: float


@dataclass(frozen=True, slots=True)
class BestFound:
    """The best evaluation, what the choice flatters it by, and those that cannot be told from it."""

    step: int
    epoch: float
    loss: float
    optimism: float | None
    look_alikes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Causes:
    """Everything that is said of one run's fluctuation.

    Attributes:
        span: what was looked at: the whole run, its last window, or a range chosen on the chart.
        left_out: evaluations of the first fall, which `run` does not look at.
        first_epoch, last_epoch: of the evaluations looked at.
        evaluations: how many, of each seed.
        absolute, relative: their volatility.
        checks: the newest of each check, in the order of `records.CHECKS`.
        rows: causes ranked by volatility left, then remedies and descriptions.
        classes, qualities: who carries the volatility; `groups_why` says why there is none.
        smallest_jump: smallest change of the loss that this validation set can show (z = 2).
        notes: sentences on what limits these figures (spikes, heavy tails, missing rows).
        batch_size: of the run's preset.
        trials: what probes and proofs of it say, whatever the span.
    """

    run: str
    preset: str
    seeds: tuple[int, ...]
    samples: int
    span: Span
    left_out: int
    first_epoch: float
    last_epoch: float
    evaluations: int
    absolute: Volatility
    relative: Volatility
    verdict: Verdict
    sentence: str
    checks: tuple[Check, ...]
    rows: tuple[Row, ...]
    hardest: Hardest | None
    hardest_why: str
    classes: tuple[Group, ...]
    qualities: tuple[Group, ...]
    groups_why: str
    overfitting: OverfittingSince | None
    overfitting_why: str
    best: BestFound | None
    smallest_jump: float | None
    notes: tuple[str, ...]
    batch_size: int = 0
    unit: str = "epoch"
    trials: Trials = field(default_factory=Trials)

    def row(self, identity: str) -> Row | None:
        """Return the row of that id."""
        return next((row for row in self.rows if row.id == identity), None)


def span_words(causes: Causes) -> str:
    """Return what was looked at, in a few words."""
    if not causes.evaluations:
        return {
            "run": "nothing yet",
            "window": "nothing yet",
            "range": "no evaluation in the range",
        }[causes.span]
    run = "after the first fall" if causes.left_out else "whole run"
    what = {"run": run, "window": "last window", "range": "chosen range"}[causes.span]
    if causes.unit == "step":
        return f"{what}, steps {causes.first_epoch:,.0f}–{causes.last_epoch:,.0f}"
    return f"{what}, epochs {causes.first_epoch:.3g}–{causes.last_epoch:.3g}"
