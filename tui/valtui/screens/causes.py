"""The causes screen: why one run's validation loss jumps, ranked, with the samples that carry it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import Static

from valtui.causes.types import Causes
from valtui.keys import bindings
from valtui.screens import causes_view as view
from valtui.screens.base import WIDE, KeysFooter
from valtui.screens.diagnosis import WHOLE, Chosen, Diagnosis
from valtui.screens.run_commands import RunCommands
from valtui.widgets.counterfactuals import Counterfactuals
from valtui.widgets.group_bars import GroupBars
from valtui.widgets.item_list import Item, ItemList
from valtui.widgets.sample_strip import SampleStrip
from valtui.widgets.selecting import Selecting
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.feed import SessionFeed

LOOK_SECONDS = 0.2
WIDEST = 160
PAGES = ("rows", "samples", "groups", "facts")
TITLES = {
    "rows": "volatility left, if …   (100 % = all of it)",
    "samples": "hardest samples, scored crosswise",
    "groups": "who carries the volatility",
    "facts": "checks, overfitting, best",
}
SPANS = {"run": "whole run", "window": "last window", "range": "what the zoomed chart shows"}
FEW_COLOURS = ("standard", "windows")
MOST_NAMES = 60

Panel = ItemList | Counterfactuals | SampleStrip | GroupBars


class CausesScreen(RunCommands):
    """The verdict, a table of counterfactuals, the hardest samples, groups and checks of one run."""

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
        self.focused_run = focused_run
        self.page = 0
        self.selected = ""
        spans: list[Chosen] = [WHOLE, ("window", None, None)]
        self._spans = [*spans, ("range", *chosen)] if chosen else spans
        self._span = 0
        self._follow = follow
        self._shown: Causes | None = None
        self._alarms, self._heads = ItemList(id="alarms"), ItemList(id="heads")
        self._table, self._facts = Counterfactuals(), ItemList()
        self._strip, self._groups = SampleStrip("hardest"), GroupBars()

    def compose(self) -> ComposeResult:
        """Lay out head, alarms, verdict, the four panels and the foot."""
        yield Static(id="head", markup=False)
        yield self._alarms
        yield self._heads
        with Horizontal(id="panels"):
            with Vertical(id="first"):
                yield VerticalScroll(self._table, id="rows", can_focus=False)
                yield VerticalScroll(self._facts, id="facts", can_focus=False)
            with Vertical(id="second"):
                yield VerticalScroll(self._strip, id="samples", can_focus=False)
                yield VerticalScroll(self._groups, id="groups", can_focus=False)
        yield KeysFooter("causes")

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
        """Measure anew when evaluations or checks came in; nothing is drawn below another screen."""
        while not self.feed.gone and self.feed.runs:
            if self.on_top:
                run, chosen = self.run, self.chosen
                if self.diagnosis.is_due(run, chosen):
                    await self.diagnosis.measure(run, chosen)
                if self.on_top:
                    self._show_known()
            await asyncio.sleep(LOOK_SECONDS)

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
        self._show_head()
        if found is None:
            problem = safe(self.diagnosis.problem)
            text = (
                f"Cannot be measured: {problem}" if problem else f"measuring {safe(self.run.id)} …"
            )
            self._show([], [Item("", "", "", text, "plain")], panels=False)
        elif found is not self._shown:
            self._show(view.alarms(found), view.heads(found), panels=True)
            self._table.show(view.rows(found))
            self._facts.show(view.facts(found))
            self._strip.show(view.hardest_title(found), view.samples(found))
            self._groups.show(view.groups(found))
            self.call_after_refresh(self._select, self.selected)
        self._shown = found

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

    # --- the cursor and pages --------------------------------------------------------------------

    def _order(self) -> list[tuple[Panel, str]]:
        """Return what the cursor can stand on, from top to bottom, page after page."""
        first: list[Panel] = [self._alarms, self._heads, self._table]
        behind: list[Panel] = [self._strip, self._groups]
        rest: list[Panel] = [self._facts]
        widgets = [*first, *behind, *rest] if self._alone else [*first, *rest, *behind]
        return [(widget, key) for widget in widgets for key in widget.keys]

    @property
    def _alone(self) -> bool:
        """Whether one panel is shown at a time."""
        return self.has_class("-narrow") or self.has_class("-short")

    def _select(self, key: str) -> None:
        """Put the cursor on `key`, or on the first cause, and bring it into sight."""
        if self._shown is None or not self.is_attached:
            return
        order = self._order()
        if key not in [other for _, other in order]:
            rows = self._table.keys
            key = rows[0] if rows else "verdict"
        self.selected = key
        for widget in {id(widget): widget for widget, _ in order}.values():
            widget.select(key)
        owner = next(widget for widget, other in order if other == key)
        panel = owner.parent
        if isinstance(panel, VerticalScroll):
            if panel.id in PAGES and PAGES.index(panel.id) != self.page:
                self.page = PAGES.index(panel.id)
                self._turn_page()
            panel.scroll_to_region(owner.region_of(key), animate=False)

    def action_move(self, direction: int) -> None:
        """Move the cursor up or down."""
        keys = [key for _, key in self._order()]
        if self._shown is None or not keys:
            return
        at = keys.index(self.selected) if self.selected in keys else 0
        self._select(keys[min(max(at + direction, 0), len(keys) - 1)])

    def action_page(self, direction: int) -> None:
        """Go to another panel; where one is shown at a time it takes the place of this one."""
        if self._shown is None:
            return
        self.page = (self.page + direction) % len(PAGES)
        self._turn_page()
        owners = (self._table, self._strip, self._groups, self._facts)
        keys = owners[self.page].keys
        if keys:
            self._select(keys[0])

    def _turn_page(self) -> None:
        for index, name in enumerate(PAGES):
            panel = self.query_one(f"#{name}")
            panel.set_class(index == self.page, "current")
            panel.border_title = Content(TITLES[name])
            subtitle = f"[ {index + 1} of {len(PAGES)} ]" if self._alone else ""
            panel.border_subtitle = Content(subtitle)
        on_the_left = PAGES[self.page] in ("rows", "facts")
        self.query_one("#first").set_class(on_the_left, "current")
        self.query_one("#second").set_class(not on_the_left, "current")

    def on_selecting_chosen(self, event: Selecting.Chosen) -> None:
        """Put the cursor where the mouse clicked; explain at a second click."""
        if event.key == self.selected:
            self.action_explain()
        else:
            self._select(event.key)

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
