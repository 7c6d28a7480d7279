"""The causes screen: why one run's validation loss jumps, ranked, with the samples that carry it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import events, work
from textual.content import Content
from textual.css.query import NoMatches
from textual.notifications import SeverityLevel
from textual.widgets import Static

from valtui.causes.types import Causes
from valtui.keys import bindings
from valtui.screens import causes_view as view
from valtui.screens import trials_view
from valtui.screens.base import WIDE
from valtui.screens.causes_pages import CausesPages
from valtui.screens.diagnosis import WHOLE, Chosen, Diagnosis
from valtui.screens.hand_on import PICTURE
from valtui.widgets.item_list import Item
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.export.picture.scene import Scene
    from valtui.feed import SessionFeed

LOOK_SECONDS = 0.2
WIDEST = 160
SPANS = {"run": "whole run", "window": "last window", "range": "what the zoomed chart shows"}
FEW_COLOURS = ("standard", "windows")
MOST_NAMES = 60


class CausesScreen(CausesPages):
    """The verdict, a table of counterfactuals and arms, proofs, the hardest samples, groups and checks."""

    CSS_PATH = "../styles/causes.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide"), (WIDEST, "-widest")]  # noqa: RUF012
    BINDINGS = bindings("causes")

    def __init__(
        self,
        feed: SessionFeed,
        diagnosis: Diagnosis,
        focused_run: int = 0,
        chosen: tuple[float, float] | None = None,
        follow: Callable[[int], None] | None = None,
    ) -> None:
        """Show the causes of a run of `feed`, which the live screen below keeps up to date.

        Args:
            feed: The session.
            diagnosis: Measures and keeps the causes.
            focused_run: Which run is shown first.
            chosen: The epochs that are seen of a zoomed chart, if it is zoomed.
            follow: Is told when another run is focused.
        """
        super().__init__()
        self.feed = feed
        self.diagnosis = diagnosis
        self._reading = diagnosis.reading
        self.focused_run = focused_run
        spans: list[Chosen] = [WHOLE, ("window", None, None)]
        self._spans = [*spans, ("range", *chosen)] if chosen else spans
        self._span = 0
        self._follow = follow
        self._drawn: tuple[object, object] = (None, None)

    def on_mount(self) -> None:
        """Show what is known, then follow."""
        self._turn_page()
        self._show_known()
        self._look()

    def on_screen_resume(self) -> None:
        """Draw pictures as the terminal and the theme allow, which may have been changed meanwhile."""
        few = self.app.console.color_system in FEW_COLOURS
        self._strip.draw_with(
            shades=self.app.no_color or self.app.native_ansi_color or few,
            ink_is_bright=self.app.current_theme.dark,
        )

    @work(exclusive=True, group="causes", description="measure the causes")
    async def _look(self) -> None:
        """Measure anew when evaluations, checks or looks came in; nothing is drawn below another screen."""
        while not self.feed.gone and self.feed.runs:
            if self.on_top:
                run, chosen = self.run, self.chosen
                await self.diagnosis.trials.look(run)
                if self.diagnosis.is_due(run, chosen):
                    await self.diagnosis.measure(run, chosen)
                if self.on_top:
                    self._show_known()
            await asyncio.sleep(LOOK_SECONDS)

    def scenes(self) -> list[tuple[str, Scene]]:
        """Return the volatility left under each counterfactual and arm."""
        from valtui.export.picture.intervals import draw_intervals
        from valtui.export.picture.of_session import left_rows

        found = self._shown
        if found is None:
            return []
        title = f"{safe(found.run)}: volatility left, if …"
        drawn = draw_intervals(title, left_rows(found), PICTURE[0], reference=1.0)
        return [(f"{found.run}-volatility-left", drawn)]

    def found(self) -> Causes | None:
        """Return the causes that are shown."""
        return self._shown

    @property
    def chosen(self) -> Chosen:
        """Which evaluations are looked at."""
        return self._spans[self._span]

    # --- drawing ---------------------------------------------------------------------------------

    def _show_known(self) -> None:
        """Draw what is known of the run and span that are chosen, if it is not drawn already."""
        if not self.feed.runs:
            return
        found = self.diagnosis.known(self.run, self.chosen)
        trials = self.diagnosis.trials.known(self.run)
        self._show_head()
        if found is None:
            problem = safe(self.diagnosis.problem)
            text = (
                f"Cannot be measured: {problem}" if problem else f"measuring {safe(self.run.id)} …"
            )
            self._show([], [Item("", "", "", text, "plain")], panels=False)
            self._shown = None
        elif self._shown is None or found is not self._drawn[0] or trials is not self._drawn[1]:
            self._draw(found if trials is None else replace(found, trials=trials))
        self._drawn = found, trials

    def _draw(self, found: Causes) -> None:
        """Draw everything that is known of a run."""
        self._tell_end(self._shown, found)
        self._shown = found
        with self.app.batch_update():
            self._show(view.alarms(found), view.heads(found), panels=True)
            self._table.show(view.rows(found))
            self._facts.show(view.facts(found))
            self._strip.show(view.hardest_title(found), view.samples(found))
            self._groups.show(view.groups(found))
            self._trials.show(trials_view.trial_items(found))
            self._proofs.show(trials_view.proof_lines(found))
            self._show_under_way(trials_view.under_way(found))
            self._turn_page()
        self.call_after_refresh(self._select, self.selected)

    def _tell_end(self, before: Causes | None, after: Causes) -> None:
        """Tell that the probe that was under way has ended, and what it found."""
        if before is None or before.run != after.run or before.trials.live is None:
            return
        ended = after.trials.probe
        if ended is not None and not ended.status.live:
            text, wrong = trials_view.ended_words(after, ended)
            severity: SeverityLevel = "error" if wrong else "information"
            self.notify(text, severity=severity, markup=False, timeout=10)

    def _show_under_way(self, items: list[Item]) -> None:
        self._under_way.show(items)
        self._under_way.display = bool(items)

    def _show(self, alarms: list[Item], heads: list[Item], panels: bool) -> None:
        self._alarms.show(alarms)
        self._alarms.display = bool(alarms)
        self._heads.show(heads)
        self.query_one("#panels").visible = panels

    def _show_head(self) -> None:
        runs = self.feed.runs
        names = [f"{number} {safe(run.id, MOST_NAMES)}" for number, run in enumerate(runs, start=1)]
        at = self.focused_run
        right = safe(self.diagnosis.checking_words(self.run))
        right = right or f"{SPANS[self.chosen[0]]}  (w: another)"
        room = self.size.width - len(right) - 14
        if sum(len(name) + 2 for name in names) > room:
            names, at = [f"{names[at]} of {len(names)}"], 0
        parts: list[Content | tuple[str, str]] = [(" causes  ", "bold $primary")]
        for index, name in enumerate(names):
            parts.append((f"▸{name} ", "bold") if index == at else (f" {name} ", "$text-muted"))
        left = Content.assemble(*parts)
        gap = " " * max(1, self.size.width - left.cell_length - len(right) - 1)
        head = Content.assemble(left, gap, (right, "$text-muted"))
        try:
            target = self.query_one("#head", Static)
        except NoMatches:
            return
        if getattr(self, "_head", None) != head:
            self._head = head
            target.update(head, layout=False)

    def on_resize(self, event: events.Resize) -> None:
        """Fit the head line, and keep the cursor in sight."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        if self.on_top:
            self._show_known()
            self._turn_page()
            self._select(self.selected)

    def action_explain(self) -> None:
        """Explain what the cursor stands on."""
        if self._shown is None or not self.selected:
            return
        from valtui.screens.explain import ExplainScreen

        self.app.push_screen(ExplainScreen(self.selected.split(":")[0], self._shown))

    # --- runs and spans --------------------------------------------------------------------------

    def action_focus_run(self, number: int) -> None:
        """Show the run of that number in the place of this one."""
        if number <= len(self.feed.runs):
            self.focused_run = number - 1
            if self._follow is not None:
                self._follow(self.focused_run)
            with self.app.batch_update():
                self._show_known()

    def action_focus_next_run(self) -> None:
        """Show the next run."""
        self.action_focus_run((self.focused_run + 1) % max(1, len(self.feed.runs)) + 1)

    def action_span(self) -> None:
        """Go on to another span: the whole run, its last window, what is seen of a zoomed chart."""
        self._span = (self._span + 1) % len(self._spans)
        if not self._span and len(self._spans) == 2:
            self.notify("For epochs of your own, zoom in on the live screen first (z).", timeout=4)
        self._show_known()
