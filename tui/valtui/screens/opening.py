"""Between the wish to see a session and its first curves: reads of the log what a moment allows.

Evaluations come first. The live screen reads on.
"""

from __future__ import annotations

from contextlib import suppress
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
    from valtui_trainer.session.layout import SessionPaths


READ_SECONDS = 0.1


class OpeningScreen(Screen[None]):
    """Begins to read a session, then makes way for its live screen."""

    BINDINGS = [Binding("escape", "app.back", "back")]  # noqa: RUF012

    def __init__(self, session: SessionPaths) -> None:
        """Open `session`."""
        super().__init__()
        self._session = session
        self._feed: SessionFeed | None = None

    def compose(self) -> ComposeResult:
        """Say what is read."""
        yield Static(f"reading {safe(self._session.id)} …", id="opening", markup=False)

    def on_mount(self) -> None:
        """Read after the first paint."""
        self.call_after_refresh(self._read)

    @work(thread=True, exclusive=True, group="open", description="read the session")
    def _read(self) -> None:
        from valtui.feed import SessionFeed
        from valtui_trainer.session.errors import SessionError

        try:
            feed = SessionFeed(self._session)
        except (SessionError, OSError) as error:
            self.app.call_from_thread(self._refuse, safe(str(error)))
            return
        with suppress(SessionError):  # the live screen meets it again, and says it
            feed.catch_up(READ_SECONDS)
        import valtui.screens.live  # noqa: F401  imported here, so that the screen's thread need not

        self.app.call_from_thread(self._show, feed)

    def _show(self, feed: SessionFeed) -> None:
        self._feed = feed
        self.on_screen_resume()

    def on_screen_resume(self) -> None:
        """Make way for the live screen, once its first points were read and nothing lies above."""
        if self._feed is not None and not gone(self) and self.app.screen is self:
            from valtui.screens.live import LiveScreen

            self.app.switch_screen(LiveScreen(self._feed))
            self._feed = None

    def _refuse(self, problem: str) -> None:
        if not gone(self):
            self.query_one("#opening", Static).update(f"{problem}\n\nescape: back")
