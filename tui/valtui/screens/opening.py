"""Between the wish to see a session and its first curves, where reading takes longer than a moment."""

from __future__ import annotations

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
    from valtui.reading import Reading


class OpeningScreen(Screen[None]):
    """Waits for a session to be read, then makes way for its live screen."""

    BINDINGS = [Binding("escape", "app.back", "back")]  # noqa: RUF012

    def __init__(self, reading: Reading) -> None:
        """Wait for `reading`, which has begun."""
        super().__init__()
        self._reading = reading
        self._feed: SessionFeed | None = None

    def compose(self) -> ComposeResult:
        """Say what is read."""
        yield Static(f"reading {safe(self._reading.session.id)} …", id="opening", markup=False)

    def on_mount(self) -> None:
        """Wait after the first paint."""
        self.call_after_refresh(self._wait)

    @work(thread=True, exclusive=True, group="open", description="wait for the session")
    def _wait(self) -> None:
        self._reading.done.wait()
        import valtui.screens.live  # noqa: F401  imported here, so that the screen's thread need not

        self.app.call_from_thread(self._show)

    def _show(self) -> None:
        if self._reading.problem and not gone(self):
            self.query_one("#opening", Static).update(f"{self._reading.problem}\n\nescape: back")
        self._feed = self._reading.feed
        self.on_screen_resume()

    def on_screen_resume(self) -> None:
        """Make way for the live screen, once its first points were read and nothing lies above."""
        if self._feed is not None and not gone(self) and self.app.screen is self:
            from valtui.screens.live import LiveScreen

            self.app.switch_screen(LiveScreen(self._feed))
            self._feed = None
