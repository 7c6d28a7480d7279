"""Overfitting: one turn over the whole run, from which the validation loss rises and the training loss does not.

It is a drift, not a fluctuation, so it is tested against what noise does to the whole run: the error
is 5 % for the run, however many places the turn could have had. Windows of slopes alarm falsely in
84 % of flat runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from valtui_trainer.measure.residuals import Bools, Floats, prepare, squared_overlaps, weights

FEWEST = 12
"""Evaluations below which nothing is said."""

FEWEST_OF_TAIL = 8
"""Evaluations that a rise takes at least; a fifth of the run if that is more."""

MOST_STARTS = 40
RUNS = 1_000
"""Simulated runs of the null."""

AUTOCORRELATION = (0.3, 0.8)
"""Of the noise from evaluation to evaluation, as AR(1): the least that is reckoned with, the most."""

STAYS = 0.1
"""The training loss has risen too where its change is more than this part of the validation loss's."""


@dataclass(frozen=True, slots=True)
class Overfitting:
    """The turn of the validation loss.

    Attributes:
        since: position of the evaluation from which it rises.
        rise: of the fitted line from there to the last evaluation, in loss units.
        train_change: the same of the training loss in eval mode; negative where it fell.
        p: probability of so clear a rise anywhere in a run whose loss never turns up.
    """

    since: int
    rise: float
    train_change: float
    p: float


def overfitting(
    val_loss: npt.ArrayLike,
    train_eval_loss: npt.ArrayLike,
    x: npt.ArrayLike | None = None,
    seed: int = 0,
    error: float = 0.05,
) -> Overfitting | None:
    """Return where the validation loss turns up while the training loss does not, if it does.

    For each place the rest of the run is fitted by a line; its slope over its standard error, σ²
    from q of the rest alone, is brought to the scale of a normal deviate (Wallace 1959). The largest
    of these is held against simulated runs that are flat, the hardest case of a loss that never turns
    up: a fall hides a rise. Their noise is AR(1) with the correlation of what lines leave,
    0.3 at least: a correlation that a short run does not show would raise false alarms.

    Where it turns: the cut with the least squared error of any falling curve before (isotonic
    regression) and a line after. The training loss must be measured at least twice from there on,
    and its fitted line may not rise by more than a tenth of the validation loss's: it goes on falling,
    or has nothing left to fall. Where both rise, training diverges.

    Args:
        val_loss: (T,) or (seeds, T); seeds are averaged where all are finite, else there is a gap.
        train_eval_loss: of the same shape, on a fixed training subset; NaN where not measured.
        x: places (T,), rising; None: equally spaced.
        seed: of the simulated runs.
        error: how often a run that does not overfit may be said to.

    Returns:
        None where there is no such turn, or fewer than 12 evaluations.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    if np.shape(val_loss) != np.shape(train_eval_loss):
        raise ValueError(
            f"val_loss has shape {np.shape(val_loss)}, train_eval_loss {np.shape(train_eval_loss)}."
        )
    values, places = prepare(val_loss, x)
    val, train = mean_of_seeds(values), mean_of_seeds(prepare(train_eval_loss, x)[0])
    known = np.isfinite(val)
    if known.sum() < FEWEST:
        return None
    places = (places - places.mean()) / (places[-1] - places[0])
    starts = starts_of(known)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows has no size
        scaled = np.where(known, val - val[known].mean(), 0.0)
    size = float(np.abs(scaled).max())
    if not (0 < size < np.inf) or not len(starts):
        return None
    scaled = scaled / size
    z = rises(scaled[:, None], places, known, starts)[:, 0]
    phi = autocorrelation(scaled[known], places[known])
    null = simulated(places.tobytes(), known.tobytes(), phi, seed)
    p = (1 + int((null >= z.max()).sum())) / (1 + len(null))
    if p > error:
        return None
    return turn(scaled, size, train, places, known, p)


def mean_of_seeds(values: Floats) -> Floats:
    """Return the mean of values (seeds, T) over seeds, shape (T,); not finite where one is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(values.sum(axis=0) / max(1, len(values)))


def turn(
    scaled: Floats, size: float, train: Floats, x: Floats, known: Bools, p: float
) -> Overfitting | None:
    """Return the turn of a loss that rises, or None if the training loss says otherwise.

    Args:
        scaled: the validation loss (T,) less its mean, over `size`; 0 in a gap.
        size: in loss units.
        train: training loss in eval mode (T,), NaN where not measured.
        x: places (T,).
        known: evaluations that are no gaps, (T,).
        p: of the turn.
    """
    since = int(np.flatnonzero(known)[cut(scaled[known], x[known])])
    measured = np.isfinite(train)
    if measured[since:].sum() < 2:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        rise = size * change(scaled, x, known, since)
        train_change = change(train, x, measured, since)
    if not (0 < rise < np.inf and -np.inf < train_change <= STAYS * rise):
        return None
    return Overfitting(since, rise, train_change, p)


def starts_of(known: Bools) -> npt.NDArray[np.intp]:
    """Return the places from which a rise is looked for, MOST_STARTS at most."""
    count = int(known.sum())
    least = max(FEWEST_OF_TAIL, count // 5)
    whole = known[:-2] & known[1:-1] & known[2:]
    residuals_after = np.cumsum(whole[::-1])[::-1]
    points_after = np.cumsum(known[::-1])[::-1][:-2]
    allowed = np.flatnonzero((points_after >= least) & (residuals_after >= FEWEST_OF_TAIL - 2))
    if not len(allowed):
        return allowed
    picked = np.linspace(0, len(allowed) - 1, min(MOST_STARTS, len(allowed)))
    return np.asarray(allowed[np.unique(picked.round().astype(int))])


def rises(y: Floats, x: Floats, known: Bools, starts: npt.NDArray[np.intp]) -> Floats:
    """Return how clearly the rest of each series rises from each start, as a normal deviate.

    Args:
        y: series (T, runs), 0 in a gap.
        x: places (T,).
        known: which are no gaps, (T,).
        starts: (k,).

    Returns:
        Shape (k, runs).
    """
    w = weights(x)[:, :, None]
    triple = known[:-2] & known[1:-1] & known[2:]
    found = (w[:, 0] * y[:-2] + w[:, 1] * y[1:-1] + w[:, 2] * y[2:]) * triple[:, None]
    q = rest(found * found)[starts] / rest(triple.astype(np.float64))[starts, None]
    nu = freedom_of_rest(weights(x), triple)[starts, None]
    along, sxx = products(y, x, known)
    along, sxx = along[starts], sxx[starts, None]
    # Of a rest that is flat but for rounding no slope is left.
    along = np.where(np.abs(along) > 1e-9 * sxx, along, 0.0)
    t = along / np.sqrt(sxx * np.maximum(q, 1e-30))
    scale = (8.0 * nu + 1.0) / (8.0 * nu + 3.0)
    return np.asarray(np.sign(t) * np.sqrt(nu * np.log1p(t * t / nu)) * scale)


def freedom_of_rest(w: Floats, triple: Bools) -> Floats:
    """Return `residuals.freedom` of the rest from each place on, shape (m,), for weights w (m, 3)."""
    one, two = squared_overlaps(w)
    count = rest(triple.astype(np.float64))
    pairs = rest(np.append((triple[:-1] & triple[1:]) * one, 0.0))
    apart = rest(np.append((triple[:-2] & triple[2:]) * two, [0.0, 0.0]))
    return np.asarray(count**2 / np.maximum(count + 2.0 * pairs + 2.0 * apart, 1.0))


def products(y: Floats, x: Floats, known: Bools) -> tuple[Floats, Floats]:
    """Return Sxy (T, runs) and Sxx (T,) of the rest of series y (T, runs) from each place on."""
    there = known.astype(np.float64)
    count = np.maximum(rest(there), 1.0)
    mean = rest(there * x) / count
    sxx = rest(there * x * x) - count * mean * mean
    return rest(y * x[:, None]) - mean[:, None] * rest(y), np.maximum(sxx, 1e-300)


def rest(values: Floats) -> Floats:
    """Return at each place the sum from there to the end, over the first axis."""
    return np.asarray(np.cumsum(values[::-1], axis=0)[::-1])


def autocorrelation(y: Floats, x: Floats) -> float:
    """Return the lag-1 correlation of the noise of y (m,), in tenths, within AUTOCORRELATION.

    Of what lines leave of the later half, one before the turn and one after: a turn is no
    correlation. (2 + 4φ)/m is added for each line: so much it takes away (Kendall 1954, for a mean:
    (1 + 3φ)/m).
    """
    turn = cut(y, x)
    begin = min(turn, len(y) // 2)
    pieces = [part for part in (slice(begin, turn), slice(turn, None)) if len(y[part]) > 3]
    left = [unfitted(y[part], x[part]) for part in pieces]
    square = sum(float(one @ one) for one in left)
    phi = sum(float(one[1:] @ one[:-1]) for one in left) / square if square > 0 else 0.0
    count = sum(len(one) for one in left)
    phi += len(left) * (2.0 + 4.0 * max(0.0, phi)) / max(1, count)
    low, high = AUTOCORRELATION
    return round(min(high, max(low, phi)), 1)


def unfitted(y: Floats, x: Floats) -> Floats:
    """Return what a line leaves of y (m,)."""
    x = x - x.mean()
    return np.asarray(y - y.mean() - x * float(x @ y) / float(x @ x))


@lru_cache(maxsize=64)
def simulated(x: bytes, known: bytes, phi: float, seed: int) -> Floats:
    """Return the clearest rise of each of RUNS flat runs with AR(1) noise, shape (RUNS,).

    Args:
        x: bytes of the places (T,), so that a run's null is simulated once.
        known: bytes of which are no gaps, (T,).
        phi: the autocorrelation.
        seed: of the noise.
    """
    places, there = np.frombuffer(x), np.frombuffer(known, bool)
    noise = np.random.default_rng(seed).standard_normal((len(places), RUNS))
    noise[1:] *= (1.0 - phi * phi) ** 0.5
    for t in range(1, len(noise)):
        noise[t] += phi * noise[t - 1]
    noise *= there[:, None]
    return np.asarray(rises(noise, places, there, starts_of(there)).max(axis=0))


def cut(y: Floats, x: Floats) -> int:
    """Return the place from which y (m,) is best taken for a rising line, and before for a fall."""
    y = y - y.mean()
    along, sxx = products(y[:, None], x, np.ones(len(y), bool))
    count = np.arange(len(y), 0, -1)
    line = rest(y * y) - rest(y) ** 2 / count - np.maximum(0.0, along[:, 0]) ** 2 / sxx
    before = np.concatenate([[0.0], falling_errors(y)[:-1]])
    return int(np.argmin((before + line)[: len(y) - FEWEST_OF_TAIL // 2]))


def falling_errors(y: Floats) -> Floats:
    """Return the squared error of the best falling curve through each beginning of y, shape (m,).

    Pool adjacent violators, whose blocks for y[:t+1] are those for y[:t] with the last few merged.
    """
    errors = np.empty(len(y))
    blocks: list[tuple[int, float, float]] = []
    total = 0.0
    for place, value in enumerate(y.tolist()):
        count, mean, error = 1, value, 0.0
        while blocks and blocks[-1][1] <= mean:
            size, level, inside = blocks.pop()
            total -= inside
            error += inside + (mean - level) ** 2 * size * count / (size + count)
            mean = (mean * count + level * size) / (count + size)
            count += size
        blocks.append((count, mean, error))
        total += error
        errors[place] = total
    return errors


def change(y: Floats, x: Floats, known: Bools, since: int) -> float:
    """Return how much the line through the known values of y (T,) changes from `since` to the end."""
    there = known[since:]
    places, values = x[since:][there], y[since:][there]
    centred = places - places.mean()
    slope = float(centred @ values) / max(float(centred @ centred), 1e-300)
    return slope * float(x[-1] - x[since])
