"""A question with yes and no, and a choice from a list."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from valtui.screens.typed import typed_after
from valtui_trainer.session.safe import safe


class AskScreen(ModalScreen[bool]):
    """Returns whether the person said yes."""

    BINDINGS = [  # noqa: RUF012
        Binding("y", "answer(True)", "yes"),
        Binding("enter", "enter", "yes"),
        Binding("n,escape,q", "answer(False)", "no"),
    ]

    def __init__(self, question: str, only_y: bool = False) -> None:
        """Ask `question`; with `only_y` enter is no yes, for what cannot be undone."""
        super().__init__()
        self._question = question
        self._only_y = only_y

    def compose(self) -> ComposeResult:
        """Show the question and its keys."""
        with Vertical(classes="dialog"):
            yield Static(self._question, classes="dialog-title", markup=False)
            yield Static("y  yes      n  no", classes="dim", markup=False)

    def action_enter(self) -> None:
        """Say yes, where that can be undone."""
        if not self._only_y:
            self.dismiss(True)

    def action_answer(self, answer: bool) -> None:
        """Give the answer."""
        self.dismiss(answer)


class ChooseScreen(ModalScreen["str | None"]):
    """Returns the chosen name, or None."""

    BINDINGS = [Binding("escape", "dismiss_none", "back")]  # noqa: RUF012

    def __init__(
        self,
        title: str,
        choices: Sequence[tuple[str, str]],
        refused: Sequence[tuple[str, str]] = (),
        verb: str = "start",
    ) -> None:
        """Offer `choices`: names, and a few words about each.

        Args:
            title: stands above.
            choices: what can be chosen.
            refused: what cannot, and why; stands below.
            verb: what `enter` does with what is chosen.
        """
        super().__init__()
        self._title = title
        self._choices = choices
        self._refused = refused
        self._keys = f"      enter  {verb}      escape  back"
        self._wide = max([22, *(len(safe(name)) for name, _ in (*choices, *refused))])
        self._typed = ""

    def compose(self) -> ComposeResult:
        """Show the list."""
        with Vertical(classes="dialog tall"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield OptionList(
                *(self._option(name, about) for name, about in self._choices),
                *(self._option(name, why, disabled=True) for name, why in self._refused),
                markup=False,
            )
            yield Static(f"type a name{self._keys}", id="typed", classes="dim", markup=False)

    def _option(self, name: str, about: str, disabled: bool = False) -> Option:
        shown = f"{safe(name):<{self._wide}} "
        parts = Content.assemble((shown, "dim" if disabled else "bold"), (safe(about), "dim"))
        return Option(parts, id=name, disabled=disabled)

    def on_key(self, event: events.Key) -> None:
        """Go to the first name that begins with what is typed."""
        typed = typed_after(self._typed, event)
        if typed is None:
            return
        self._typed = typed
        event.stop()
        fitting = [i for i, (name, _) in enumerate(self._choices) if name.startswith(self._typed)]
        if fitting:
            self.query_one(OptionList).highlighted = fitting[0]
        self.query_one("#typed", Static).update(
            f"{safe(self._typed)}{'' if fitting else '  (no such name)'}{self._keys}"
        )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Return what was chosen."""
        self.dismiss(event.option.id)

    def action_dismiss_none(self) -> None:
        """Leave without a choice."""
        self.dismiss(None)
