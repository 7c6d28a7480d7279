"""The app: which screen comes first, the keys that work everywhere, and how it ends. Nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Textual reads these once, at its import. A frame is drawn where something changed, and then at the
# next tick: many ticks mean that a key is answered soon. How often data are drawn, screens decide.
os.environ.setdefault("TEXTUAL_FPS", "120")
os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")

from textual.app import SystemCommand
from textual.screen import Screen

from valtui.keys import bindings, user_keymap
from valtui.screens.home import HomeScreen
from valtui.widgets.colours import other_css
from valtui.widgets.driver import ValtuiDriver
from valtui.widgets.keys_in_order import KeysInOrder
from valtui_trainer.session.config import config_path, read_config
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.first_read import FirstRead
    from valtui_trainer.session.layout import SessionPaths
    from valtui_trainer.supervise.plan import Plan

READING_SECONDS = 0.1
"""How long a live screen waits for its first curves, rather than that another comes before it."""


class ValtuiApp(KeysInOrder[str]):
    """valtui on a terminal.

    Its return value, if any, is a sentence for the person at the terminal.
    """

    TITLE = "valtui"
    CSS_PATH = "styles/app.tcss"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS = bindings("app")

    def __init__(
        self,
        home: Path,
        session: SessionPaths | None = None,
        plan: Plan | None = None,
        first_read: FirstRead | None = None,
        **options: Any,
    ) -> None:
        """Open on `plan` (checked, then started), on `session`, or on the home screen.

        `first_read` is of a session that is being read already, to be opened likewise.
        """
        self.config, _ = read_config()
        self.CSS = other_css(self.config.palette)  # type: ignore[misc]
        super().__init__(**options)
        self.home = home
        self._session = session
        self._plan = plan
        self._first_read = first_read

    async def on_mount(self) -> None:
        """Take up the user's keys, and show the first screen."""
        keymap, problem = user_keymap()
        self.set_keymap(keymap)
        theme = self.config.theme
        if theme in self.available_themes:
            self.theme = theme
        elif theme:
            problem = (
                f"There is no theme {theme!r} (ctrl+p lists them); {config_path()} asks for it."
            )
        # Later, for what is shown before the app runs is drawn, and not written.
        self.call_later(self._show_first)
        if problem:
            self.notify(safe(problem), severity="warning", markup=False, timeout=10)

    async def _show_first(self) -> None:
        """Show the first screen."""
        if self._first_read is not None:
            await self._open(self._first_read)
        elif self._session is not None:
            self.open_session(self._session)
        else:
            await self.push_screen(HomeScreen(self.home))
            if self._plan is not None:
                self.start(self._plan, leave_on_problem=True)

    def start(self, plan: Plan, leave_on_problem: bool = False) -> None:
        """Check `plan`, start it, and show it live."""
        from valtui.screens.preparing import PreparingScreen

        def after(result: SessionPaths | str | None) -> None:
            if isinstance(result, str):
                self.exit(result, return_code=2)
            elif result is not None:
                self.open_session(result)

        self.push_screen(PreparingScreen(plan, self.home, leave_on_problem), after)

    def open_session(self, session: SessionPaths) -> None:
        """Show a session live, when some of it has been read."""
        from valtui.first_read import begin_reading

        self.run_worker(self._open(begin_reading(session)), group="open", exclusive=True)

    async def _open(self, first_read: FirstRead) -> None:
        """Show a session live, at once where it is read in a moment."""
        await first_read.wait(READING_SECONDS)
        if first_read.feed is not None:
            from valtui.screens.live import LiveScreen

            self.push_screen(LiveScreen(first_read.feed))
        else:
            from valtui.screens.opening import OpeningScreen

            self.push_screen(OpeningScreen(first_read))

    async def action_back(self) -> None:
        """Leave the topmost screen; the home screen is made when it is first gone back to."""
        if len(self.screen_stack) > 2:
            await self.pop_screen()
        elif not isinstance(self.screen, HomeScreen):
            await self.switch_screen(HomeScreen(self.home))

    def action_help(self) -> None:
        """Show all keys."""
        from valtui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_quit_app(self) -> None:
        """Leave; the runs go on."""
        self.exit()

    def _print_error_renderables(self) -> None:
        """Print why the app ended; a mistake's own words may hold names as hostile as any."""
        from rich.segment import Segment, Segments

        for found in self._exit_renderables:
            if isinstance(found, Segments):
                found.segments[:] = [
                    Segment("\n".join(map(safe, text.split("\n"))), style, control)
                    for text, style, control in found.segments
                ]
        super()._print_error_renderables()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer the keys of the screen, and Textual's themes and screenshot, in the palette."""
        for command in super().get_system_commands(screen):
            if command.title not in ("Keys", "Quit"):
                yield command
        for active in screen.active_bindings.values():
            binding = active.binding
            if binding.id and binding.show and not binding.id.startswith("live.focus"):
                action = binding.action

                async def run(action: str = action, node: Any = active.node) -> None:
                    await self.run_action(action, node)

                yield SystemCommand(
                    binding.description, f"key {binding.key_display or binding.key}", run
                )


def run_app(
    home: Path,
    *,
    first_read: FirstRead | None = None,
    plan: Plan | None = None,
    mouse: bool = True,
) -> int:
    """Run the app until it is left; return the exit code of the command."""
    for name in ("COLUMNS", "LINES"):  # they would freeze the size
        os.environ.pop(name, None)
    if os.environ.get("TERM") == "dumb":
        sys.stderr.write("valtui: this terminal (TERM=dumb) cannot draw the screen; use --plain.\n")
        return 2
    app = ValtuiApp(home, plan=plan, first_read=first_read, driver_class=ValtuiDriver)
    message = app.run(mouse=mouse and app.config.mouse)
    for sentence in message.split("\n") if message else ():
        sys.stderr.write(f"valtui: {safe(sentence)}\n")
    return app.return_code or 0
