"""A preset's settings to be changed: found by typing, checked as they are written, the difference in sight."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from valtui.screens.writing import WriteScreen
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.help import help_of
from valtui_trainer.presets.keys import parse_value, settings, spelled
from valtui_trainer.presets.library import Library, Named, with_settings
from valtui_trainer.session.safe import safe

Changes = dict[str, Any]
KEYS = "enter  change, keep      ctrl+r  start      ctrl+s  save as preset      escape  back"


class EditScreen(ModalScreen["Changes | None"]):
    """Returns the settings to start with, those that differ alone, or None."""

    BINDINGS = [  # noqa: RUF012
        Binding("escape", "back", "back"),
        Binding("ctrl+r", "start", "start", priority=True),
        Binding("ctrl+s", "save", "save as preset", priority=True),
        Binding("down", "move(1)", "down", show=False, priority=True),
        Binding("up", "move(-1)", "up", show=False, priority=True),
    ]

    def __init__(self, named: Named) -> None:
        """Edit the settings of `named`."""
        super().__init__()
        self._named = named
        self._before = {
            key: value
            for key, value in settings(named.preset).items()
            if not key.startswith("fault.")
        }
        self.changes: Changes = {}
        self._key = ""

    def compose(self) -> ComposeResult:
        """Lay out search, settings, help, the value, what is wrong, and the difference."""
        with Vertical(classes="dialog tall", id="edit"):
            yield Static(f"Settings of {safe(self._named.name)}", classes="dialog-title", markup=False)  # fmt: skip
            yield Input(placeholder="type to find a setting", id="find")
            yield OptionList(id="settings", markup=False)
            yield Static(id="meaning", classes="dim", markup=False)
            yield Input(id="value", select_on_focus=False)
            yield Static(id="problem", classes="wrong", markup=False)
            yield Static(id="differs", markup=False)
            yield Static(KEYS, classes="dim", markup=False)

    def on_mount(self) -> None:
        """Show all settings, and nothing above them."""
        self.app.clear_notifications()
        self.query_one("#settings", OptionList).can_focus = False
        self._list("")
        self._show_differs()
        self.query_one("#find").focus()

    # --- finding -----------------------------------------------------------------------------------

    @on(Input.Changed, "#find")
    def _find(self, event: Input.Changed) -> None:
        self._list(event.value)

    def _list(self, wanted: str) -> None:
        """List the settings that fit what is typed, those that begin with it first."""
        words = wanted.casefold().replace("-", "_").split()
        found = [key for key in self._before if all(word in key for word in words)]
        if words:
            found.sort(key=lambda key: not key.startswith(words[0]))
        shown = self.query_one("#settings", OptionList)
        shown.clear_options()
        shown.add_options(Option(self._line(key), id=key) for key in found)
        if not found:
            shown.add_option(Option("no setting has that name", disabled=True))
            self._show("")
            return
        shown.highlighted = found.index(self._key) if self._key in found and not words else 0

    def _line(self, key: str) -> Content:
        before = safe(spelled(self._before[key]), 40)
        if key not in self.changes:
            return Content.assemble(f"{key:<28} ", (before, "dim"))
        after = safe(spelled(self.changes[key]), 40)
        return Content.assemble((f"{key:<28} {before} → {after}", "bold"))

    def action_move(self, by: int) -> None:
        """Go to another setting."""
        shown = self.query_one("#settings", OptionList)
        if by > 0:
            shown.action_cursor_down()
        else:
            shown.action_cursor_up()

    @on(OptionList.OptionHighlighted, "#settings")
    def _highlight(self, event: OptionList.OptionHighlighted) -> None:
        if event.option.id:
            self._show(event.option.id)

    @on(OptionList.OptionSelected, "#settings")
    def _select(self, event: OptionList.OptionSelected) -> None:
        if event.option.id:
            self._show(event.option.id)
            self.query_one("#value").focus()

    def _show(self, key: str) -> None:
        """Show what a setting means and its value; nothing where none was found."""
        self._key = key
        meaning = Content.assemble((key, "bold"), f": {safe(help_of(key))}") if key else Content()
        self.query_one("#meaning", Static).update(meaning)
        value = self.query_one("#value", Input)
        value.disabled = not key
        with value.prevent(Input.Changed):
            value.value = safe(spelled(self.changes.get(key, self._before[key]))) if key else ""
        self._say("")

    # --- changing ----------------------------------------------------------------------------------

    @on(Input.Submitted, "#find")
    def _begin(self) -> None:
        if self._key:
            value = self.query_one("#value", Input)
            value.focus()
            value.cursor_position = len(value.value)

    @on(Input.Changed, "#value")
    def _check(self, event: Input.Changed) -> None:
        self._say(self._problem(event.value))

    @on(Input.Submitted, "#value")
    def _keep(self, event: Input.Submitted) -> None:
        problem = self._problem(event.value)
        self._say(problem)
        if problem:
            return
        self._take(event.value)
        find = self.query_one("#find", Input)
        self._list(find.value)
        find.focus()

    def _take(self, raw: str) -> None:
        """Let the setting be what was written."""
        value = parse_value(raw.strip())
        self.changes.pop(self._key, None)
        if value != self._before[self._key]:
            self.changes[self._key] = value
        self._show_differs()

    def _problem(self, raw: str) -> str:
        """Return why a value cannot be; nothing where it can."""
        changed = self.changes | {self._key: parse_value(raw.strip())}
        try:
            with_settings(self._named, changed)
        except PresetError as error:
            return str(error).removeprefix("--set: ")
        return ""

    def _say(self, problem: str) -> None:
        self.query_one("#problem", Static).update(safe(problem))

    def _show_differs(self) -> None:
        said = ", ".join(
            f"{key} {spelled(self._before[key])} → {spelled(value)}"
            for key, value in self.changes.items()
        )
        self.query_one("#differs", Static).update(safe(f"differs: {said or 'in nothing yet'}"))

    # --- leaving -----------------------------------------------------------------------------------

    def _kept(self) -> bool:
        """Take up a value that is being written; tell whether there is any change."""
        value = self.query_one("#value", Input)
        if value.has_focus:
            problem = self._problem(value.value)
            if problem:
                self._say(problem)
                return False
            self._take(value.value)
        if not self.changes:
            self._say("Nothing is changed yet.")
        return bool(self.changes)

    def action_start(self) -> None:
        """Start it with what was changed."""
        if self._kept():
            self.dismiss(dict(self.changes))

    def action_save(self) -> None:
        """Ask for a name, and save a preset of one's own."""
        if self._kept():
            title = f"Save as a preset that extends {safe(self._named.name)}, called"
            self.app.push_screen(WriteScreen(title, longest=60, verb="save"), self._save)

    def _save(self, name: str | None) -> None:
        from valtui_trainer.presets.save import save_preset

        if name is None:
            return
        library = Library.open()
        try:
            changes = self.changes | self._since(library)
            path = save_preset(name.strip(), self._named.name, changes, library)
        except PresetError as error:
            self._say(str(error))
            return
        self.notify(safe(f"Saved as {path}"), markup=False, timeout=8)

    def _since(self, library: Library) -> Changes:
        """Return what a run had changed of its preset before it was edited."""
        try:
            origin = library.preset(self._named.name).preset
        except PresetError:
            return {}
        theirs = settings(origin)
        return {
            key: value
            for key, value in self._before.items()
            if key not in self.changes and value != theirs[key]
        }

    def action_back(self) -> None:
        """Go back to the search, or leave everything as it is."""
        if self.query_one("#value").has_focus:
            self._show(self._key)
            self.query_one("#find").focus()
        else:
            self.dismiss(None)
