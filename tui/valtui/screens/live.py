"""The live screen: losses, volatility and presets of one session, as they come."""

from __future__ import annotations

import asyncio
import math
from typing import Any, Literal

from textual import work
from textual.app import ComposeResult
from textual.containers import Grid, VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import Static

from valtui import texts
from valtui.curves import Axis, RunCurves
from valtui.feed import RunFeed, SessionFeed
from valtui.figures import RunFigures, compare
from valtui.keys import bindings
from valtui.meter import read_meter
from valtui.screens.asking import AskScreen, ChooseScreen
from valtui.screens.base import KeysFooter, SizedScreen
from valtui.widgets import axis as axes
from valtui.widgets.chart import Chart
from valtui.widgets.run_list import RunList, RunRow
from valtui.widgets.sparkline import spark
from valtui_trainer.measure.volatility import volatility
from valtui_trainer.session.output import read_output
from valtui_trainer.session.records import CommandName
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import RESUMABLE
from valtui_trainer.supervise.begin import command as send_command

POLL_SECONDS = 0.2
CALM_POLL_SECONDS = 0.5
STATUS_SECONDS = 1.0
METER_SECONDS = 2.0
COURSE = 24

AXIS_LABELS: dict[Axis, str] = {"step": "step", "epoch": "epoch", "time": "time"}
NEXT_AXIS: dict[Axis, Axis] = {"step": "epoch", "epoch": "time", "time": "step"}
PANELS = ("train", "val", "volatility")


class LiveScreen(SizedScreen[None]):
    """Three charts, the presets, and one line on what can be said so far."""

    CSS_PATH = "../styles/live.tcss"
    BINDINGS = bindings("live")

    def __init__(self, feed: SessionFeed) -> None:
        """Follow the session of `feed`, which was read once already."""
        super().__init__()
        self.feed = feed
        self.x_axis: Axis = "epoch"
        self.curves: dict[str, RunCurves] = {}
        self.figures: list[RunFigures] = []
        self.focused_run = 0
        self.overlaid: dict[str, bool] = {}
        self.show_accuracy = False
        self.unit: Literal["percent", "absolute"] = "percent"
        self.page = 1
        self._evaluations: tuple[int, ...] = ()
        self._meter = ""
        self._cursor: float | None = None
        self._structure: dict[str, tuple[object, ...]] = {}
        self._can_measure = False

    def compose(self) -> ComposeResult:
        """Lay out the head, the panels, the presets and the foot."""
        yield Static(id="head", markup=False)
        with Grid(id="panels"):
            for name in PANELS:
                yield Chart(id=name)
            with VerticalScroll(id="runs", can_focus=False):
                yield RunList()
        yield Static(id="said", markup=False)
        yield KeysFooter("live")

    def on_mount(self) -> None:
        """Draw what is there, then follow."""
        for chart in self.query(Chart):
            chart.can_focus = False
            chart.log = chart.id != "volatility"
        self.query_one("#runs").border_title = "presets"
        self.query_one("#train", Chart).empty = "waiting for the first training steps"
        self.query_one("#val", Chart).empty = "waiting for the first evaluation"
        self.query_one("#volatility", Chart).empty = "measurable from the fifth evaluation on"
        self._turn_page()
        self._redraw()
        self._show_runs()
        self._show_head()
        self.call_after_refresh(self._load_measures)
        self._follow()
        self._watch_states()
        self._watch_device()

    @work(exclusive=True, group="measures", description="load what intervals need")
    async def _load_measures(self) -> None:
        """Load scipy after the first curves are on the screen, then draw the volatility too."""
        await asyncio.to_thread(volatility, [1.0, 2.0, 1.5] * 4)
        self._can_measure = True
        if self.on_top:
            self._redraw()

    @work(exclusive=True, group="follow", description="read what is new")
    async def _follow(self) -> None:
        """Read what came, five times a second while something comes; skip frames on a stalled line."""
        waiting = False
        while not self.feed.gone:
            changed = await asyncio.to_thread(self.feed.poll)
            waiting = waiting or changed
            if waiting and self.on_top and not self._line_is_stalled():
                waiting = False
                self._redraw()
            calm = self.feed.ended and not changed
            await asyncio.sleep(CALM_POLL_SECONDS if calm else POLL_SECONDS)

    @work(exclusive=True, group="states", description="look who is alive")
    async def _watch_states(self) -> None:
        while True:
            changed = await asyncio.to_thread(self.feed.poll_status)
            if self.feed.gone:
                self._say_gone()
                return
            if self.on_top and (changed or not self.feed.ended):
                self._show_runs()
                self._show_head()
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

    def _line_is_stalled(self) -> bool:
        driver: Any = self.app._driver
        return bool(getattr(driver, "is_stalled", lambda: False)())

    def _say_gone(self) -> None:
        self._say(
            "The folder of this session was deleted; what is drawn is all there is. escape: home"
        )

    # --- drawing ---------------------------------------------------------------------------------

    def _redraw(self) -> None:
        """Take up new points, and draw them all in one frame."""
        for run in self.feed.runs:
            if run.id not in self.curves:
                self.curves[run.id] = RunCurves(run, self.x_axis)
                self.overlaid[run.id] = True
            self.curves[run.id].update(self.x_axis, measure=self._can_measure)
        if not self._can_measure:
            self._show_charts(fresh=True)
            return
        evaluations = tuple(self._evaluation_count(run) for run in self.feed.runs)
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
            chart = self.query_one(f"#{name}", Chart)
            structure = (what, self.x_axis, self.focused_run, *self.overlaid.items())
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

    def _series(self, run: RunFeed, what: str, index: int) -> Any:
        focused = index == self.focused_run
        visible = focused or self.overlaid[run.id]
        return self.curves[run.id].series(what, index + 1, visible=visible, focused=focused)

    def _x_end(self) -> float | None:
        """Return where x will end, so that the axis need not grow; unknown for time."""
        if self.x_axis == "time":
            return None
        if self.x_axis == "epoch":
            return max(run.spec.preset.epochs for run in self.feed.runs)
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
            "percent": "volatility, % of the loss (10 evaluations, band 90 %)",
            "absolute": "volatility, in units of the loss (10 evaluations, band 90 %)",
        }[what]

    def _show_runs(self) -> None:
        rows = [self._row(index, run) for index, run in enumerate(self.feed.runs)]
        self.query_one(RunList).show(rows)

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
        states = [run.status.state for run in self.feed.runs]
        counted = {state: states.count(state) for state in dict.fromkeys(states)}
        state = ", ".join(f"{count} {name.lower()}" for name, count in counted.items())
        title = spec.title + (f": {spec.question}" if spec.question else "")
        parts = [f"{len(self.feed.runs)} presets × {seeds} seed{'s' if seeds > 1 else ''}"]
        parts.append(self._meter or spec.device)
        if self.feed.left is not None:
            parts.append(f"{texts.duration(self.feed.left)} left")
        parts.append(state)
        right = "   ".join(parts)
        room = self.size.width - len(right) - 13
        shown = safe(title) if len(title) <= room else safe(title)[: max(8, room - 1)] + "…"
        gap = " " * max(2, self.size.width - 10 - len(shown) - len(right) - 1)
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
        self._update("#said", Content(" " + text))

    def _say_so_far(self) -> None:
        """Say what the volatilities tell, in one line."""
        wrong = [
            run for run in self.feed.runs if run.status.state == "FAILED" and run.status.reason
        ]
        if wrong:
            self._say(f"{safe(wrong[0].id)} failed: {wrong[0].status.reason}  (o: its output)")
            return
        told = [one for one in self.figures if one.ratio and one.ratio.interval]
        if not told:
            self._say("so far  not enough evaluations for an interval" if self.figures else "")
            return
        first = safe(self.figures[0].id)
        parts = [
            f"{safe(one.id)} {texts.number(one.ratio.value, 2)}× {texts.interval(one.ratio.interval)}"
            for one in told
            if one.ratio
        ]
        self._say(f"volatility against {first}'s, over the whole run, 90 %:  " + "   ".join(parts))

    # --- the cursor, zoom and axes ---------------------------------------------------------------

    def on_chart_cursor_moved(self, event: Chart.CursorMoved) -> None:
        """Read the same step in all panels."""
        self._set_cursor(event.x)

    def on_chart_view_changed(self, event: Chart.ViewChanged) -> None:
        """Show the same range in all panels."""
        for chart in self.query(Chart):
            if event.all:
                chart.show_all()
            else:
                chart.set_view(event.lo, event.hi)

    def _set_cursor(self, x: float | None) -> None:
        self._cursor = x
        for chart in self.query(Chart):
            chart.cursor = x
        if x is None:
            self._say_so_far()
            return
        train = dict(self.query_one("#train", Chart).read(x))
        val = dict(self.query_one("#val", Chart).read(x))
        volatile = dict(self.query_one("#volatility", Chart).read(x))
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
        """Move the cursor by one column, or put it at the newest evaluation."""
        chart = self.query_one("#val", Chart)
        if chart.view is None:
            return
        lo, hi = chart.view
        begin = self._cursor if self._cursor is not None else (hi if direction < 0 else lo)
        moved = begin + direction * (hi - lo) / max(1, chart.content_size.width - 8)
        self._set_cursor(min(hi, max(lo, moved)))

    def action_zoom(self, factor: float) -> None:
        """Zoom in around the cursor."""
        self.query_one("#val", Chart).zoom(factor, self._cursor)

    def action_pan(self, fraction: float) -> None:
        """Move the zoomed range."""
        self.query_one("#val", Chart).pan(fraction)

    def action_unzoom(self) -> None:
        """Show everything, without a cursor."""
        for chart in self.query(Chart):
            chart.show_all()
        self._set_cursor(None)

    def action_log_axis(self) -> None:
        """Switch all panels between logarithmic and linear height."""
        log = not self.query_one("#val", Chart).log
        for chart in self.query(Chart):
            chart.log = log

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
            self.query_one(f"#{name}").set_class(index == self.page, "current")

    # --- presets ---------------------------------------------------------------------------------

    @property
    def run(self) -> RunFeed:
        """The focused run."""
        return self.feed.runs[self.focused_run]

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

    def action_focus_next_run(self) -> None:
        """Focus the next preset."""
        self.action_focus_run((self.focused_run + 1) % len(self.feed.runs) + 1)

    def action_overlay(self) -> None:
        """Show or hide the focused preset's lines while another is focused."""
        self.overlaid[self.run.id] = not self.overlaid[self.run.id]
        self._show_charts(fresh=True)
        self._show_runs()

    def action_compare(self) -> None:
        """Show the presets side by side in numbers."""
        from valtui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(self.feed))

    def action_output(self) -> None:
        """Show what the focused run's trainer printed."""
        from valtui.screens.output import OutputScreen

        attempt = self.run.paths.last_attempt()
        if attempt is None:
            self.notify(f"{safe(self.run.id)} has not been started yet.", markup=False)
            return
        title = f"{safe(self.run.id)}, attempt {attempt.number}: {self.run.status.state.lower()}"
        lines = read_output(attempt.log)
        self.app.push_screen(OutputScreen(title, self.run.status.reason, lines, attempt.log))

    def action_stop(self) -> None:
        """Stop the focused run, after asking."""
        run = self.run
        if run.status.ended:
            self.notify(f"{safe(run.id)} has ended already ({run.status.state}).", markup=False)
            return
        question = f"Stop {safe(run.id)}? It ends after its step, with a checkpoint; r resumes it."
        self.app.push_screen(
            AskScreen(question), lambda yes: self._send("stop", [run]) if yes else None
        )

    def action_pause(self) -> None:
        """Pause the focused run."""
        if self.run.status.state == "PAUSED":
            self._send("resume", [self.run])
        elif self.run.status.ended:
            self.notify(
                f"{safe(self.run.id)} has ended already ({self.run.status.state}).", markup=False
            )
        else:
            self._send("pause", [self.run])

    def action_resume(self) -> None:
        """Resume the focused run: after a pause, or as a new attempt."""
        state = self.run.status.state
        if (
            state == "PAUSED"
            or state in RESUMABLE
            or (state == "QUEUED" and not self.feed.supervised)
        ):
            self._send("resume", [self.run])
        else:
            self.notify(
                f"{safe(self.run.id)} is {state.lower()}: there is nothing to resume.", markup=False
            )

    def action_stop_all(self) -> None:
        """Stop every run and leave, after asking."""
        live = [run for run in self.feed.runs if not run.status.ended]
        question = f"Stop {len(live)} run{'s' if len(live) != 1 else ''} and quit?"

        def after(yes: bool | None) -> None:
            if yes:
                self._send("stop", live)
                self.app.exit()

        self.app.push_screen(AskScreen(question), after)

    def _send(self, name: CommandName, runs: list[RunFeed]) -> None:
        words = {"stop": "asked to stop", "pause": "asked to pause", "resume": "asked to go on"}
        try:
            for run in runs:
                send_command(self.feed.paths, name, run.id)
        except OSError as error:
            self.notify(
                f"The command could not be written ({error.strerror}).",
                severity="error",
                markup=False,
            )
            return
        names = ", ".join(safe(run.id) for run in runs)
        self.notify(f"{names}: {words[name]}", markup=False, timeout=3)

    def action_start_preset(self) -> None:
        """Choose a further preset and start it into this session."""
        from valtui_trainer.presets.library import Library

        library = Library.open()
        if len(self.feed.runs) >= 9:
            self.notify("Nine presets are the most one session can show.", severity="warning")
            return
        choices = []
        for name in library.presets:
            try:
                choices.append((name, safe(library.preset(name).preset.description)))
            except ValueError as error:
                choices.append((name, safe(str(error))))
        title = "Start a further preset into this session"
        self.app.push_screen(ChooseScreen(title, choices), self._start_chosen)

    def _start_chosen(self, name: str | None) -> None:
        if name is not None:
            self.notify(f"{safe(name)}: checking data and model …", markup=False, timeout=4)
            self._start_preset(name)

    @work(thread=True, group="start", description="check and start a preset")
    def _start_preset(self, name: str) -> None:
        from valtui_trainer.presets.errors import PresetError
        from valtui_trainer.presets.library import Library
        from valtui_trainer.supervise.plan import further_run
        from valtui_trainer.supervise.validate import validate

        try:
            spec = further_run(
                self.feed.spec, [run.spec for run in self.feed.runs], Library.open().preset(name)
            )
        except PresetError as error:
            self.app.call_from_thread(self.notify, str(error), severity="error", markup=False)
            return
        answer = validate([spec], self.feed.paths.folder.parents[1])
        if answer.problems:
            text = " ".join(answer.problems)
            self.app.call_from_thread(self.notify, text, severity="error", markup=False, timeout=10)
            return
        send_command(self.feed.paths, "start", spec.id, spec)


def doing(run: RunFeed) -> str:
    """Return what a run is at, or how it ended, in a few words."""
    status = run.status
    if status.health != "ok":
        return f"{status.health}: {status.phase}"
    if status.ended:
        return status.reason
    if status.state in ("RUNNING", "PAUSED"):
        left = f"{texts.duration(status.left)} left" if status.left is not None else ""
        speed = texts.rate(status.rate) if status.rate and math.isfinite(status.rate) else ""
        phase = "" if status.phase == "training" else status.phase
        return "  ".join(part for part in (speed, left, phase) if part)
    return status.phase
