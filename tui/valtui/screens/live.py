"""The live screen: losses, volatility and presets of one session, as they come."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from rich.cells import cell_len, set_cell_size
from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import Static

from valtui import texts
from valtui.curves import Axis, RunCurves
from valtui.feed import RunFeed, SessionFeed
from valtui.figures import RunFigures, compare
from valtui.keys import bindings
from valtui.meter import read_meter
from valtui.screens.base import KeysFooter
from valtui.screens.run_commands import RunCommands
from valtui.screens.words import doing, so_far, trouble
from valtui.widgets import axis as axes
from valtui.widgets.chart import Chart
from valtui.widgets.run_list import RunList, RunRow
from valtui.widgets.sparkline import spark
from valtui_trainer.measure.volatility import volatility
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.safe import safe

POLL_SECONDS = 0.2
CALM_POLL_SECONDS = 0.5
PAINT_SECONDS = 0.02
SETTLE_SECONDS = 0.1
"""What the first frames take: work in a thread beside them would make them last twice as long."""

STATUS_SECONDS = 1.0
METER_SECONDS = 2.0
COURSE = 24
WIDE = 100

AXIS_LABELS: dict[Axis, str] = {"step": "step", "epoch": "epoch", "time": "sec"}
NEXT_AXIS: dict[Axis, Axis] = {"step": "epoch", "epoch": "time", "time": "step"}
PANELS = ("train", "val", "volatility")
LEFT = ("train", "volatility")
SHORTEST_TITLE = 24


class LiveScreen(RunCommands):
    """Three charts, the presets, and one line on what can be said so far."""

    CSS_PATH = "../styles/live.tcss"
    BINDINGS = bindings("live")

    def __init__(self, feed: SessionFeed) -> None:
        """Follow the session of `feed`, of which something was read already."""
        super().__init__()
        self.feed = feed
        self.x_axis: Axis = "epoch"
        self.curves: dict[str, RunCurves] = {}
        self.figures: list[RunFigures] = []
        self.focused_run = 0
        self.overlaid: dict[str, bool] = {}
        self.show_accuracy = False
        self.logarithmic = True
        self.unit: Literal["percent", "absolute"] = "percent"
        self.page = 1
        self._evaluations: tuple[tuple[int, int], ...] = ()
        self._meter = ""
        self._cursor: float | None = None
        self._structure: dict[str, tuple[object, ...]] = {}
        self._can_measure = False
        self._reading = asyncio.Lock()
        self._charts = {name: Chart(id=name) for name in PANELS}
        self._run_list = RunList()

    def compose(self) -> ComposeResult:
        """Lay out the head, the panels, the presets and the foot."""
        yield Static(id="head", markup=False)
        with Horizontal(id="panels"):
            with Vertical(id="left"):
                for name in LEFT:
                    yield self._charts[name]
            with Vertical(id="right"):
                yield self._charts["val"]
                with VerticalScroll(id="runs", can_focus=False):
                    yield self._run_list
        yield Static(id="said", markup=False)
        yield KeysFooter("live")

    def on_mount(self) -> None:
        """Draw what is there, then follow."""
        for chart in self._charts.values():
            chart.can_focus = False
        self.query_one("#runs").border_title = "presets"
        self._charts["train"].empty = "waiting for the first training steps"
        self._charts["val"].empty = "waiting for the first evaluation"
        self._charts["volatility"].empty = "measurable from the fifth evaluation on"
        self._turn_page()
        self._redraw()
        self._show_runs()
        self._show_head()
        self.call_after_refresh(self._load_measures)
        self._watch_states()
        self._watch_device()

    @work(exclusive=True, group="measures", description="load what intervals need")
    async def _load_measures(self) -> None:
        """Load scipy after the first curves are on the screen, then draw the volatility too, and follow."""
        await asyncio.sleep(SETTLE_SECONDS)
        await asyncio.to_thread(volatility, [1.0, 2.0, 1.5] * 4)
        self._can_measure = True
        if self.on_top:
            self._redraw()
        self._follow()

    @work(exclusive=True, group="follow", description="read what is new")
    async def _follow(self) -> None:
        """Read what came, five times a second while something comes; skip frames on a stalled line."""
        waiting = False
        while not self.feed.gone:
            problem = None
            try:
                async with self._reading:
                    changed = await asyncio.to_thread(self.feed.catch_up, POLL_SECONDS)
            except (SessionError, OSError) as error:
                problem, changed = error, True  # what can be read was read
            waiting = waiting or changed or any(curves.behind for curves in self.curves.values())
            if waiting and self.on_top and not self._line_is_stalled():
                waiting = False
                self._redraw()
            if problem is not None:
                waiting = True  # the next frame without a problem takes its sentence away
                self._say_wrong(problem)
            await asyncio.sleep(self._pause(problem is not None, changed))

    def _pause(self, wrong: bool, changed: bool) -> float:
        """Return the seconds until the next look; enough to paint while more is there to read or draw."""
        if wrong:
            return STATUS_SECONDS
        if self.feed.behind or any(curves.behind for curves in self.curves.values()):
            return PAINT_SECONDS
        return CALM_POLL_SECONDS if self.feed.ended and not changed else POLL_SECONDS

    @work(exclusive=True, group="states", description="look who is alive")
    async def _watch_states(self) -> None:
        while True:
            try:
                changed = await asyncio.to_thread(self.feed.poll_status)
            except (SessionError, OSError) as error:  # half deleted, or damaged
                self._say_wrong(error)
                await asyncio.sleep(STATUS_SECONDS)
                continue
            if self.feed.gone:
                self._say_gone()
                return
            if self.on_top and (changed or not self.feed.ended):
                self._show_runs()
                self._show_head()
                if changed and self._cursor is None:
                    self._say_so_far()
            await asyncio.sleep(STATUS_SECONDS)

    @work(exclusive=True, group="meter", description="read the device's load")
    async def _watch_device(self) -> None:
        while not self.feed.gone:
            if self.on_top and not self.feed.ended:
                self._meter = await asyncio.to_thread(read_meter, self.feed.spec.device)
                self._show_head()
            await asyncio.sleep(METER_SECONDS)

    def on_screen_resume(self) -> None:
        """Catch up after another screen was on top."""
        if self.is_mounted:
            self._redraw()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the head line, and keep the focused preset in sight."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        if self.on_top:
            self._show_head()
            self._show_title_of_page()
            self._scroll_to_focused()

    def _line_is_stalled(self) -> bool:
        driver: Any = self.app._driver
        return bool(getattr(driver, "is_stalled", lambda: False)())

    def _say_wrong(self, error: Exception) -> None:
        self._say(safe(str(error).replace(f"{self.feed.paths.folder}/", "")))

    def _say_gone(self) -> None:
        text = "The folder of this session was deleted; what is drawn is all there is. escape: home"
        self._update("#said", Content(" " + text))

    # --- drawing ---------------------------------------------------------------------------------

    def _redraw(self) -> None:
        """Take up new points, and draw them all in one frame."""
        for run in self.feed.runs:
            self._curves_of(run).update(self.x_axis, measure=self._can_measure)
        if not self._can_measure:
            self._show_charts(fresh=True)
            return
        evaluations = tuple(
            (self._evaluation_count(run), self.curves[run.id].resets) for run in self.feed.runs
        )
        fresh = evaluations != self._evaluations
        if fresh:
            self._evaluations = evaluations
            self.figures = compare(self.feed.runs, with_look_alikes=False)
        with self.app.batch_update():
            self._show_charts(fresh)
            self._show_runs()
            self._show_head()
            if self._cursor is None:
                self._say_so_far()

    def _curves_of(self, run: RunFeed) -> RunCurves:
        """Return the curves of `run`, which may have been started a moment ago."""
        if run.id not in self.curves:
            self.curves[run.id] = RunCurves(run, self.x_axis)
            self.overlaid[run.id] = True
        return self.curves[run.id]

    @staticmethod
    def _evaluation_count(run: RunFeed) -> int:
        return min(len(series.val) for series in run.seeds.values())

    def _show_charts(self, fresh: bool) -> None:
        """Give the charts their series when what they are made of changed, else only refresh them."""
        whats = {
            "train": "accuracy" if self.show_accuracy else "train_loss",
            "val": "val_loss",
            "volatility": self.unit,
        }
        for name, what in whats.items():
            chart = self._charts[name]
            curves = [self._curves_of(run) for run in self.feed.runs]
            resets = tuple(one.resets for one in curves)
            structure = (
                what, self.x_axis, self.focused_run, self._x_end(), resets, *self.overlaid.items(),
            )  # fmt: skip
            if fresh or self._structure.get(name) != structure:
                self._structure[name] = structure
                chart.show(
                    [self._series(run, what, index) for index, run in enumerate(self.feed.runs)],
                    x_label=AXIS_LABELS[self.x_axis],
                    y_format=self._format(what),
                    x_end=self._x_end(),
                )
            else:
                chart.refresh_data()
            title = self._title(what)
            if chart.border_title != title:
                chart.border_title = title
            chart.log = self.logarithmic and what in ("train_loss", "val_loss")

    def _series(self, run: RunFeed, what: str, index: int) -> Any:
        focused = index == self.focused_run
        visible = focused or self.overlaid[run.id]
        return self._curves_of(run).series(what, index + 1, visible=visible, focused=focused)

    def _x_end(self) -> float | None:
        """Return where x will end, so that the axis need not grow; unknown for time."""
        if self.x_axis == "time":
            return None
        if self.x_axis == "epoch":
            return max((run.spec.preset.epochs for run in self.feed.runs), default=None)
        totals = [run.start.total_steps for run in self.feed.runs if run.start is not None]
        return float(max(totals)) if totals else None

    def _format(self, what: str) -> Any:
        if what == "percent":
            return axes.percent
        return axes.share_percent if what == "accuracy" else axes.number

    def _title(self, what: str) -> str:
        balanced = all(run.accuracy_column == "val_accuracy" for run in self.feed.runs)
        return {
            "train_loss": "train loss",
            "val_loss": "validation loss  ◆ best",
            "accuracy": "validation accuracy"
            if balanced
            else "validation accuracy, classes balanced",
            "percent": "volatility, % of loss (10 evaluations, 90 %)",
            "absolute": "volatility in loss (10 evaluations, 90 %)",
        }[what]

    def _show_runs(self) -> None:
        rows = [self._row(index, run) for index, run in enumerate(self.feed.runs)]
        self._run_list.show(rows)

    def _row(self, index: int, run: RunFeed) -> RunRow:
        figures = self.figures[index] if index < len(self.figures) else None
        status = run.status
        known = figures is not None and figures.evaluations > 0
        curves = self.curves.get(run.id)
        return RunRow(
            number=index + 1,
            name=safe(run.id),
            state=status.state,
            focused=index == self.focused_run,
            overlaid=self.overlaid.get(run.id, True),
            wrong=status.state in ("FAILED", "KILLED", "LOST", "BLOCKED") or status.health != "ok",
            level=f"val {texts.level(figures.level)}" if known and figures else "",
            volatility=f"vol {texts.percent(figures.relative)}" if known and figures else "",
            course=spark(curves.recent, COURSE) if curves else "",
            progress=status.progress,
            doing=doing(run),
        )

    def _show_head(self) -> None:
        spec = self.feed.spec
        seeds = max((len(run.seeds) for run in self.feed.runs), default=1)
        count = len(self.feed.runs)
        states = [run.status.state for run in self.feed.runs]
        counted = {state: states.count(state) for state in dict.fromkeys(states)}
        state = ", ".join(f"{count} {name.lower()}" for name, count in counted.items())
        title = spec.title + (f": {spec.question}" if spec.question else "")
        left = f"{texts.duration(self.feed.left)} left" if self.feed.left is not None else ""
        parts = [
            f"{count} preset{'s' if count != 1 else ''} × {seeds} seed{'s' if seeds != 1 else ''}",
            safe(self._meter or spec.device),
            left,
            state,
        ]
        while True:  # what the title needs more than they do goes first
            right = "   ".join(part for part in parts if part)
            room = self.size.width - cell_len(right) - 13
            if room >= min(SHORTEST_TITLE, cell_len(safe(title))) or len(parts) == 1:
                break
            parts.pop(0)
        shown = safe(title)
        if cell_len(shown) > room:
            shown = set_cell_size(shown, max(8, room) - 1).rstrip() + "…"
        gap = " " * max(2, self.size.width - 10 - cell_len(shown) - cell_len(right) - 1)
        self._update(
            "#head",
            Content.assemble(
                (" valtui  ", "bold $primary"), (shown, "bold"), gap, (right, "$text-muted")
            ),
        )

    def _update(self, selector: str, content: Content) -> None:
        try:
            target = self.query_one(selector, Static)
        except NoMatches:
            return
        if getattr(target, "_valtui_shown", None) != content:
            target._valtui_shown = content  # type: ignore[attr-defined]
            target.update(content, layout=False)

    def _say(self, text: str) -> None:
        if not self.feed.gone:
            self._update("#said", Content(" " + text))

    def _say_so_far(self) -> None:
        """Say what is wrong, or else what the volatilities tell, in one line."""
        self._say(trouble(self.feed) or so_far(self.figures, briefly=self.size.width < WIDE))

    # --- the cursor, zoom and axes ---------------------------------------------------------------

    def on_chart_cursor_moved(self, event: Chart.CursorMoved) -> None:
        """Read the same step in all panels."""
        self._set_cursor(event.x)

    def on_chart_view_changed(self, event: Chart.ViewChanged) -> None:
        """Show the same range in all panels."""
        for chart in self._charts.values():
            if event.all:
                chart.show_all()
            else:
                chart.set_view(event.lo, event.hi)

    def _set_cursor(self, x: float | None) -> None:
        self._cursor = x
        for chart in self._charts.values():
            chart.cursor = x
        if x is None:
            self._say_so_far()
            return
        train = dict(self._charts["train"].read(x))
        val = dict(self._charts["val"].read(x))
        volatile = dict(self._charts["volatility"].read(x))
        unit = " %" if self.unit == "percent" else ""
        what = "acc" if self.show_accuracy else "train"
        parts = [
            f"{index + 1} {what} {texts.number(train.get(run.id))} val {texts.number(val.get(run.id))}"
            f" vol {texts.number(volatile.get(run.id), 2)}{unit}"
            for index, run in enumerate(self.feed.runs)
            if run.id in val or run.id in train
        ]
        place = texts.duration(x) if self.x_axis == "time" else f"{x:,.2f}".rstrip("0").rstrip(".")
        self._say(f"{AXIS_LABELS[self.x_axis]} {place}   " + "   ".join(parts))

    def action_cursor(self, direction: int) -> None:
        """Move the cursor to the focused preset's next evaluation a column away; begin at the newest."""
        chart = self._charts["val"]
        if chart.view is None or not self.feed.runs:
            return
        places = self._curves_of(self.run).places
        if not len(places):
            return
        lo, hi = chart.view
        if self._cursor is None:
            seen = [place for place in places.tolist() if lo <= place <= hi]
            if seen:
                self._set_cursor(seen[-1])
            return
        column = (hi - lo) / max(1, chart.content_size.width - 8)
        at = self._cursor
        if direction < 0:
            index = int(places.searchsorted(at - column, "right")) - 1
        else:
            index = int(places.searchsorted(at + column, "left"))
        moved = float(places[min(max(index, 0), len(places) - 1)])
        self._set_cursor(moved)
        if not lo <= moved <= hi:
            self.action_pan(direction / 4)

    def action_zoom(self, factor: float) -> None:
        """Zoom in around the cursor."""
        self._charts["val"].zoom(factor, self._cursor)

    def action_pan(self, fraction: float) -> None:
        """Move the zoomed range."""
        self._charts["val"].pan(fraction)

    def action_unzoom(self) -> None:
        """Show everything, without a cursor."""
        for chart in self._charts.values():
            chart.show_all()
        self._set_cursor(None)

    def action_log_axis(self) -> None:
        """Switch the losses between logarithmic and linear height."""
        self.logarithmic = not self.logarithmic
        self._show_charts(fresh=True)

    def action_x_axis(self) -> None:
        """Go on to the next unit of x."""
        self.x_axis = NEXT_AXIS[self.x_axis]
        self.action_unzoom()
        self._evaluations = ()
        self._redraw()

    def action_volatility_unit(self) -> None:
        """Switch the volatility between % and loss units."""
        self.unit = "absolute" if self.unit == "percent" else "percent"
        self._show_charts(fresh=True)

    def action_accuracy(self) -> None:
        """Switch the first panel between training loss and accuracy."""
        self.show_accuracy = not self.show_accuracy
        self._show_charts(fresh=True)

    def action_page(self, direction: int) -> None:
        """Go to another panel where one is shown at a time."""
        self.page = (self.page + direction) % len(PANELS)
        self._turn_page()

    def _turn_page(self) -> None:
        for index, name in enumerate(PANELS):
            self._charts[name].set_class(index == self.page, "current")
        on_the_left = PANELS[self.page] in LEFT
        self.query_one("#left").set_class(on_the_left, "current")
        self.query_one("#right").set_class(not on_the_left, "current")
        self._show_title_of_page()

    def _show_title_of_page(self) -> None:
        """Say which panel this is, and how to reach the others, where one is shown at a time."""
        alone = self.has_class("-narrow") or self.has_class("-short")
        for index, name in enumerate(PANELS):
            text = f"[ {index + 1} of {len(PANELS)} ]" if alone else ""
            self._charts[name].border_subtitle = Content(text)

    # --- presets ---------------------------------------------------------------------------------

    def on_run_list_chosen(self, event: RunList.Chosen) -> None:
        """Focus the preset that was clicked."""
        self.action_focus_run(event.number)

    def action_focus_run(self, number: int) -> None:
        """Focus the preset of that number."""
        if number <= len(self.feed.runs):
            self.focused_run = number - 1
            with self.app.batch_update():
                self._show_charts(fresh=True)
                self._show_runs()
            self._scroll_to_focused()
            if self._cursor is not None:
                self._set_cursor(self._cursor)

    def _scroll_to_focused(self) -> None:
        region = self._run_list.region_of(self.focused_run + 1)
        self.query_one("#runs").scroll_to_region(region, animate=False)

    def action_focus_next_run(self) -> None:
        """Focus the next preset."""
        self.action_focus_run((self.focused_run + 1) % max(1, len(self.feed.runs)) + 1)

    def action_overlay(self) -> None:
        """Show or hide the focused preset's lines while another is focused."""
        self.overlaid[self.run.id] = not self.overlaid[self.run.id]
        self._show_charts(fresh=True)
        self._show_runs()

    def action_compare(self) -> None:
        """Show the presets side by side in numbers."""
        from valtui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(self.feed, self._reading))
