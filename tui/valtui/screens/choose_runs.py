"""Which runs of a folder are watched, where there are more than one screen shows: a small app of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from valtui.screens.typed import typed_after
from valtui.widgets.driver import ValtuiDriver
from valtui.widgets.keys_in_order import KeysInOrder
from valtui_trainer.session.safe import safe

KEYS = "space  choose      enter  watch those      type a part of a name      escape  leave"


class Runs(OptionList):
    """Chooses by space and ends by enter, which an `OptionList` would take for its own."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "app.choose", "choose"),
        Binding("enter", "app.watch", "watch"),
    ]


class ChooseRunsApp(KeysInOrder[list[str]]):
    """Returns the names that were chosen; None where the person left."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #title { text-style: bold; padding: 0 1; }
    #keys, #typed { color: $text-muted; padding: 0 1; }
    Runs { height: 1fr; border: none; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", priority=True),
        Binding("ctrl+c", "leave", "leave", priority=True),
    ]

    def __init__(self, runs: Sequence[tuple[str, str]], most: int) -> None:
        """Offer `runs`, names and a few words about each, the newest first.

        Args:
            runs: what there is; the first `most` are chosen at first.
            most: that can be chosen.
        """
        super().__init__(driver_class=ValtuiDriver)
        self._runs = runs
        self._most = most
        self._chosen = dict.fromkeys(name for name, _ in runs[:most])
        self._typed = ""

    def compose(self) -> ComposeResult:
        """Lay out title, list and keys."""
        yield Static(id="title", markup=False)
        yield Runs(markup=False)
        yield Static(id="typed", markup=False)
        yield Static(KEYS, id="keys", markup=False)

    def on_mount(self) -> None:
        """Show all runs."""
        self._list()
        self.query_one(OptionList).focus()

    def _list(self, at: int = 0) -> None:
        """List the runs whose names hold what is typed."""
        shown = self.query_one(OptionList)
        found = [one for one in self._runs if self._typed.casefold() in one[0].casefold()]
        shown.clear_options()
        shown.add_options(
            Option(self._line(name, about), id=str(self._runs.index((name, about))))
            for name, about in found
        )
        if found:
            shown.highlighted = min(at, len(found) - 1)
        self._tell()

    def _line(self, name: str, about: str) -> Content:
        sign = "✓" if name in self._chosen else " "
        return Content.assemble(f" {sign} ", (f"{safe(name):<48} ", "bold"), (safe(about), "dim"))

    def _tell(self, problem: str = "") -> None:
        title = f"{len(self._runs):,} runs; {len(self._chosen)} of {self._most} chosen"
        self.query_one("#title", Static).update(title)
        self.query_one("#typed", Static).update(safe(problem or f"search: {self._typed}"))

    def on_key(self, event: events.Key) -> None:
        """Search by what is typed."""
        typed = typed_after(self._typed, event)
        if typed is None:
            return
        self._typed = typed
        event.stop()
        self._list()

    def action_choose(self) -> None:
        """Choose the run under the cursor, or no longer."""
        shown = self.query_one(OptionList)
        option = shown.highlighted_option
        if option is None or option.id is None:
            return
        name, about = self._runs[int(option.id)]
        if name in self._chosen:
            del self._chosen[name]
        elif len(self._chosen) >= self._most:
            self._tell(f"{self._most} runs are the most that one session shows.")
            return
        else:
            self._chosen[name] = None
        shown.replace_option_prompt(option.id, self._line(name, about))
        self._tell()

    def action_watch(self) -> None:
        """Watch what was chosen."""
        if self._chosen:
            self.exit([name for name, _ in self._runs if name in self._chosen])
        else:
            self._tell("Choose at least one run (space).")

    def action_leave(self) -> None:
        """Watch nothing."""
        self.exit(None)
