"""Why one run's validation loss jumps: everything that is said of it, measured from its log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from valtui import texts
from valtui.causes.arm_texts import ARM_NAMES
from valtui.causes.rows import in_order, rows_of
from valtui.causes.samples import (
    FRACTION,
    Samples,
    hardest_of,
    quality_groups,
    read_samples,
    shares_of,
)
from valtui.causes.texts import verdict_sentence
from valtui.causes.trials import Trials
from valtui.causes.types import BestFound, Causes, OverfittingSince, Row, Span
from valtui.curves import WINDOW
from valtui.feed import RunFeed
from valtui.series import ValMatrix
from valtui_trainer.measure.best import best_evaluation, look_alikes
from valtui_trainer.measure.contributions import hardest
from valtui_trainer.measure.fall import first_fall
from valtui_trainer.measure.optimism import optimism
from valtui_trainer.measure.overfitting import overfitting
from valtui_trainer.measure.resolution import smallest_jump
from valtui_trainer.measure.rolling import FEWEST_FOR_INTERVAL
from valtui_trainer.measure.suggest import suggested
from valtui_trainer.measure.verdict import Evidence, Verdict, judge
from valtui_trainer.measure.volatility import LEVEL, Volatility, pseudo_residuals, volatility
from valtui_trainer.presets.arms import PROBED
from valtui_trainer.session.checks import read_checks
from valtui_trainer.session.described import is_ours, why_no_trial
from valtui_trainer.session.records import Check
from valtui_trainer.supervise.probe import has_no_batchnorm

Bools = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def causes(
    run: RunFeed,
    span: Span = "run",
    low: float | None = None,
    high: float | None = None,
    trials: Trials | None = None,
) -> Causes:
    """Return why `run` fluctuates, from what was read of it so far.

    Overfitting and the best evaluation are of the whole run, whatever the span. Losses that are not
    finite are gaps.

    Args:
        run: read as far as one likes.
        span: the whole run after its first fall, its last window, or the epochs from `low` to `high`.
        low: first epoch of a range.
        high: last epoch of a range.
        trials: what probes and proofs of the run say, which the verdict looks at, too.
    """
    with np.errstate(all="ignore"):
        return measured(run, span, low, high, trials or Trials())


def measured(
    run: RunFeed, span: Span, low: float | None, high: float | None, trials: Trials
) -> Causes:
    """Return `causes`; numpy may warn of what is not finite."""
    whole = run.val_matrix()
    chosen = chosen_evaluations(whole, span, low, high)
    matrix = whole.take(chosen)
    samples = read_samples(run, whole)
    shown = samples.take(chosen)
    relative = volatility(matrix.loss, matrix.step, LEVEL, relative=True)
    checks = tuple(read_checks(run.paths))
    first = shown.first
    hard = hardest(first, FRACTION, matrix.step) if first is not None else None
    rows = rows_of(run, matrix, shown, hard)
    drawn, hardest_why = hardest_of(run, shown, matrix, hard)
    classes, groups_why = shares_of(shown, matrix)
    overfits, overfitting_why = overfitting_of(with_training(run, whole))
    evidence = evidence_of(matrix, relative, checks, rows, trials)
    verdict = judge(evidence)
    since = overfits.epoch if overfits else None
    return Causes(
        run=run.id,
        preset=run.spec.preset_name,
        seeds=tuple(run.spec.seeds),
        samples=run.start.val_size if run.start is not None else 0,
        span=span,
        left_out=int((~chosen).sum()) if span == "run" else 0,
        first_epoch=float(matrix.epoch[0]) if len(matrix.epoch) else 0.0,
        last_epoch=float(matrix.epoch[-1]) if len(matrix.epoch) else 0.0,
        evaluations=len(matrix.step),
        absolute=volatility(matrix.loss, matrix.step, LEVEL),
        relative=relative,
        verdict=verdict,
        sentence=verdict_sentence(verdict, evidence, checks, since, len(matrix.step), run.unit)
        + theirs_to_try(run, verdict),
        checks=checks,
        rows=in_order(rows, verdict),
        hardest=drawn,
        hardest_why=hardest_why,
        classes=classes,
        qualities=quality_groups(shown, matrix),
        groups_why=groups_why,
        overfitting=overfits,
        overfitting_why=overfitting_why,
        best=best_of(run, whole),
        smallest_jump=smallest_jump_of(shown),
        notes=notes_of(run, relative, shown, matrix),
        batch_size=run.spec.preset.batch_size,
        unit=run.unit,
        trials=trials,
    )


def theirs_to_try(run: RunFeed, verdict: Verdict) -> str:
    """Return which arms to try where valtui cannot, a sentence of its own; empty where it can."""
    if not why_no_trial(run.spec) or verdict.kind not in ("open", "cause"):
        return ""
    batchnorm = run.start is not None and not has_no_batchnorm(run.start)
    known = [arm for arm in PROBED if batchnorm or "batchnorm" not in arm]
    names = [ARM_NAMES[arm] for arm in suggested(verdict, known)]
    return (
        " valtui cannot probe another program's run: train it again there "
        f"{', or '.join(names)}, beside this one."
    )


def chosen_evaluations(
    matrix: ValMatrix, span: Span, low: float | None, high: float | None
) -> Bools:
    """Return which of the evaluations are looked at, shape (T,): a run without its first fall."""
    chosen = np.ones(len(matrix.step), bool)
    if span == "run":
        fall = first_fall(matrix.loss)
        chosen[: fall if len(chosen) - fall >= FEWEST_FOR_INTERVAL else 0] = False
    if span == "window":
        chosen[:-WINDOW] = False
    if span == "range":
        chosen &= (matrix.epoch >= (low if low is not None else -np.inf)) & (
            matrix.epoch <= (high if high is not None else np.inf)
        )
    return chosen


def evidence_of(
    matrix: ValMatrix,
    relative: Volatility,
    checks: Sequence[Check],
    rows: Sequence[Row],
    trials: Trials,
) -> Evidence:
    """Return what the rules of the verdict look at."""
    logs = np.log(np.where(matrix.loss > 0, matrix.loss, np.nan))
    sizes = np.abs(np.atleast_2d(pseudo_residuals(matrix.step, logs))) if relative.spikes else None
    largest = 0.0
    if sizes is not None:  # a point that stands out by s has a residual of s·√(2/3)
        at = [place - 1 for place in relative.spikes]
        largest = float(np.nanmax(sizes[:, at], initial=0.0)) * 1.5**0.5
    return Evidence(
        relative=relative,
        checks={check.check: check.outcome for check in checks},
        left={row.id: row.left for row in rows},
        largest_spike=largest,
        arms=trials.evidence,
    )


def with_training(run: RunFeed, matrix: ValMatrix) -> ValMatrix:
    """Return `matrix` with the training loss in train mode where a program logs none in eval mode.

    That of an evaluation is the mean since the one before. It is above the loss in eval mode where there
    is dropout or augmentation, so that a rise of the validation loss stands against a weaker fall.
    """
    if is_ours(run.spec) or np.isfinite(matrix.train_eval_loss).any() or not len(matrix.step):
        return matrix
    begins = np.concatenate([[-np.inf], matrix.step[:-1]])
    rows = []
    for series in run.seeds.values():
        step, loss = series.train["step"], series.train["train_loss"]
        low, high = (step.searchsorted(edge, "right") for edge in (begins, matrix.step))
        rows.append([loss[a:b].mean() if b > a else np.nan for a, b in zip(low, high, strict=True)])
    return replace(matrix, train_eval_loss=np.array(rows, dtype=np.float64))


def overfitting_of(matrix: ValMatrix) -> tuple[OverfittingSince | None, str]:
    """Return where the run began to overfit, or why that cannot be told."""
    measured = np.isfinite(matrix.train_eval_loss).all(axis=0)
    if measured.sum() < 2:
        return None, "the training loss in eval mode was measured fewer than twice"
    found = overfitting(matrix.loss, matrix.train_eval_loss, matrix.step)
    if found is None:
        return None, ""
    place = found.since
    return (
        OverfittingSince(
            step=int(matrix.step[place]),
            epoch=float(matrix.epoch[place]),
            rise=found.rise,
            p=found.p,
        ),
        "",
    )


def best_of(run: RunFeed, matrix: ValMatrix) -> BestFound | None:
    """Return the best evaluation by the mean over seeds, with its optimism and look-alikes."""
    position = best_evaluation(matrix.loss)
    if position is None:
        return None
    flattered, alike = None, np.empty(0, np.int64)
    losses = run.mean_sample_losses(matrix.step)
    if losses.shape[1] > 1:
        alike = look_alikes(losses, position, labels=run.strata(losses.shape[1]))
        value = optimism(losses)
        flattered = value if np.isfinite(value) else None
    return BestFound(
        step=int(matrix.step[position]),
        epoch=float(matrix.epoch[position]),
        loss=float(np.nanmean(matrix.loss[:, position])),
        optimism=flattered,
        look_alikes=tuple(int(matrix.step[row]) for row in alike if row != position),
    )


def smallest_jump_of(samples: Samples) -> float | None:
    """Return the smallest jump that this validation set can show, or None."""
    if samples.first is None:
        return None
    value = smallest_jump(samples.first, samples.strata)
    return value if np.isfinite(value) else None


def notes_of(
    run: RunFeed, relative: Volatility, samples: Samples, matrix: ValMatrix
) -> tuple[str, ...]:
    """Return what limits these figures, in sentences."""
    notes = []
    if not is_ours(run.spec) and not np.isfinite(matrix.train_eval_loss).any():
        notes.append(
            "Overfitting is judged by the training loss in train mode: the log has none in eval mode."
        )
    if relative.too_narrow:
        what = (
            f"{texts.counted(len(relative.spikes), 'spike')} stand{'s' * (len(relative.spikes) == 1)} out"
            if relative.spikes
            else "the jumps have heavy tails"
        )
        notes.append(
            f"{what}: the intervals are too narrow; the robust volatility is "
            f"{100 * relative.robust:.2g} % of the loss."
        )
    if samples.why:
        notes.append(f"{samples.why[0].upper()}{samples.why[1:]}.")
    elif samples.missing:
        notes.append(
            f"The losses by sample of {samples.missing} of {len(matrix.step)} evaluations are missing, "
            "damaged or not finite; rows that need them leave those out."
        )
    if len(samples.losses) > 1:
        notes.append("The samples and classes are of the first seed.")
    return tuple(notes)
