"""The texts of the live screen: its head, the titles of its panels, a preset's row, what the cursor reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from valtui import texts
from valtui.curves import Axis, RunCurves
from valtui.feed import RunFeed, SessionFeed
from valtui.figures import RunFigures
from valtui.screens.words import doing
from valtui.widgets import axis as axes
from valtui.widgets.run_list import RunRow
from valtui.widgets.sparkline import spark
from valtui_trainer.session.described import is_ours
from valtui_trainer.session.safe import safe

AXIS_LABELS: dict[Axis, str] = {"step": "step", "epoch": "epoch", "time": "sec"}
COURSE = 24
SHORTEST_TITLE = 24


def head_line(feed: SessionFeed, meter: str, width: int) -> Content:
    """Return the first line: the session, its size, the device's `meter`, time left, states."""
    spec = feed.spec
    seeds = max((len(run.seeds) for run in feed.runs), default=1)
    count = len(feed.runs)
    states = [run.status.state for run in feed.runs]
    counted = {state: states.count(state) for state in dict.fromkeys(states)}
    title = safe((feed.name or spec.title) + (f": {spec.question}" if spec.question else ""))
    parts = [
        f"{count} preset{'s' if count != 1 else ''} × {seeds} seed{'s' if seeds != 1 else ''}",
        safe(meter or spec.device),
        f"{texts.duration(feed.left)} left" if feed.left is not None else "",
        ", ".join(f"{number} {state.lower()}" for state, number in counted.items()),
    ]
    while True:  # what the title needs more than they do goes first
        right = "   ".join(part for part in parts if part)
        room = width - cell_len(right) - 13
        if room >= min(SHORTEST_TITLE, cell_len(title)) or len(parts) == 1:
            break
        parts.pop(0)
    if cell_len(title) > room:
        title = set_cell_size(title, max(8, room) - 1).rstrip() + "…"
    gap = " " * max(2, width - 10 - cell_len(title) - cell_len(right) - 1)
    return Content.assemble(
        (" valtui  ", "bold $primary"), (title, "bold"), gap, (right, "$text-muted")
    )


def panel_title(runs: Sequence[RunFeed], what: str, overfits: bool = False) -> str:
    """Return the title of the panel that shows `what`; `overfits` if a mark says where from."""
    forks = "  ┣ fork" if any(run.spec.fork is not None for run in runs) else ""
    balanced = all(run.accuracy_column == "val_accuracy" for run in runs)
    return {
        "train_loss": "train loss",
        "val_loss": f"validation loss  ◆ best{forks}" + "  ◢ overfits from here" * overfits,
        "accuracy": "validation accuracy" + ("" if balanced else ", classes balanced"),
        "percent": "volatility, % of loss (10 evaluations, 90 %)",
        "absolute": "volatility in loss (10 evaluations, 90 %)",
    }[what]


def y_format(what: str) -> Any:
    """Return how figures along the height of the panel that shows `what` are written."""
    if what == "percent":
        return axes.percent
    return axes.share_percent if what == "accuracy" else axes.number


def x_end(runs: Sequence[RunFeed], axis: Axis) -> float | None:
    """Return where x will end, so that the axis need not grow; unknown for time."""
    if axis == "time":
        return None
    if axis == "epoch":
        ours = [run.spec.preset.epochs for run in runs if is_ours(run.spec)]
        return max(ours) if len(ours) == len(runs) and ours else None
    totals = [run.start.total_steps for run in runs if run.start is not None]
    return float(max(totals)) or None if totals else None


def run_row(
    number: int,
    run: RunFeed,
    figures: RunFigures | None,
    curves: RunCurves | None,
    focused: bool,
    overlaid: bool,
) -> RunRow:
    """Return the lines of one preset, whose key is `number`."""
    status = run.status
    known = figures is not None and figures.evaluations > 0
    return RunRow(
        number=number,
        name=safe(run.id),
        state=status.state,
        focused=focused,
        overlaid=overlaid,
        wrong=status.state in ("FAILED", "KILLED", "LOST", "BLOCKED") or status.health != "ok",
        level=f"val {texts.level(figures.level)}" if known and figures else "",
        volatility=f"vol {texts.percent(figures.relative)}" if known and figures else "",
        course=spark(curves.recent, COURSE) if curves else "",
        progress=None if status.endless else status.progress,
        doing=safe(
            "  ".join(
                filter(None, (status.far if status.endless else "", from_words(run), doing(run)))
            )
        ),
    )


def from_words(run: RunFeed) -> str:
    """Return where a run that goes on from another's checkpoint begins, or nothing."""
    return f"from epoch {run.spec.fork.epoch:.3g}" if run.spec.fork is not None else ""


def cursor_words(
    runs: Sequence[RunFeed],
    x: float,
    axis: Axis,
    read: Mapping[str, Mapping[str, float]],
    what: str,
    unit: str,
) -> str:
    """Return what the cursor at `x` reads; `read` holds values by panel and run."""
    train, val, volatile = read["train"], read["val"], read["volatility"]
    parts = [
        f"{index + 1} {what} {texts.number(train.get(run.id))} val {texts.number(val.get(run.id))}"
        f" vol {texts.number(volatile.get(run.id), 2)}{unit}"
        for index, run in enumerate(runs)
        if run.id in val or run.id in train
    ]
    place = texts.duration(x) if axis == "time" else f"{x:,.2f}".rstrip("0").rstrip(".")
    return f"{AXIS_LABELS[axis]} {place}   " + "   ".join(parts)
