"""A tiny app that draws all the time and shows the key that was pressed last, for a real terminal.

    python keys_app.py

`q` quits.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from valtui.widgets.driver import ValtuiDriver


class Keys(App[None]):
    """A frame that is never the same, and the last key."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [("q", "quit")]

    def __init__(self) -> None:
        super().__init__(driver_class=ValtuiDriver)
        self.frame = 0

    def compose(self) -> ComposeResult:
        yield Static(id="frame")
        yield Static("no key", id="key")

    def on_mount(self) -> None:
        self.set_interval(1 / 50, self.draw)

    def draw(self) -> None:
        self.frame += 1
        self.query_one("#frame", Static).update("ab"[self.frame % 2] * 79)

    def on_key(self, event: events.Key) -> None:
        self.query_one("#key", Static).update(f"key {event.key}")


if __name__ == "__main__":
    Keys().run()
