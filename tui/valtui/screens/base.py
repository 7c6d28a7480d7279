"""What all screens have in common: they say so when the terminal is too small."""

from __future__ import annotations

from typing import TypeVar

from textual import events
from textual.screen import Screen

SMALLEST = (60, 16)

T = TypeVar("T")


class SizedScreen(Screen[T]):
    """A screen that shows a sentence instead of itself below 60x16."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012

    DEFAULT_CSS = """
    SizedScreen.-too-small > * { display: none; }
    SizedScreen.-too-small { align: center middle; hatch: none; }
    """

    @property
    def on_top(self) -> bool:
        """Whether no screen lies above; Textual's `is_current` is true for the one below as well.

        A screen that changes below another makes Textual repaint everything.
        """
        return self.app.screen is self

    def on_resize(self, event: events.Resize) -> None:
        """Hide everything while the terminal is too small."""
        size = event.size
        small = size.width < SMALLEST[0] or size.height < SMALLEST[1]
        self.set_class(small, "-too-small")
        if small:
            self.loading_message = ""
            from textual.widgets import Static

            text = f"valtui needs at least {SMALLEST[0]}x{SMALLEST[1]}; this terminal is {size.width}x{size.height}."
            found = self.query("#too-small")
            if found:
                found.first(Static).update(text)
            else:
                self.mount(Static(text, id="too-small", markup=False))
        elif self.query("#too-small"):
            self.query("#too-small").remove()
