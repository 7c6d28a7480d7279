"""Between the wish to see a session and its first curves, where reading takes longer than a moment."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static

from valtui.screens.base import gone
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.feed import SessionFeed
    from valtui.first_read import FirstRead


class OpeningScreen(Screen[None]):
    """Waits for a session to be read, then makes way for its live screen."""

    BINDINGS = [Binding("escape", "app.back", "back")]  # noqa: RUF012

    def __init__(self, first_read: FirstRead) -> None:
        """Wait for `first_read`, which has begun."""
        super().__init__()
        self._first_read = first_read
        self._feed: SessionFeed | None = None

    def compose(self) -> ComposeResult:
        """Say what is read."""
        yield Static(f"reading {safe(self._first_read.session.id)} …", id="opening", markup=False)

    def on_mount(self) -> None:
        """Wait after the first paint."""
        self.call_after_refresh(self._wait)

    @work(exclusive=True, group="open", description="wait for the session")
    async def _wait(self) -> None:
        await self._first_read.wait(math.inf)
        if self._first_read.mistake is not None:
            raise self._first_read.mistake
        if self._first_read.problem:
            self.query_one("#opening", Static).update(f"{self._first_read.problem}\n\nescape: back")
            return
        await asyncio.to_thread(load_live_screen)
        self._feed = self._first_read.feed
        self.on_screen_resume()

    def on_screen_resume(self) -> None:
        """Make way for the live screen, once its first points were read and nothing lies above."""
        if self._feed is not None and not gone(self) and self.app.screen is self:
            from valtui.screens.live import LiveScreen

            self.app.switch_screen(LiveScreen(self._feed))
            self._feed = None


def load_live_screen() -> None:
    """Load its module: in a thread, so that the screen's need not."""
    import valtui.screens.live  # noqa: F401
