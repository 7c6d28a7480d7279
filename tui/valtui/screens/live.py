"""The live screen: losses, volatility and presets of one session, as they come."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any, Literal

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from valtui.curves import Axis, RunCurves, first_axis, mark_forks
from valtui.feed import RunFeed, SessionFeed
from valtui.figures import RunFigures, compare
from valtui.first_read import one_blas_thread
from valtui.keys import bindings
from valtui.meter import read_meter
from valtui.screens.base import KeysFooter
from valtui.screens.hand_on import PICTURE
from valtui.screens.live_cursor import CursorCommands
from valtui.screens.live_texts import (
    AXIS_LABELS,
    head_line,
    panel_title,
    run_row,
    x_end,
    y_format,
)
from valtui.widgets.chart import Chart
from valtui.widgets.run_list import RunList, RunRow
from valtui_trainer.measure.volatility import volatility
from valtui_trainer.session.errors import SessionError

if TYPE_CHECKING:
    from valtui.causes.types import OverfittingSince
    from valtui.export.picture.scene import Scene
    from valtui.notify.news import Watcher
    from valtui_trainer.session.config import Notify

POLL_SECONDS = 0.2
CALM_POLL_SECONDS = 0.5
PAINT_SECONDS = 0.02
SETTLE_SECONDS = 0.1
"""What the first frames take: work in a thread beside them would make them last twice as long."""

STATUS_SECONDS = 1.0
METER_SECONDS = 2.0
FIGURES_SECONDS = 1.0
"""How often what is told in words and figures is measured anew; nobody reads it faster."""

NEXT_AXIS: dict[Axis, Axis] = {"step": "epoch", "epoch": "time", "time": "step"}
PANELS = ("train", "val", "volatility")
LEFT = ("train", "volatility")


class LiveScreen(CursorCommands):
    """Three charts, the presets, and one line on what can be said so far."""

    CSS_PATH = "../styles/live.tcss"
    BINDINGS = bindings("live")

    def __init__(self, feed: SessionFeed) -> None:
        """Follow the session of `feed`, of which something was read already."""
        super().__init__(feed)
        self.x_axis: Axis = first_axis(feed.runs)
        self.curves: dict[str, RunCurves] = {}
        self.figures: list[RunFigures] = []
        self.overlaid: dict[str, bool] = {}
        self.show_accuracy = False
        self.logarithmic = True
        self.unit: Literal["percent", "absolute"] = "percent"
        self.page = 1
        self._evaluations: tuple[tuple[int, ...], ...] = ()
        self._measured: tuple[tuple[int, ...], ...] = ()
        self._measured_at = -math.inf
        self._meter = ""
        self._structure: dict[str, tuple[object, ...]] = {}
        self._can_measure = False
        self._watcher: Watcher | None = None
        self._tells = False
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
        await asyncio.to_thread(load_scipy)
        self._can_measure = True
        if self.on_top:
            self._redraw()
        self._follow()
        self._follow_causes()

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
            waiting = waiting or changed or self._measured != self._evaluations
            waiting = waiting or any(curves.behind for curves in self.curves.values())
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
            self._ring()
            await self._see_to_news()
            if self.on_top and (changed or not self.feed.ended):
                self._show_runs()
                self._show_head()
                if changed and self._cursor is None:
                    self._say_so_far()
            await asyncio.sleep(STATUS_SECONDS)

    async def _see_to_news(self) -> None:
        """Let somebody run the user's command for news once runs live, whoever started or resumed them."""
        if self.feed.ended or not self._can_measure:
            self._tells = False
        elif not self._tells:
            from valtui.notify.begin import begin_notifying

            self._tells = True
            await asyncio.to_thread(begin_notifying, self.feed.paths)

    def _ring(self) -> None:
        """Ring the bell for what is news, where the user wants that."""
        app: Any = self.app
        wanted: Notify = app.config.notify
        if not wanted.bell or not self._can_measure:
            return
        if self._watcher is None:
            from valtui.notify.news import Watcher

            self._watcher = Watcher(self.feed, wanted, self._known_overfitting)
        for news in self._watcher.look():
            self.app.bell()
            self.notify(news.message, markup=False, timeout=10)

    def _known_overfitting(self, run: RunFeed) -> OverfittingSince | None:
        found = self.diagnosis.known(run)
        return found.overfitting if found is not None else None

    @work(exclusive=True, group="meter", description="read the device's load")
    async def _watch_device(self) -> None:
        while not self.feed.gone:
            if self.on_top and not self.feed.ended:
                own = {run.status.pid for run in self.feed.runs if run.status.pid is not None}
                self._meter = await asyncio.to_thread(read_meter, self.feed.spec.device, own)
                self._show_head()
            await asyncio.sleep(METER_SECONDS)

    def on_screen_resume(self) -> None:
        """Catch up after another screen was on top."""
        if self.is_mounted:
            self._redraw()
            self._scroll_to_focused()
            if self._cursor is not None:
                self._set_cursor(self._cursor)

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

    # --- drawing ---------------------------------------------------------------------------------

    def _redraw(self) -> None:
        """Take up new points, and draw them all in one frame."""
        for run in self.feed.runs:
            self._curves_of(run).update(self.x_axis, measure=self._can_measure)
        if not self._can_measure:
            self._show_charts(fresh=True)
            return
        evaluations = tuple(
            (self._evaluation_count(run), *self.curves[run.id].generations())
            for run in self.feed.runs
        )
        fresh = evaluations != self._evaluations
        self._evaluations = evaluations
        now = time.monotonic()
        due = self._measured != evaluations and now - self._measured_at >= FIGURES_SECONDS
        if due:
            self._measured, self._measured_at = evaluations, now
            self.figures = compare(self.feed.runs, with_look_alikes=False)
        with self.app.batch_update():
            self._show_charts(fresh)
            if due:
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
        curves = [self._curves_of(run) for run in self.feed.runs]
        mark_forks(curves)
        for name, what in whats.items():
            chart = self._charts[name]
            resets = tuple(one.resets for one in curves)
            since = self._mark_overfitting() if what == "val_loss" else None
            structure = (
                what, self.x_axis, self.focused_run, x_end(self.feed.runs, self.x_axis), resets, since,
                *self.overlaid.items(),
            )  # fmt: skip
            if fresh or self._structure.get(name) != structure:
                self._structure[name] = structure
                chart.show(
                    [self._series(run, what, index) for index, run in enumerate(self.feed.runs)],
                    x_label=AXIS_LABELS[self.x_axis],
                    y_format=y_format(what),
                    x_end=x_end(self.feed.runs, self.x_axis),
                    log=self.logarithmic and what in ("train_loss", "val_loss"),
                )
            else:
                chart.refresh_data()
            title = panel_title(self.feed.runs, what, overfits=since is not None)
            if chart.border_title != title:
                chart.border_title = title

    def _mark_overfitting(self) -> int | None:
        """Mark where the focused run overfits from, and return that step."""
        found = self.overfitting
        for run in self.feed.runs:
            self._curves_of(run).overfits_since = None
        if found is None:
            return None
        self._curves_of(self.run).overfits_since = found.step
        return found.step

    def _series(self, run: RunFeed, what: str, index: int) -> Any:
        focused = index == self.focused_run
        visible = focused or self.overlaid[run.id]
        return self._curves_of(run).series(what, index + 1, visible=visible, focused=focused)

    def _show_runs(self) -> None:
        rows = [self._row(index, run) for index, run in enumerate(self.feed.runs)]
        self._run_list.show(rows)

    def _row(self, index: int, run: RunFeed) -> RunRow:
        figures = self.figures[index] if index < len(self.figures) else None
        focused = index == self.focused_run
        overlaid = self.overlaid.get(run.id, True)
        return run_row(index + 1, run, figures, self.curves.get(run.id), focused, overlaid)

    def _show_head(self) -> None:
        checking = self.diagnosis.checking_words(self.run) if self.feed.runs else ""
        self._update("#head", head_line(self.feed, checking or self._meter, self.size.width))

    def _show_why(self) -> None:
        """Say and mark what was found of the focused run."""
        with self.app.batch_update():
            self._show_charts(fresh=False)
            if self._cursor is None:
                self._say_so_far()

    def scenes(self) -> list[tuple[str, Scene]]:
        """Return the three panels, whole, with the lines and axes that they show now."""
        from valtui.export.picture.chart import draw_chart
        from valtui.export.picture.of_session import chart_of, curves_of

        runs = list(self.feed.runs)
        if not runs:
            return []
        curves = curves_of(runs, self.x_axis)
        shown = {
            run.id for index, run in enumerate(runs)
            if index == self.focused_run or self.overlaid.get(run.id, True)
        }  # fmt: skip
        first = "accuracy" if self.show_accuracy else "train_loss"
        found = []
        for what in ("val_loss", self.unit, first):
            chart = chart_of(curves, what, self.logarithmic and what.endswith("loss"), shown)
            name = {"percent": "volatility", "absolute": "volatility"}.get(what, what)
            found.append((name, draw_chart(chart, *PICTURE)))
        return found

    # --- axes and pages ---------------------------------------------------------------------------

    def action_log_axis(self) -> None:
        """Switch the losses between logarithmic and linear height."""
        self.logarithmic = not self.logarithmic
        self._show_charts(fresh=True)

    def action_x_axis(self) -> None:
        """Go on to the next unit of x."""
        self.x_axis = NEXT_AXIS[self.x_axis]
        self.action_unzoom()
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
                if self._cursor is None:
                    self._say_so_far()
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


def load_scipy() -> None:
    """Load what intervals need, by measuring something."""
    with one_blas_thread():
        volatility([1.0, 2.0, 1.5] * 4)
