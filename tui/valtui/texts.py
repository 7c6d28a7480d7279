"""Figures as people read them: numbers with intervals, durations, bytes, rates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from valtui.figures import RunFigures
    from valtui_trainer.measure.comparison import Mean
    from valtui_trainer.measure.interval import Interval
    from valtui_trainer.measure.volatility import Volatility


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` with `digits` significant digits, "–" where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4 or magnitude >= 6:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(0, digits - 1 - magnitude)}f}".replace("-", "−")


def interval(found: Interval | None, scale: float = 1.0) -> str:
    """Return `[low, high]`, or nothing where there is none."""
    if found is None:
        return ""
    return f"[{number(found.low * scale, 2)}, {number(found.high * scale, 2)}]"


def level(mean: Mean) -> str:
    """Return a mean over seeds with its interval and n."""
    if mean.interval is None:
        return f"{number(mean.mean)} n={mean.n}"
    half = (mean.interval.high - mean.interval.low) / 2
    return f"{number(mean.mean)} ±{number(half, 2)} n={mean.n}"


def percent(found: Volatility) -> str:
    """Return a relative volatility in percent with its interval."""
    if found.constant:
        return "no fluctuation"
    if math.isnan(found.value):
        return "–"
    text = f"{number(100 * found.value, 2)} % {interval(found.interval, 100)}".rstrip()
    return text + (f" ▲{len(found.spikes)}" if found.spikes else "")


def percent_interval(found: Interval | None) -> str:
    """Return the interval of a fraction in whole percent, or nothing where there is none."""
    if found is None:
        return ""
    low, high = (f"{round(100 * bound)}" for bound in (found.low, found.high))
    return f"[{low}, {high}]".replace("-", "−")


def counted(count: int, what: str) -> str:
    """Return a number with its noun, in the plural where it must be."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def samples_words(count: int) -> str:
    """Return how many validation samples there are, or that only means over them are known."""
    return counted(count, "validation sample") if count else "no losses by sample"


def share(fraction: float) -> str:
    """Return a share in whole percent."""
    return f"{100 * fraction:.0f} %".replace("-0 %", "0 %").replace("-", "−")


def cost(fraction: float) -> str:
    """Return a cost in percent, however small."""
    return "under 1 %" if 0 < fraction < 0.01 else share(fraction)


def signed_percent(fraction: float) -> str:
    """Return a change in percent with its sign."""
    return f"{100 * fraction:+.1f} %".replace("-", "−")


def absolute(found: Volatility) -> str:
    """Return a volatility in loss units with its interval."""
    if found.constant:
        return "no fluctuation"
    return f"{number(found.value, 2)} {interval(found.interval)}".rstrip()


def ratio(figures: RunFigures) -> str:
    """Return the ratio of volatilities to the first run's, or why there is none."""
    if figures.ratio is None:
        return figures.ratio_note or "1 (reference)"
    return f"{number(figures.ratio.value, 2)} {interval(figures.ratio.interval)}".rstrip()


def best(figures: RunFigures) -> str:
    """Return the best evaluation, where it was, and how many cannot be told from it."""
    if figures.best is None:
        return "–"
    found = figures.best
    alike = "" if found.look_alikes is None else f" ({found.look_alikes} alike)"
    return f"{number(found.loss)} at {found.epoch:g}{alike}"


def state(figures: RunFigures) -> str:
    """Return the state of a run, and where it goes on from if not from scratch."""
    fork = (
        f", from {figures.fork.run} at {figures.fork.epoch:g}" if figures.fork is not None else ""
    )
    return figures.status.state.lower() + fork


def at(unit: str, place: float, form: str = ".3g") -> str:
    """Return a place on x, such as `epoch 5.25` or `step 1,200`; epochs are written in `form`."""
    return f"step {place:,.0f}" if unit == "step" else f"{unit} {place:{form}}"


def duration(seconds: float | None) -> str:
    """Return seconds as m:ss, h:mm:ss or days."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: float) -> str:
    """Return bytes with a unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def rate(images: float | None) -> str:
    """Return images per second."""
    if not images:
        return "–"
    return f"{images / 1000:.1f}k/s" if images >= 10_000 else f"{images:.0f}/s"
