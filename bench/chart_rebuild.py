"""How long one chart of four series takes to rebuild after a new point, at several sizes of data.

    python bench/chart_rebuild.py

The target is 0.5 ms a panel of 100 x 20 cells at any number of points. Prints medians; they are
this machine's, only their independence of the number of points travels.
"""

from __future__ import annotations

import asyncio
import statistics
import time

import numpy as np
from textual.app import App, ComposeResult

from valtui.widgets.chart import Chart, Series
from valtui.widgets.pyramid import Pyramid

ROUNDS = 300


class Bench(App[None]):
    """One chart and nothing else."""

    def compose(self) -> ComposeResult:
        """Yield the chart."""
        yield Chart()


async def measure(points: int, bands: bool) -> tuple[float, float, float]:
    """Medians in ms: rebuild, one pyramid query of the same view, one of a new view."""
    random = np.random.default_rng(0)
    pyramids = [Pyramid() for _ in range(12 if bands else 4)]
    x = np.arange(points, dtype=float)
    for pyramid in pyramids:
        pyramid.append(x, 1.0 + np.exp(-4 * x / points) + 0.1 * random.random(points))
    series = [
        Series(
            str(index),
            index,
            pyramids[index],
            pyramids[4 + index] if bands else None,
            pyramids[8 + index] if bands else None,
        )
        for index in range(4)
    ]
    app = Bench()
    rebuild, warm, cold = [], [], []
    async with app.run_test(size=(106, 22)) as pilot:
        chart = app.query_one(Chart)
        chart.show(series, x_end=points + ROUNDS)
        await pilot.pause()
        for step in range(ROUNDS):
            for pyramid in pyramids:
                pyramid.append([points + step], [1.0 + 0.1 * random.random()])
            begin = time.perf_counter()
            chart.refresh_data()
            rebuild.append(time.perf_counter() - begin)
        for step in range(30):
            pyramids[0].append([points + ROUNDS], [1.0])
            begin = time.perf_counter()
            pyramids[0].query(0.0, float(points + ROUNDS), 200)
            warm.append(time.perf_counter() - begin)
            begin = time.perf_counter()
            pyramids[0].query(float(step), float(points), 200)
            cold.append(time.perf_counter() - begin)
    first, second, third = (1e3 * statistics.median(times) for times in (rebuild, warm, cold))
    return first, second, third


def main() -> None:
    """Print one line a number of points."""
    print(f"{'points':>10} {'bands':>5} {'rebuild ms':>11} {'query ms':>9} {'new view ms':>12}")
    for points in (1_000, 20_000, 1_000_000):
        for bands in (False, True):
            rebuild, warm, cold = asyncio.run(measure(points, bands))
            print(f"{points:>10} {bands!s:>5} {rebuild:>11.3f} {warm:>9.3f} {cold:>12.3f}")


if __name__ == "__main__":
    main()
