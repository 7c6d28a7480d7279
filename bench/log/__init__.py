"""The log against TensorBoard's event files, SQLite and wandb's offline file: the same figures, each by its own means.

A record is what some training steps log here: step, time, epoch and six figures. Every tool writes as
it does by default, record by record; the seconds count until its file is closed. Reading ends at
arrays of numpy, which are compared with what was written; all figures are read, but where a row says
"what screens show" (step, epoch, time, training loss, images/s, by the feed). The tools take turns; a
ratio is of one turn, above 1 where ours is faster.

What is safe when a call has returned differs; "lost" counts records of which a SIGKILL right after the
last call took something, out of 1,050, the most of three kills. Ours: a line is with the operating
system before the call returns, so a kill loses nothing; a loss of power may take what came after the
last `fdatasync` (at each evaluation, before each checkpoint, and every 5 s). SQLite (WAL,
synchronous=NORMAL) likewise after each commit, but syncs only when it takes up its WAL. TensorBoard's
writer hands events to a thread by a queue of 10 and never syncs. wandb hands records to a second
process, which outlives the first.

TensorBoard is read by its Python reader (its web page has another one, in Rust). wandb has no public
Python reader of its file: the frames, which are those of LevelDB's log, are read here, and the records
decoded by wandb's own messages.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from bench.log import killed
from bench.log.ours import Ours, OurScreen
from bench.log.sqlite import SQLite
from bench.log.tensorboard import TensorBoard
from bench.log.tool import SERIES, Tool, make_figures, read, rows_of, write
from bench.log.tools import tools
from bench.timing import spread

RECORDS = 5_000
ROUNDS = 5
KILLS = 3
LONG = 1_000_000
LONG_TENSORBOARD = 20_000
"""Steps of the same four series that TensorBoard reads: it takes too long for more."""

LONG_ROUNDS = 3


def side_by_side() -> list[str]:
    """Return a row for each tool: what it writes and reads, how much slower than ours, what it loses."""
    figures = make_figures(RECORDS)
    rows = list(rows_of(figures, RECORDS))
    everything = tools()
    written: list[list[float]] = [[] for _ in everything]
    found: list[list[float]] = [[] for _ in everything]
    size = [0.0 for _ in everything]
    for _ in range(ROUNDS):
        for number, tool in enumerate(everything):
            with tempfile.TemporaryDirectory() as folder:
                written[number].append(write(tool, rows, Path(folder)))
                found[number].append(read(tool, figures, RECORDS, Path(folder)))
                size[number] = tool.size(Path(folder)) / RECORDS
    lines = []
    for number, tool in enumerate(everything):
        line = f"| {tool.name} "
        for seconds in (written, found):
            rates = [RECORDS / one for one in seconds[number]]
            ratios = [one / base for one, base in zip(seconds[number], seconds[0], strict=True)]
            line += f"| {spread(rates, ',.0f')} | {spread(ratios, ',.2f')} "
        lines.append(f"{line}| {size[number]:,.0f} | {most_lost(number)} |")
        print(lines[-1], flush=True)
    return lines


def most_lost(number: int) -> int:
    """Return the most records that a kill took from the tool of that number."""
    counts = []
    for _ in range(KILLS):
        with tempfile.TemporaryDirectory() as folder:
            counts.append(killed.lost(number, Path(folder)))
    return max(counts)


def long_log() -> list[str]:
    """Return rows on opening 1 M steps of four series, by the tools that can be asked to."""
    figures = make_figures(LONG)
    writers: list[tuple[Tool, int]] = [
        (Ours(SERIES), LONG),
        (SQLite(100, SERIES), LONG),
        (TensorBoard(SERIES), LONG_TENSORBOARD),
    ]
    with tempfile.TemporaryDirectory() as home:
        cases: list[tuple[Tool, int, Path]] = []
        for number, (tool, count) in enumerate(writers):
            folder = Path(home, str(number))
            folder.mkdir()
            write(tool, rows_of(figures, count), folder)
            cases.append((tool, count, folder))
        cases.insert(0, (OurScreen(), LONG, cases[0][2]))
        micros: list[list[float]] = [[] for _ in cases]
        for _ in range(LONG_ROUNDS):
            for (tool, count, folder), found in zip(cases, micros, strict=True):
                found.append(1e6 * read(tool, figures, count, folder) / count)
    lines = []
    for (tool, count, _), found in zip(cases, micros, strict=True):
        ratios = [one / base for one, base in zip(found, micros[0], strict=True)]
        seconds = statistics.median(found) * count / 1e6
        lines.append(
            f"| {tool.name} | {count:,} | {seconds:.2f} s | {spread(found, ',.2f')} "
            f"| {spread(ratios, ',.2f')} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> list[str]:
    """Return both tables."""
    columns = ("records/s written, median [min, max]", "ours is faster by", "records/s read")
    return [
        f"| tool | {' | '.join(columns)} | ours is faster by | bytes a record | lost |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *side_by_side(),
        "",
        f"{', '.join(SERIES)} over many steps, opened:",
        "",
        "| tool | steps | opened in | µs a step, median [min, max] | the first row is faster by |",
        "| --- | --- | --- | --- | --- |",
        *long_log(),
    ]
