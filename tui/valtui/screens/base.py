"""What all screens have in common: they say so when the terminal is too small, and a footer that fits."""

from __future__ import annotations

from typing import Any, TypeVar

from textual import events
from textual.screen import Screen

from valtui.keys import shown_in_footer
from valtui.widgets.compositor import write_exact_cells
from valtui.widgets.key_line import KeyItem, KeyLine

SMALLEST = (60, 16)
WIDE = 100
WHOLE_FOOTER = 118

T = TypeVar("T")


class KeysFooter(KeyLine):
    """The keys of a screen, as many as its width has room for; `keys.py` says which."""

    def __init__(self, where: str) -> None:
        """Show the keys of the screen called `where`."""
        super().__init__()
        self._where = where

    def on_mount(self) -> None:
        """Show the keys, and follow them."""
        self._show_keys(self.screen)
        self.screen.bindings_updated_signal.subscribe(self, self._show_keys)

    def _show_keys(self, screen: Screen[object]) -> None:
        """Show the keys that fit; several that do the same stand as one."""
        if not self.is_attached or screen is not self.screen:
            return
        narrow = screen.size.width < WHOLE_FOOTER
        found: dict[str, KeyItem] = {}
        for _, binding, enabled, _ in screen.active_bindings.values():
            fits = binding.show and shown_in_footer(binding.action, self._where, narrow)
            if fits and binding.action not in found:
                display = self.app.get_key_display(binding)
                found[binding.action] = KeyItem(binding.key, display, binding.description, enabled)
        self.show(list(found.values()))


def gone(screen: Screen[T]) -> bool:
    """Tell whether `screen` is being taken down; what a thread found for it has nowhere to go then.

    Its widgets go before it does, and a closing app does not wait for the threads.
    """
    return not (screen.is_attached and screen.display)


class SizedScreen(Screen[T]):
    """A screen that shows a sentence instead of itself below 60x16."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012

    DEFAULT_CSS = """
    SizedScreen.-too-small > * { display: none; }
    SizedScreen.-too-small { align: center middle; hatch: none; }
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        """Draw exactly what changes."""
        super().__init__(*given, **options)
        write_exact_cells(self)

    @property
    def on_top(self) -> bool:
        """Whether no screen lies above; Textual's `is_current` is true for the one below as well.

        A screen that changes below another makes Textual repaint everything.
        """
        return not gone(self) and self.app.screen is self

    def on_resize(self, event: events.Resize) -> None:
        """Hide everything while the terminal is too small, and choose the keys that fit."""
        size = event.size
        self.refresh_bindings()
        small = size.width < SMALLEST[0] or size.height < SMALLEST[1]
        self.set_class(small, "-too-small")
        if small:
            from textual.widgets import Static

            text = f"valtui needs at least {SMALLEST[0]}x{SMALLEST[1]}; this terminal is {size.width}x{size.height}."
            found = self.query("#too-small")
            if found:
                found.first(Static).update(text)
            else:
                self.mount(Static(text, id="too-small", markup=False))
        elif self.query("#too-small"):
            self.query("#too-small").remove()
