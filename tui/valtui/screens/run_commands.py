"""What can be asked of runs from the live screen: output, stop, pause, resume, one preset or two seeds more."""

from __future__ import annotations

from typing import Any

from textual.app import App

from valtui.feed import RunFeed
from valtui.screens.asking import AskScreen, ChooseScreen
from valtui.screens.diagnosis import Diagnosis
from valtui.screens.more_seeds import StartCommands
from valtui_trainer.session.described import is_ours, of_another
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.output import read_output
from valtui_trainer.session.records import CommandName, RunSpec
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import RESUMABLE

SIGNS_OF = {"failed": "✕", "doubtful": "!", "unknown": "?"}
"""Outcomes of checks that are told one by one, the gravest first."""

FOR_A_RUN = frozenset({
    "output", "stop", "pause", "resume", "overlay", "cursor", "focus_next_run", "causes", "check",
    "explain", "span", "move", "more_seeds", "copy", "picture", "edit",
})  # fmt: skip


class RunCommands(StartCommands):
    """A screen on one session with a focused run."""

    focused_run: int
    diagnosis: Diagnosis

    @property
    def run(self) -> RunFeed:
        """The focused run."""
        return self.feed.runs[min(self.focused_run, len(self.feed.runs) - 1)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what is for a run only where there is one: a session may be deleted meanwhile."""
        return bool(self.feed.runs) or action not in FOR_A_RUN

    def run_to_repeat(self) -> RunFeed | None:
        """Return the focused run."""
        return self.run if self.feed.runs else None

    def action_output(self) -> None:
        """Show what the focused run's trainer printed."""
        from valtui.screens.output import OutputScreen

        attempt = self.run.paths.last_attempt()
        if attempt is None:
            self.notify(f"{safe(self.run.id)} has not been started yet.", markup=False)
            return
        title = f"{safe(self.run.id)}, attempt {attempt.number}: {self.run.status.state.lower()}"
        lines = read_output(attempt.log)
        self.app.push_screen(OutputScreen(title, self.run.status.reason, lines, attempt.log))

    def _is_anothers(self) -> bool:
        """Tell whether the focused run is another program's; if so, that is said."""
        refusal = of_another(self.run.spec)
        if refusal:
            self.notify(refusal, severity="warning", markup=False)
        return bool(refusal)

    def action_stop(self) -> None:
        """Stop the focused run, after asking."""
        if self._is_anothers():
            return
        run = self.run
        if run.status.ended:
            self.notify(f"{safe(run.id)} has ended already ({run.status.state}).", markup=False)
            return
        question = f"Stop {safe(run.id)}? It ends after its step, with a checkpoint; r resumes it."
        self.app.push_screen(AskScreen(question), lambda yes: self._send_if(yes, "stop", [run]))

    def action_pause(self) -> None:
        """Pause the focused run."""
        if self._is_anothers():
            return
        if self.run.status.state == "PAUSED":
            self._send("resume", [self.run])
        elif self.run.status.ended:
            self.notify(
                f"{safe(self.run.id)} has ended already ({self.run.status.state}).", markup=False
            )
        else:
            self._send("pause", [self.run])

    def action_resume(self) -> None:
        """Resume the focused run: after a pause, or as a new attempt."""
        if self._is_anothers():
            return
        state = self.run.status.state
        if (
            state == "PAUSED"
            or state in RESUMABLE
            or (state == "QUEUED" and not self.feed.supervised)
        ):
            self._send("resume", [self.run])
        else:
            self.notify(
                f"{safe(self.run.id)} is {state.lower()}: there is nothing to resume.", markup=False
            )

    def action_stop_all(self) -> None:
        """Stop every run and leave, after asking."""
        live = [run for run in self.feed.runs if not run.status.ended and is_ours(run.spec)]
        if not live:
            self.app.exit()
            return
        question = f"Stop {len(live)} run{'s' if len(live) != 1 else ''} and quit?"

        def after(yes: bool | None) -> None:
            if yes and self._send("stop", live):
                self.app.exit()

        self.app.push_screen(AskScreen(question), after)

    def _send_if(self, yes: bool | None, name: CommandName, runs: list[RunFeed]) -> None:
        if yes:
            self._send(name, runs)

    def _send(self, name: CommandName, runs: list[RunFeed]) -> bool:
        """Write a command for each of `runs`; tell whether that worked."""
        from valtui_trainer.supervise.begin import command as send_command

        words = {"stop": "asked to stop", "pause": "asked to pause", "resume": "asked to go on"}
        try:
            for run in runs:
                send_command(self.feed.paths, name, run.id)
        except SessionError as error:
            self.notify(safe(str(error)), severity="error", markup=False, timeout=10)
            return False
        names = ", ".join(safe(run.id) for run in runs)
        self.notify(f"{names}: {words[name]}", markup=False, timeout=3)
        return True

    def action_check(self) -> None:
        """Make all checks of the focused run, in a process of their own; this screen may be left meanwhile."""
        if self._is_anothers():
            return
        run = self.run
        if run.id in self.diagnosis.checking:
            self.notify(f"{safe(run.id)} is being checked already.", markup=False, timeout=4)
            return
        self.notify(f"{safe(run.id)}: checking; it takes about an epoch …", markup=False, timeout=4)
        self.app.run_worker(
            check_run(self.app, self.diagnosis, run), group="check", description="check a run"
        )

    def action_start_preset(self) -> None:
        """Choose a further preset and start it into this session."""
        from valtui_trainer.presets.library import Library
        from valtui_trainer.supervise.plan import MOST_RUNS

        if not is_ours(self.feed.runs[0].spec):
            self._is_anothers()
            return
        library = Library.open()
        if len(self.feed.runs) >= MOST_RUNS:
            self.notify("Nine presets are the most one session can show.", severity="warning")
            return
        choices = []
        for name in library.presets:
            try:
                choices.append((name, safe(library.preset(name).preset.description)))
            except ValueError as error:
                choices.append((name, safe(str(error))))
        title = "Start a further preset into this session"
        self.app.push_screen(ChooseScreen(title, choices), self._start_chosen)

    def _start_chosen(self, name: str | None) -> None:
        if name is None:
            return
        from valtui_trainer.presets.library import Library
        from valtui_trainer.supervise.further import further_run

        def make() -> RunSpec:
            runs = [run.spec for run in self.feed.runs]
            return further_run(self.feed.spec, runs, Library.open().preset(name))

        self.start_run(make, name)

    def action_edit(self) -> None:
        """Change settings of the focused run, and start that into this session."""
        from valtui.screens.edit import EditScreen
        from valtui_trainer.supervise.further import named_of
        from valtui_trainer.supervise.plan import MOST_RUNS

        if self._is_anothers():
            return
        if self.run.spec.builder:
            text = f"{safe(self.run.id)} is built by a function of somebody's own, not by a preset."
            self.notify(text, severity="warning", markup=False)
            return
        if len(self.feed.runs) >= MOST_RUNS:
            self.notify("Nine presets are the most one session can show.", severity="warning")
            return
        spec = self.run.spec
        self.app.push_screen(
            EditScreen(named_of(spec)), lambda found: self._start_edited(spec, found)
        )

    def _start_edited(self, spec: RunSpec, changes: dict[str, Any] | None) -> None:
        if changes is None:
            return
        from valtui_trainer.supervise.further import edited_run

        def make() -> RunSpec:
            runs = [run.spec for run in self.feed.runs]
            return edited_run(self.feed.spec, runs, spec, changes)

        self.start_run(make, spec.preset_name)

    def action_more_seeds(self) -> None:
        """Train two more seeds of the focused run's preset, after asking."""
        self.ask_more_seeds(self.run)


async def check_run(app: App[Any], diagnosis: Diagnosis, run: RunFeed) -> None:
    """Make all checks of `run` and tell what they found."""
    answer = await diagnosis.check(run)
    found = [
        f"{SIGNS_OF[check.outcome]} {check.check}: {check.message}"
        for outcome in SIGNS_OF
        for check in answer.checks
        if check.outcome == outcome
    ]
    if answer.problem:
        app.notify(safe(f"{run.id}: {answer.problem}"), severity="error", markup=False, timeout=10)
    if found:
        text = "\n".join(safe(line) for line in found)
    elif answer.checks:
        text = f"all {len(answer.checks)} checks are sound."
    else:
        return
    failed = any(check.outcome == "failed" for check in answer.checks)
    at = f" at step {answer.step:,}" if answer.step is not None else ""
    app.notify(
        text,
        title=f"{safe(run.id)}, checked{at}",
        severity="error" if failed else "information",
        markup=False,
        timeout=10,
    )
