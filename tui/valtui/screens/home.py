"""Home: studies, presets and sessions; enter starts or opens. Painted before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from valtui.keys import bindings
from valtui.screens.base import KeysFooter, SizedScreen, gone

if TYPE_CHECKING:
    from valtui_trainer.presets.library import Library
    from valtui_trainer.session.listing import SessionSummary

REFRESH_SECONDS = 2.0
MOST_SESSIONS = 200


class HomeScreen(SizedScreen[None]):
    """Studies and presets on the left, sessions on the right, what the cursor is on below."""

    CSS_PATH = "../styles/home.tcss"
    BINDINGS = bindings("home")

    def __init__(self, home: Path) -> None:
        """Show the sessions of `home`."""
        super().__init__()
        self._home = home
        self._details: dict[str, str] = {}
        self._shown: list[tuple[str, str]] | None = None
        self._library: Library | None = None

    def compose(self) -> ComposeResult:
        """Lay out the three lists and the detail."""
        yield Static(
            Content.assemble(
                ("valtui", "bold $primary"), "  why does the validation loss jump up and down?"
            ),
            id="title",
        )
        with Horizontal():
            with Vertical(id="recipes"):
                yield titled(OptionList(id="studies", markup=False), "studies")
                yield titled(OptionList(id="presets", markup=False), "presets")
            yield titled(OptionList(id="sessions", markup=False), "sessions, newest first")
        yield Static(id="detail", markup=False)
        yield KeysFooter("home")

    def on_mount(self) -> None:
        """Fill the lists after the first paint."""
        self.query_one("#studies").focus()
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        self._fill_recipes()
        self._list_sessions()
        self.set_interval(REFRESH_SECONDS, self._look_again)

    def _look_again(self) -> None:
        """List the sessions anew, but not below another screen, which would be repainted for it."""
        if self.on_top:
            self._list_sessions()

    def _fill_recipes(self) -> None:
        from valtui_trainer.presets.errors import PresetError
        from valtui_trainer.presets.keys import difference, show_value
        from valtui_trainer.presets.library import PLANTED, Library
        from valtui_trainer.presets.types import Preset
        from valtui_trainer.session.safe import safe

        library = self._library = Library.open()
        studies, presets = (
            self.query_one("#studies", OptionList),
            self.query_one("#presets", OptionList),
        )
        for name, (path, _) in library.studies.items():
            try:
                study = library.study(name).study
                text, members = safe(study.question), safe(", ".join(study.presets))
                self._details[f"study:{name}"] = f"{text}\ncompares {members}"
            except PresetError as error:
                self._details[f"study:{name}"] = safe(str(error))
                text = safe(str(error).replace(f"{path.parent}/", ""))
            studies.add_option(Option(line(safe(name), text), id=f"study:{name}"))
        try:
            base = library.base()
        except PresetError:  # it says so itself, in its own line
            base = Preset()
        # Runs with a mistake made on purpose are for trials of the verdict; `valtui presets` lists them.
        listed = {name: at for name, at in library.presets.items() if not name.startswith(PLANTED)}
        for name, (path, where) in listed.items():
            try:
                preset = library.preset(name).preset
                differs = difference(preset, base)
                shown = ", ".join(
                    f"{key} {show_value(value, key)}" for key, value in differs.items()
                )
                text = safe(shown) or "the base"
                self._details[f"preset:{name}"] = (
                    f"{safe(preset.description)}\nfrom {safe(where)}: {text}"
                )
            except PresetError as error:
                self._details[f"preset:{name}"] = safe(str(error))
                text = safe(str(error).replace(f"{path.parent}/", ""))
            presets.add_option(Option(line(safe(name), text, 22), id=f"preset:{name}"))
        studies.highlighted = 0
        self._show_detail("study:" + next(iter(library.studies), ""))

    @work(thread=True, exclusive=True, group="sessions", description="list sessions")
    def _list_sessions(self) -> None:
        from valtui_trainer.session.layout import SessionPaths
        from valtui_trainer.session.listing import session_names, summarise

        names = session_names(self._home)[:MOST_SESSIONS]
        found = [summarise(SessionPaths(self._home / "sessions" / name)) for name in names]
        self.app.call_from_thread(self._show_sessions, [one for one in found if one is not None])

    def _show_sessions(self, summaries: list[SessionSummary]) -> None:
        if gone(self):  # left while the list was read
            return
        rows = [(summary.paths.id, session_line(summary)) for summary in summaries]
        for summary in summaries:
            self._details[f"session:{summary.paths.id}"] = session_detail(summary)
        if rows == self._shown:
            self._describe_focused()
            return
        self._shown = rows
        sessions = self.query_one("#sessions", OptionList)
        highlighted = sessions.highlighted_option.id if sessions.highlighted_option else None
        sessions.clear_options()
        if not rows:
            sessions.add_option(
                Option(Content("none yet: enter on a study starts one"), disabled=True)
            )
            return
        from valtui_trainer.session.safe import safe

        sessions.add_options(
            Option(Content(safe(text)), id=f"session:{identity}") for identity, text in rows
        )
        there = [f"session:{identity}" for identity, _ in rows]
        sessions.highlighted = there.index(highlighted) if highlighted in there else 0

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Describe what the cursor is on."""
        if event.option_list.has_focus and event.option.id:
            self._show_detail(event.option.id)

    def on_descendant_focus(self) -> None:
        """Describe what the cursor of the newly focused list is on."""
        self._describe_focused()

    def _describe_focused(self) -> None:
        focused = self.focused
        if isinstance(focused, OptionList) and focused.highlighted is not None:
            identity = focused.get_option_at_index(focused.highlighted).id
            self._show_detail(identity or "")

    def _show_detail(self, identity: str) -> None:
        detail = self.query_one("#detail", Static)
        text = self._details.get(identity, "")
        if detail.content != text:
            detail.update(text)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Start or open what was chosen."""
        kind, _, name = (event.option.id or "").partition(":")
        app: Any = self.app
        if kind == "session":
            from valtui_trainer.session.layout import SessionPaths

            app.open_session(SessionPaths(self._home / "sessions" / name))
        elif kind in ("study", "preset"):
            self._start(name)

    def _start(self, name: str, changes: dict[str, Any] | None = None) -> None:
        from valtui_trainer.presets.errors import PresetError
        from valtui_trainer.presets.keys import spelled
        from valtui_trainer.supervise.plan import Request, make_plan

        try:
            assert self._library is not None
            changed = tuple(f"{key}={spelled(value)}" for key, value in (changes or {}).items())
            words = [word for one in changed for word in ("--set", one)]
            request = Request((name,), changed, command=("valtui", "run", name, *words))
            plan = make_plan(request, self._library)
        except PresetError as error:
            from valtui_trainer.session.safe import safe

            self.notify(safe(str(error)), severity="error", markup=False, timeout=10)
            return
        app: Any = self.app
        app.start(plan)

    def action_edit(self) -> None:
        """Change settings of the preset that the cursor is on, and start it."""
        from valtui_trainer.presets.errors import PresetError
        from valtui_trainer.session.safe import safe

        presets = self.query_one("#presets", OptionList)
        option = presets.highlighted_option if presets.has_focus else None
        if option is None or not option.id or self._library is None:
            self.notify("Go to a preset first (tab), then e edits it.", markup=False)
            return
        name = option.id.partition(":")[2]
        try:
            named = self._library.preset(name)
        except PresetError as error:
            self.notify(safe(str(error)), severity="error", markup=False, timeout=10)
            return
        from valtui.screens.edit import EditScreen

        def after(changes: dict[str, Any] | None) -> None:
            if changes is not None:
                self._start(name, changes)

        self.app.push_screen(EditScreen(named), after)

    def action_choose(self) -> None:
        """Choose what the cursor is on."""
        if isinstance(self.focused, OptionList):
            self.focused.action_select()

    def action_sessions(self) -> None:
        """Show the table of sessions."""
        from valtui.screens.sessions import SessionsScreen

        self.app.push_screen(SessionsScreen(self._home))


def titled(widget: OptionList, title: str) -> OptionList:
    """Return `widget` with a title on its border."""
    widget.border_title = title
    return widget


def line(name: str, text: str, width: int = 16) -> Content:
    """Return one line of a list: a name, and dimmer what it is about."""
    return Content.assemble((f"{name:<{width}} ", "bold"), (text.replace("\n", " "), "dim"))


def session_line(summary: SessionSummary) -> str:
    """Return one line about a session."""
    states = {"RUNNING": "●", "DONE": "✓", "FAILED": "✗", "KILLED": "✗", "LOST": "?", "QUEUED": "…"}
    sign = states.get(summary.state, "○")
    when = summary.spec.created.replace("T", " ").removesuffix("Z")[5:16]
    return f"{sign} {summary.state:<8} {when}  {summary.title}"


def session_detail(summary: SessionSummary) -> str:
    """Return two lines about a session."""
    from valtui_trainer.session.safe import safe

    runs = ", ".join(f"{name} {status.told} {status.far}" for name, status in summary.runs)
    about = summary.about
    said = about.note or summary.spec.question or summary.spec.title
    if about.name:
        said = f"{summary.spec.title}: {said}"
    return safe(said) + "\n" + safe(runs)
