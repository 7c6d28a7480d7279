"""valtui, `wandb leet` and Textual's own Sparkline on the same terminal, 200x50, in turns.

First frame with data: from the start of the process to the arrival of the first curve. leet begins with
the newest run of a folder and reads the others when they are asked for, so that one run is compared too;
it is a program in Go, started by a command in Python, whose time and memory are counted, and once without.

While data come in: four runs grow by ten points a second. valtui draws three panels of them, leet three
metrics with all runs overlaid, the Sparklines are sixteen in four panels and make their data themselves.
Draws a second are the times at which cells of curves arrived. The key focuses another preset, goes to
another run, or moves the mark of the Sparklines' app, which changes two cells.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.screen import leet
from bench.screen.cases import open_session
from bench.screen.first_frames import Case, Frame, first_frame
from bench.screen.recorded import Flooded, Recorded, shows, shows_curves
from bench.screen.streaming import Load, focus_keys, grower, measure, nothing, of_keys
from bench.sessions import make_session

SIZE = (200, 50)
FIRST_ROUNDS = 5
LOAD_ROUNDS = 3
SECONDS = 8.0
KEYS = 10
POINTS = 20_000


def first_frames(folder: Path) -> list[str]:
    """Return the table of first frames with data."""
    four, _ = make_session(folder, runs=4, points=POINTS, total=POINTS, eval_every=5, live=False)
    one, _ = make_session(folder, runs=1, points=POINTS, total=POINTS, eval_every=5, live=False)
    with leet.written(folder / "leet-four", 4, POINTS) as place:
        pass
    with leet.written(folder / "leet-one", 1, POINTS) as single:
        pass
    cases = [
        Case("valtui, 4 runs", open_session(folder, four.id), shows_curves),
        Case("valtui, 1 run", open_session(folder, one.id), shows_curves),
        Case("`wandb leet`, folder of 4 runs", leet.through_python(place), shows_curves),
        Case("`wandb leet`, 1 run", leet.through_python(single), shows_curves),
        Case("its program alone, 1 run", ["-c", ALONE, str(single)], shows_curves),
    ]
    found: list[list[Frame]] = [[] for _ in cases]
    for number in range(FIRST_ROUNDS + 1):
        for case, frames in zip(cases, found, strict=True):
            frame = first_frame(case, SIZE, folder / "caches", with_memory=True)
            if number:
                frames.append(frame)
    lines = [
        "| first frame with data, 20,000 points a run | from the process's start | of valtui's with 4 runs | memory a second later |",
        "| --- | --- | --- | --- |",
    ]
    for case, frames in zip(cases, found, strict=True):
        seconds = sorted(1000 * frame.seconds for frame in frames)
        ratios = sorted(
            frame.seconds / ours.seconds for frame, ours in zip(frames, found[0], strict=True)
        )
        lines.append(
            f"| {case.name} | {statistics.median(seconds):.0f} ms [{seconds[0]:.0f}, {seconds[-1]:.0f}] | "
            f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}] | "
            f"{statistics.median(frame.memory for frame in frames):.0f} MB |"
        )
        print(lines[-1], flush=True)
    return lines


ALONE = """
import importlib.util, os, pathlib, sys
program = pathlib.Path(importlib.util.find_spec("wandb").origin).parent / "bin" / "wandb-core"
os.execv(program, [str(program), "leet", "run", "--no-observability", sys.argv[1]])
"""
"""Becomes the program; a bare Python's start is all that is added."""


def valtui_load(folder: Path) -> Load:
    """Return what valtui takes while four runs grow."""
    session, writers = make_session(
        folder, runs=4, points=500, total=2_000, eval_every=5, live=True
    )
    terminal = Recorded(open_session(folder, session.id), SIZE, folder / "caches")
    try:
        terminal.record_until(shows_curves)
        return measure(terminal, grower(writers), focus_keys(terminal, KEYS), SECONDS)
    finally:
        terminal.close()


def leet_load(folder: Path) -> Load:
    """Return what leet takes while four runs grow, all of them overlaid."""
    with leet.written(Path(tempfile.mkdtemp(dir=folder)) / "leet", 4, 500) as place:
        terminal = Recorded(leet.through_python(place), SIZE, folder / "caches")
        try:
            leet.overlay_all(terminal, 4)
            return measure(terminal, nothing, leet.run_keys(terminal, KEYS), SECONDS)
        finally:
            terminal.close()


def sparkline_load(folder: Path) -> Load:
    """Return what sixteen Sparklines take."""
    terminal = Flooded(["-m", "bench.screen.sparkline"], SIZE, folder / "caches")
    try:
        terminal.record_until(shows("▸1"))
        return measure(terminal, nothing, focus_keys(terminal, KEYS), SECONDS)
    finally:
        terminal.close()


def loads(folder: Path) -> list[str]:
    """Return the table of what each takes while data come in."""
    cases: list[tuple[str, Callable[[Path], Load]]] = [
        ("valtui", valtui_load),
        ("`wandb leet`", leet_load),
        ("Textual's Sparkline", sparkline_load),
    ]
    found: dict[str, list[Load]] = {name: [] for name, _ in cases}
    for _ in range(LOAD_ROUNDS):
        for name, load in cases:
            found[name].append(load(folder))
    lines = [
        "| while 4 runs grow at 10/s | of a core | of valtui's | to the terminal | of valtui's | draws a second | key to bytes, median / p95 | memory |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    ours = found["valtui"]
    for name, all_loads in found.items():
        processor = statistics.median(load.processor for load in all_loads)
        flow = statistics.median(load.bytes_a_second for load in all_loads)
        keys = sorted(time for load in all_loads for time in load.arrived)
        lines.append(
            f"| {name} | {100 * processor:.1f} % | {ratio(all_loads, ours, processor_of)} | "
            f"{flow / 1000:.1f} kB/s | {ratio(all_loads, ours, flow_of)} | "
            f"{statistics.median(load.draws for load in all_loads):.1f} | {of_keys(keys)} | "
            f"{statistics.median(load.memory for load in all_loads):.0f} MB |"
        )
        print(lines[-1], flush=True)
    return lines


def processor_of(load: Load) -> float:
    """Return the share of a core."""
    return load.processor


def flow_of(load: Load) -> float:
    """Return the bytes a second."""
    return load.bytes_a_second


def ratio(theirs: list[Load], ours: list[Load], figure: Callable[[Load], float]) -> str:
    """Return theirs over ours, round by round, in words."""
    ratios = sorted(figure(one) / figure(two) for one, two in zip(theirs, ours, strict=True))
    return f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]"


def main() -> list[str]:
    """Return both tables."""
    if importlib.util.find_spec("wandb") is None:
        return ["wandb is not installed: `make bench` installs it."]
    with tempfile.TemporaryDirectory() as place:
        return [*first_frames(Path(place)), "", *loads(Path(place))]


if __name__ == "__main__":
    main()
