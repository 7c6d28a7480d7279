"""The charts of a session, and the rows of its causes, ready to be drawn."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from valtui import texts
from valtui.causes.arm_texts import ARM_NAMES, figure
from valtui.causes.texts import LENS_NAMES, left
from valtui.causes.types import Causes
from valtui.curves import Axis, RunCurves, mark_forks
from valtui.export.picture.chart import Chart
from valtui.export.picture.intervals import Row
from valtui.feed import RunFeed
from valtui.figures import RunFigures
from valtui.widgets import axis as axes
from valtui_trainer.measure.comparison import Mean
from valtui_trainer.session.safe import safe

TITLES = {
    "val_loss": "validation loss",
    "percent": "volatility, % of the loss",
    "absolute": "volatility in units of the loss",
    "train_loss": "train loss",
    "accuracy": "validation accuracy",
}
FORMATS = {"percent": axes.percent, "accuracy": axes.share_percent}


def curves_of(runs: Sequence[RunFeed], axis: Axis) -> list[RunCurves]:
    """Return the curves of `runs` with everything that was read of them."""
    found = [RunCurves(run, axis) for run in runs]
    for one in found:
        while one.update(axis) and one.behind:
            pass
    mark_forks(found)
    return found


def chart_of(
    curves: Sequence[RunCurves], what: str, log: bool, shown: Collection[str] | None = None
) -> Chart:
    """Return the chart that shows `what`, a key of `TITLES`, of the runs `shown`, or of all."""
    series = tuple(
        one.series(what, number, visible=True, focused=False)
        for number, one in enumerate(curves, start=1)
        if shown is None or one.run.id in shown
    )
    axis = curves[0].axis if curves else "step"
    label = {"step": "step", "epoch": "epoch", "time": "seconds"}[axis]
    return Chart(TITLES[what], series, label, FORMATS.get(what, axes.number), log)


def left_rows(causes: Causes, arms: bool = True) -> list[Row]:
    """Return the volatility left under each counterfactual, and what probes found of arms."""
    rows = []
    for row in causes.rows:
        found = row.left
        if found is None:
            rows.append(Row(LENS_NAMES[row.id], safe(row.why)))
            continue
        interval = found.interval
        rows.append(
            Row(
                LENS_NAMES[row.id], left(found), max(0.0, found.value),
                interval.low if interval else None, interval.high if interval else None,
                "s1" if row.kind == "cause" else "dim",
            )
        )  # fmt: skip
    tried = [one for one in causes.trials.arms if one.look is not None and one.look.left is not None]  # fmt: skip
    for arm in tried if arms else ():
        assert arm.look is not None
        interval = arm.interval
        rows.append(
            Row(
                ARM_NAMES.get(arm.id, safe(arm.id)), figure(arm), arm.look.left,
                interval.low if interval else None, interval.high if interval else None, "s2",
            )
        )  # fmt: skip
    return rows


def level_rows(figures: Sequence[RunFigures]) -> list[Row]:
    """Return the validation loss of each run over its last window."""
    return [
        Row(f"{place} {safe(one.id)}", texts.level(one.level), *bounded(one.level), f"s{(place - 1) % 9 + 1}")
        for place, one in enumerate(figures, start=1)
    ]  # fmt: skip


def volatility_rows(figures: Sequence[RunFigures]) -> list[Row]:
    """Return the relative volatility of each run."""
    rows = []
    for place, one in enumerate(figures, start=1):
        found = one.relative
        known = found.value == found.value
        interval = found.interval
        rows.append(
            Row(
                f"{place} {safe(one.id)}", texts.percent(found), found.value if known else None,
                interval.low if interval else None, interval.high if interval else None,
                f"s{(place - 1) % 9 + 1}",
            )
        )  # fmt: skip
    return rows


def bounded(mean: Mean) -> tuple[float | None, float | None, float | None]:
    """Return a mean and the ends of its interval."""
    if mean.mean != mean.mean:
        return None, None, None
    if mean.interval is None:
        return mean.mean, None, None
    return mean.mean, mean.interval.low, mean.interval.high
