"""Start runs into a session that has begun: whatever is asked for is checked first, and refused in a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual import work

from valtui.feed import RunFeed, SessionFeed
from valtui.screens.asking import AskScreen
from valtui.screens.hand_on import HandOnCommands
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import RunSpec
from valtui_trainer.session.safe import safe

PATIENCE_SECONDS = 4


class StartCommands(HandOnCommands):
    """A screen on one session, from which runs are started into it."""

    feed: SessionFeed
    _reading: asyncio.Lock
    _asked: frozenset[str] = frozenset()

    def start_run(self, make: Callable[[], RunSpec], name: str) -> None:
        """Check the run that `make` returns, which takes seconds, and have it started.

        Args:
            make: raises PresetError where there can be no such run.
            name: of what is to be started.
        """
        self.notify(
            f"{safe(name)}: checking data and model …", markup=False, timeout=PATIENCE_SECONDS
        )
        self._start_run(make)

    @work(thread=True, group="start", description="check and start a run")
    def _start_run(self, make: Callable[[], RunSpec]) -> None:
        from valtui_trainer.supervise.begin import command as send_command
        from valtui_trainer.supervise.neighbours import crowding_beside
        from valtui_trainer.supervise.validate import validate

        try:
            spec = make()
        except PresetError as error:
            self._refuse_start(str(error))
            return
        crowded = safe(crowding_beside(self.feed.paths, spec.device))
        if crowded:
            self.app.call_from_thread(self.notify, crowded, severity="warning", markup=False)
        answer = validate([spec], self.feed.paths.folder.parents[1])
        if answer.problems:
            self._refuse_start(" ".join(answer.problems))
            return
        try:
            send_command(self.feed.paths, "start", spec.id, spec)
        except SessionError as error:
            self._refuse_start(str(error))
        else:
            self._asked |= {spec.id}

    def _refuse_start(self, problem: str) -> None:
        self.app.call_from_thread(
            self.notify, safe(problem), severity="error", markup=False, timeout=10
        )

    def ask_more_seeds(self, run: RunFeed) -> None:
        """Ask whether to train two more seeds of the preset of `run`, saying what they are good for."""
        from valtui_trainer.supervise.further import further_seeds

        try:
            spec = further_seeds(self.feed.spec, [one.spec for one in self.feed.runs], run.spec)
        except PresetError as error:
            self.notify(safe(str(error)), severity="warning", markup=False, timeout=10)
            return
        if spec.id in self._asked:
            self.notify(
                f"{safe(spec.id)} is about to start.", markup=False, timeout=PATIENCE_SECONDS
            )
            return
        self._ask_more_seeds(run, spec)

    @work(exclusive=True, group="more-seeds", description="find what more seeds are good for")
    async def _ask_more_seeds(self, run: RunFeed, spec: RunSpec) -> None:
        from valtui.pair_words import more_seeds_question
        from valtui.pairs import pairs_of

        async with self._reading:
            pairs = await asyncio.to_thread(pairs_of, list(self.feed.runs))
        if not self.on_top:
            return
        question = safe(more_seeds_question(spec, run, pairs))

        def after(yes: bool | None) -> None:
            if yes:
                self.start_run(lambda: spec, spec.id)

        self.app.push_screen(AskScreen(question), after)
