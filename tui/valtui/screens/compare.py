"""Compare: the presets side by side in numbers, which is better or not told apart, and what each number is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, Static

from valtui import pair_words, texts
from valtui.feed import RunFeed, SessionFeed
from valtui.figures import RunFigures, compare
from valtui.keys import bindings
from valtui.pairs import Pair, pairs_of
from valtui.screens.base import KeysFooter, gone
from valtui.screens.hand_on import PICTURE
from valtui.screens.more_seeds import StartCommands
from valtui_trainer.presets.keys import show_value
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.export.picture.scene import Scene

REFRESH_SECONDS = 1.0
NOTE = f"""\
{" ".join(pair_words.NOTE)}
val loss, accuracy: mean of the last 10 evaluations; ± is the 95 % Student-t interval over n seeds, none at n = 1.
best: lowest mean over seeds, and its epoch; "alike" counts evaluations this validation set cannot tell from it (paired over samples, first seed, 90 %).
volatility: what is left of the jumps from one evaluation to the next after the trend, over the whole run, with its 90 % interval; ▲ counts spikes, which make the interval too narrow.
ratio: relative volatility against the first preset's, 90 % F interval; only where both evaluate after equally many images.
images/s: training steps alone; ⚭ marks runs that share the device."""


class CompareScreen(StartCommands):
    """One row a run, one sentence a pair of presets."""

    CSS_PATH = "../styles/compare.tcss"
    BINDINGS = bindings("compare")

    def __init__(self, feed: SessionFeed, reading: asyncio.Lock | None = None) -> None:
        """Compare the runs of `feed`, which the live screen below keeps up to date.

        Args:
            feed: The session.
            reading: Held by whoever reads new points into `feed`, in a thread.
        """
        super().__init__()
        self.feed = feed
        self._reading = reading or asyncio.Lock()
        self._ids: list[str] = []
        self._said: Content | None = None
        self._shown: list[list[str]] = []
        self._widths: list[int] = []

    def compose(self) -> ComposeResult:
        """Lay out the table and what it means."""
        yield Static(id="question", markup=False)
        yield DataTable(cursor_type="row", zebra_stripes=True)
        with VerticalScroll(id="pairs"):
            yield Static(id="said", markup=False)
        with VerticalScroll(id="notes", can_focus=False):
            yield Static(NOTE, id="note", markup=False)
        yield KeysFooter("compare")

    def on_mount(self) -> None:
        """Fill the table and keep it filled."""
        spec = self.feed.spec
        self.query_one("#question", Static).update(
            Content.assemble(
                (" compare  ", "bold $primary"), (safe(spec.question or spec.title), "bold")
            )
        )
        self._refresh_figures()

    @work(exclusive=True, group="compare", description="compute the comparison")
    async def _refresh_figures(self) -> None:
        known: list[object] = []
        levels: list[object] = []
        while True:
            runs = list(self.feed.runs)
            now: list[object] = [(run.id, run.version, run.status.state) for run in runs]
            if now != known and self.on_top:
                async with self._reading:
                    figures = await asyncio.to_thread(compare, runs)
                known = now
                if gone(self):
                    return
                self._show(figures)
                newest = [(run.id, run.status.ended, evaluations_of(run)) for run in runs]
                if newest != levels:
                    async with self._reading:
                        pairs = await asyncio.to_thread(pairs_of, runs)
                    levels = list(newest)
                    if gone(self):
                        return
                    self._show_pairs(pairs)
            await asyncio.sleep(REFRESH_SECONDS)

    def run_to_repeat(self) -> RunFeed | None:
        """Return the run under the cursor."""
        row = self.query_one(DataTable).cursor_row
        found = [run for run in self.feed.runs if self._ids[row : row + 1] == [run.id]]
        return found[0] if found else None

    def action_more_seeds(self) -> None:
        """Train two more seeds of the preset under the cursor, after asking."""
        run = self.run_to_repeat()
        if run is not None:
            self.ask_more_seeds(run)

    def scenes(self) -> list[tuple[str, Scene]]:
        """Return levels and volatilities with their intervals."""
        from valtui.export.picture.intervals import draw_intervals
        from valtui.export.picture.of_session import level_rows, volatility_rows
        from valtui.widgets.axis import number

        figures = compare(list(self.feed.runs), with_look_alikes=False)
        if not figures:
            return []
        levels = "validation loss, mean of the last 10 evaluations (95 % over seeds)"
        jumps = "volatility, % of the loss (90 %)"
        return [
            ("validation-loss-compared", draw_intervals(levels, level_rows(figures), PICTURE[0], written=number)),
            ("volatility-compared", draw_intervals(jumps, volatility_rows(figures), PICTURE[0])),
        ]  # fmt: skip

    def _show_pairs(self, pairs: list[Pair]) -> None:
        said = pairs_said(pairs)
        panel = self.query_one("#pairs", VerticalScroll)
        title = pair_words.title(pairs)
        if panel.border_title != title:
            panel.border_title = title
        if said != self._said:
            self._said = said
            self.query_one("#said", Static).update(said)

    def _show(self, figures: list[RunFigures]) -> None:
        table = self.query_one(DataTable)
        self._ids = [one.id for one in figures]
        header, rows = table_of(figures)
        if [header, *rows] == self._shown:
            return
        widths = [max(map(width_of, column)) for column in zip(header, *rows, strict=True)]
        before, self._shown = self._shown, [header, *rows]
        if widths == self._widths and len(before) == len(self._shown) and before[0] == header:
            for index, row in enumerate(rows):
                for column, cell, old in zip(header, row, before[index + 1], strict=True):
                    if cell != old:
                        table.update_cell(str(index), column, Text(cell))
            return
        self._widths = widths
        cursor = table.cursor_row
        table.clear(columns=True)
        for column, width in zip(header, widths, strict=True):
            table.add_column(Text(column), key=column, width=width)
        for index, row in enumerate(rows):
            table.add_row(*(Text(cell) for cell in row), key=str(index), height=2)
        table.move_cursor(row=cursor)


def width_of(cell: str) -> int:
    """Return how many terminal cells the widest line of `cell` takes."""
    return max(map(cell_len, cell.split("\n")))


def table_of(figures: list[RunFigures]) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of the comparison as texts, two lines a cell: a value, its interval."""
    keys = list(figures[0].differs) if figures else []
    accuracy = "accuracy" if all(one.balanced for one in figures) else "balanced acc."
    header = [
        "preset", *keys, "val loss", "vol. %", "ratio", "best", "volatility", accuracy, "images/s",
    ]  # fmt: skip
    rows = [
        [
            f"{number} {safe(one.id)}\n  {safe(texts.state(one))}",
            *(safe(show_value(value, key)) for key, value in one.differs.items()),
            two_lines(texts.level(one.level)),
            two_lines(texts.percent(one.relative).replace(" %", "", 1)),
            two_lines(texts.ratio(one)),
            texts.best(one).replace(" (", "\n("),
            two_lines(texts.absolute(one.absolute)),
            two_lines(texts.level(one.accuracy)).removesuffix(f" n={one.accuracy.n}"),
            texts.rate(one.images_per_second) + (" ⚭" if one.shared_device else ""),
        ]
        for number, one in enumerate(figures, start=1)
    ]
    return header, rows


def evaluations_of(run: RunFeed) -> list[tuple[int, int]]:
    """Return what tells whether a level may have changed: how many evaluations, how often some were dropped."""
    return [(len(series.val), series.val.generation) for series in run.seeds.values()]


def pairs_said(pairs: list[Pair]) -> Content:
    """Return a sentence a pair, those with the best preset first."""
    if not pairs:
        return Content("One preset alone: there is nothing to compare it with.")
    lines: list[Content] = []
    for before, pair in zip([pairs[0], *pairs], pairs, strict=False):
        if before.best and not pair.best:
            lines.append(Content.styled("without the best of all:", "dim"))
        said = pair_words.say(pair)
        lines.append(Content.assemble((safe(said.outcome), "bold"), safe(said.reason)))
    return Content("\n").join(lines)


def two_lines(text: str) -> str:
    """Return a figure with what follows its first word on a second line."""
    return text.replace(" ", "\n", 1)
