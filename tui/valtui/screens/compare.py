"""Compare: the presets side by side in numbers, and what each number is."""

from __future__ import annotations

import asyncio

from rich.cells import cell_len
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import DataTable, Static

from valtui import texts
from valtui.feed import SessionFeed
from valtui.figures import RunFigures, compare
from valtui.keys import bindings
from valtui.screens.base import KeysFooter, SizedScreen, gone
from valtui_trainer.presets.keys import show_value
from valtui_trainer.session.safe import safe

REFRESH_SECONDS = 1.0
NOTE = """\
val loss, accuracy: mean of the last 10 evaluations; ± is the 95 % Student-t interval over n seeds, none at n = 1.
best: lowest mean over seeds, and its epoch; "alike" counts evaluations this validation set cannot tell from it (paired over samples, first seed, 90 %).
volatility: what is left of the jumps from one evaluation to the next after the trend, over the whole run, with its 90 % interval; ▲ counts spikes, which make the interval too narrow.
ratio: relative volatility against the first preset's, 90 % F interval; only where both evaluate after equally many images.
images/s: training steps alone; ⚭ marks runs that share the device."""


class CompareScreen(SizedScreen[None]):
    """One row a preset."""

    CSS_PATH = "../styles/compare.tcss"
    BINDINGS = bindings("compare")

    def __init__(self, feed: SessionFeed, reading: asyncio.Lock | None = None) -> None:
        """Compare the runs of `feed`, which the live screen below keeps up to date.

        Args:
            feed: The session.
            reading: Held by whoever reads new points into `feed`, in a thread.
        """
        super().__init__()
        self._feed = feed
        self._reading = reading or asyncio.Lock()
        self._shown: list[list[str]] = []
        self._widths: list[int] = []

    def compose(self) -> ComposeResult:
        """Lay out the table and what it means."""
        yield Static(id="question", markup=False)
        yield DataTable(cursor_type="row", zebra_stripes=True)
        yield Static(NOTE, id="note", markup=False)
        yield KeysFooter("compare")

    def on_mount(self) -> None:
        """Fill the table and keep it filled."""
        spec = self._feed.spec
        self.query_one("#question", Static).update(
            Content.assemble(
                (" compare  ", "bold $primary"), (safe(spec.question or spec.title), "bold")
            )
        )
        self._refresh_figures()

    @work(exclusive=True, group="compare", description="compute the comparison")
    async def _refresh_figures(self) -> None:
        known: list[object] = []
        while True:
            runs = list(self._feed.runs)
            now: list[object] = [(run.id, run.version, run.status.state) for run in runs]
            if now != known:
                async with self._reading:
                    figures = await asyncio.to_thread(compare, runs)
                known = now
                if gone(self):
                    return
                self._show(figures)
            await asyncio.sleep(REFRESH_SECONDS)

    def _show(self, figures: list[RunFigures]) -> None:
        table = self.query_one(DataTable)
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
            f"{number} {safe(one.id)}\n  {one.status.state.lower()}",
            *(safe(show_value(value)) for value in one.differs.values()),
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


def two_lines(text: str) -> str:
    """Return a figure with what follows its first word on a second line."""
    return text.replace(" ", "\n", 1)
