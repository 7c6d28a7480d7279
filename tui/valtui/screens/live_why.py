"""The line below the charts of the live screen: what is wrong, else why the focused run jumps; and the way to more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import work
from textual.content import Content
from textual.css.query import NoMatches
from textual.widgets import Static

from valtui.feed import SessionFeed
from valtui.figures import RunFigures
from valtui.screens.diagnosis import Diagnosis
from valtui.screens.run_commands import RunCommands
from valtui.screens.words import said_lines
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.causes.types import OverfittingSince

LOOK_SECONDS = 0.5


class WhyCommands(RunCommands):
    """A screen with a line that says why the focused run jumps, by the same verdict as the causes screen's."""

    figures: list[RunFigures]
    _cursor: float | None

    def __init__(self, feed: SessionFeed) -> None:
        """Say why the runs of `feed` jump."""
        super().__init__()
        self.feed = feed
        self.focused_run = 0
        self._reading = asyncio.Lock()
        self.diagnosis = Diagnosis(feed, self._reading)
        self._lines = 1

    @work(exclusive=True, group="why", description="measure why the focused run jumps")
    async def _follow_causes(self) -> None:
        """Measure the focused run anew when something came in, and say how long its checks take."""
        was_checking = False
        while not self.feed.gone:
            if self.on_top and self.feed.runs:
                run = self.run
                await self.diagnosis.trials.look(run)
                anything = bool(self.feed.runs) and any(len(one.val) for one in run.seeds.values())
                if (anything or self.has_checks) and self.diagnosis.is_due(run):
                    await self.diagnosis.measure(run)
                    if self.on_top:
                        self._show_why()
                if was_checking or self.diagnosis.checking:
                    was_checking = bool(self.diagnosis.checking)
                    self._show_head()
            await asyncio.sleep(LOOK_SECONDS)

    @property
    def has_checks(self) -> bool:
        """Whether a check of the focused run was made, which may have failed before any evaluation."""
        return any(event.kind == "check" for event in self.run.events)

    @property
    def overfitting(self) -> OverfittingSince | None:
        """Where the focused run overfits from, if it does."""
        found = self.diagnosis.known(self.run) if self.feed.runs else None
        return found.overfitting if found is not None else None

    def action_causes(self) -> None:
        """Show why the focused run's validation loss jumps."""
        from valtui.screens.causes import CausesScreen

        self.app.push_screen(
            CausesScreen(
                self.feed, self.diagnosis, self.focused_run, self.seen_epochs(), self._focus_later
            )
        )

    def _focus_later(self, index: int) -> None:
        """Focus another run, which is drawn when this screen is on top again."""
        self.focused_run = index

    # --- what the screen itself does -------------------------------------------------------------

    def seen_epochs(self) -> tuple[float, float] | None:
        """Return the epochs that are seen of zoomed charts; None if they show everything."""
        raise NotImplementedError

    def _show_head(self) -> None:
        raise NotImplementedError

    def _show_why(self) -> None:
        raise NotImplementedError

    # --- the line --------------------------------------------------------------------------------

    def _update(self, selector: str, content: Content, layout: bool = False) -> None:
        try:
            target = self.query_one(selector, Static)
        except NoMatches:
            return
        if getattr(target, "_valtui_shown", None) != content:
            target._valtui_shown = content  # type: ignore[attr-defined]
            target.update(content, layout=layout)

    def _say(self, lines: Sequence[Content | str]) -> None:
        """Show one line or two below the charts."""
        if self.feed.gone:
            return
        self._show_said([Content.assemble(" ", line) for line in lines] or [Content("")])

    def _show_said(self, lines: Sequence[Content]) -> None:
        """Show `lines`; the panels above give way once, and do not jump back and forth."""
        grown = len(lines) > self._lines
        self._lines = max(self._lines, len(lines))
        blank = [Content("")] * (self._lines - len(lines))
        self._update("#said", Content("\n").join([*lines, *blank]), layout=grown)

    def _say_so_far(self) -> None:
        """Say what is wrong, or else why the focused run jumps, or else what the volatilities tell."""
        causes = self.diagnosis.known(self.run) if self.feed.runs else None
        self._say(said_lines(self.feed, self.figures, causes, self.size.width - 2))

    def _say_wrong(self, error: Exception) -> None:
        self._say([safe(str(error).replace(f"{self.feed.paths.folder}/", ""))])

    def _say_gone(self) -> None:
        text = "The folder of this session was deleted; what is drawn is all there is. escape: home"
        self._show_said([Content(" " + text)])
