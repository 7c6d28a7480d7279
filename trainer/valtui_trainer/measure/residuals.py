"""What a series does from point to point beside its trend: residuals, their form q, its freedom ν.

The estimator is of Gasser, Sroka and Jennen-Steinmetz (1986), Biometrika 73(3): each point against
the line through its two neighbours, scaled to the variance of a single value. It knows nothing of
intervals or spikes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ROUNDING = 1e-12


def prepare(
    y: npt.ArrayLike, x: npt.ArrayLike | None, relative: bool = False
) -> tuple[Floats, Floats]:
    """Return y as (seeds, T) with gaps for what is not finite, and x as (T,).

    Args:
        y: series of shape (T,) or (seeds, T).
        x: places (T,), rising; None: 0, 1, 2, …
        relative: return log y; what is not positive is a gap.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values = np.atleast_2d(np.asarray(y, dtype=np.float64))
    if values.ndim != 2:
        raise ValueError(f"y must have shape (T,) or (seeds, T), not {np.shape(y)}.")
    usable = np.isfinite(values) & (values > 0) if relative else np.isfinite(values)
    values = np.where(usable, values, np.nan)
    length = values.shape[1]
    places = np.arange(length, dtype=np.float64) if x is None else np.asarray(x, dtype=np.float64)
    if places.shape != (length,):
        raise ValueError(f"x has shape {places.shape}, y has {length} points.")
    if length > 1 and not (np.diff(places) > 0).all():
        raise ValueError("x must rise from point to point.")
    return (np.log(values) if relative else values), places


def weights(x: Floats) -> Floats:
    """Return the weights of each residual on its three points, shape (T-2, 3).

    With a = (x₃−x₂)/(x₃−x₁) and b = (x₂−x₁)/(x₃−x₁) the residual is
    (a·y₁ − y₂ + b·y₃)/√(a²+b²+1).
    """
    if len(x) < 3:
        return np.empty((0, 3))
    span = x[2:] - x[:-2]
    a = (x[2:] - x[1:-1]) / span
    b = (x[1:-1] - x[:-2]) / span
    scale = 1.0 / np.sqrt(a * a + b * b + 1.0)
    return np.stack([a * scale, -scale, b * scale], axis=-1)


def residuals(x: Floats, y: Floats) -> Floats:
    """Return the residuals of y (seeds, T), shape (seeds, T-2); rounding errors count as zero."""
    if y.shape[1] < 3:
        return np.empty((y.shape[0], 0))
    w = weights(x)
    left, middle, right = y[:, :-2], y[:, 1:-1], y[:, 2:]
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is a gap
        found = w[:, 0] * left + w[:, 1] * middle + w[:, 2] * right
    size = np.maximum(np.abs(left), np.maximum(np.abs(middle), np.abs(right)))
    found = np.where(np.abs(found) <= ROUNDING * size, 0.0, found)
    return np.where(np.isfinite(found), found, np.nan)


def pseudo_residuals(x: npt.ArrayLike | None, y: npt.ArrayLike) -> Floats:
    """Return the residuals of y (T,) or (seeds, T): one for each inner point, NaN beside a gap.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    values, places = prepare(y, x)
    found = residuals(places, values)
    return found[0] if np.ndim(y) == 1 else found


def q(y: npt.ArrayLike, x: npt.ArrayLike | None = None) -> Floats:
    """Return the squared volatility of each series, shape () for y (T,), (rows,) for (rows, T).

    NaN where no three points stand together.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    return q_form(y, y, x)


def q_form(y: npt.ArrayLike, z: npt.ArrayLike, x: npt.ArrayLike | None = None) -> Floats:
    """Return the bilinear form of q: the mean product of the residuals of y and z.

    Only triples without a gap in either count, so compare it with q of series that share their gaps.

    Args:
        y: shape (T,) or (rows, T).
        z: the same, or (T,) against every row of y.
        x: places (T,), rising.

    Raises:
        ValueError: the shapes do not fit, or x does not rise.
    """
    first, places = prepare(y, x)
    second, _ = prepare(z, x)
    if first.shape[1] != second.shape[1]:
        raise ValueError(f"y has {first.shape[1]} points, z has {second.shape[1]}.")
    with np.errstate(over="ignore"):
        product = residuals(places, first) * residuals(places, second)
    known = ~np.isnan(product)
    counts = known.sum(axis=1)
    sums = np.where(known, product, 0.0).sum(axis=1)
    found = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return found.reshape(()) if max(np.ndim(y), np.ndim(z)) == 1 else found


def squared_overlaps(w: Floats) -> tuple[Floats, Floats]:
    """Return (wᵢ·wᵢ₊₁)², shape (m-1,), and (wᵢ·wᵢ₊₂)², shape (m-2,), of the weight rows w (m, 3)."""
    one = (w[:-1, 1] * w[1:, 0] + w[:-1, 2] * w[1:, 1]) ** 2
    two = (w[:-2, 2] * w[2:, 0]) ** 2
    return one, two


def freedom(w: Floats, known: Bools) -> Floats:
    """Return ν = tr(M)²/tr(M²) of q = yᵀMy for each row of `known` (rows, m); 0 where none is known.

    The residuals are ε = Wy with rows of unit length, so tr(M)·m = m and tr(M²)·m² = Σ(wᵢ·wⱼ)²:
    a band of five diagonals.
    """
    one, two = squared_overlaps(w)
    count = known.sum(axis=-1).astype(np.float64)
    pairs = (known[..., :-1] & known[..., 1:]) @ one
    apart = (known[..., :-2] & known[..., 2:]) @ two
    return np.asarray(count**2 / np.maximum(count + 2.0 * pairs + 2.0 * apart, 1.0))


def degrees(points: int | npt.ArrayLike, known: npt.ArrayLike | None = None) -> float:
    """Return the effective degrees of freedom ν = tr(M)²/tr(M²) of one series.

    Args:
        points: how many equally spaced points, or their places (T,), rising.
        known: which of them are not gaps, (T,); all, if None.

    Raises:
        ValueError: the shapes do not fit, or the places do not rise.
    """
    length = int(points) if isinstance(points, int | np.integer) else np.size(np.asarray(points))
    places = None if isinstance(points, int | np.integer) else points
    there = np.ones(length, bool) if known is None else np.asarray(known, bool)
    if there.shape != (length,):
        raise ValueError(f"known has shape {there.shape}, there are {length} points.")
    _, x = prepare(np.zeros(length), places)
    return float(freedom(weights(x), there[:-2] & there[1:-1] & there[2:]))
