"""What can be tried from the causes screen: probe an arm or all, cancel that, prove an arm or remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual import work

from valtui.causes.arm_texts import ARM_NAMES, REMEDY_NAMES, name_of
from valtui.feed import RunFeed
from valtui.screens.asking import AskScreen, ChooseScreen
from valtui.screens.base import gone
from valtui.screens.plan_dialog import Agreed, Offer, PlanDialog
from valtui.screens.run_commands import RunCommands
from valtui.screens.trial_offers import probe_offer, proof_offer
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.causes.types import Causes
    from valtui_trainer.supervise.probe import ProbePlan

REFUSALS = (PresetError, SessionError, OSError)
FOR_A_RUN = frozenset({"probe", "probe_all", "prove", "cancel_probe"})


class TrialCommands(RunCommands):
    """A screen on the causes of one run, with a cursor on one row."""

    selected: str

    def found(self) -> Causes | None:
        """Return the causes that are shown."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what is for a run only where there is one."""
        if action in FOR_A_RUN:
            return bool(self.feed.runs)
        return super().check_action(action, parameters)

    # --- probe -----------------------------------------------------------------------------------

    def action_probe(self) -> None:
        """Probe the arm under the cursor, with those that the verdict suggests; else ask which."""
        causes = self.found()
        if causes is None or self._probe_is_under_way(causes):
            return
        arm = causes.trials.arm(self.selected)
        if arm is None:
            self._choose_arm(causes)
        elif arm.why_not:
            self._refuse(f"{name_of(arm.id)} is not offered: {arm.why_not}")
        else:
            self._plan_probe(self.run, causes, arm.id)

    def action_probe_all(self) -> None:
        """Probe all arms that change anything."""
        causes = self.found()
        if causes is not None and not self._probe_is_under_way(causes):
            self._plan_probe(self.run, causes, "")

    def _probe_is_under_way(self, causes: Causes) -> bool:
        live = causes.trials.live
        if live is not None:
            self._refuse(f"A probe of {self.run.id} is under way; x cancels it.")
        return live is not None

    def _choose_arm(self, causes: Causes) -> None:
        run = self.run
        arms = causes.trials.arms
        offered = [(arm.id, ARM_NAMES.get(arm.id, "")) for arm in arms if not arm.why_not]
        refused = [(arm.id, f"not offered: {arm.why_not}") for arm in arms if arm.why_not]
        if not offered:
            self._refuse(f"No arm would change anything on {run.id}.")
            return

        def after(arm: str | None) -> None:
            if arm is not None:
                self._plan_probe(run, causes, arm)

        title = f"Probe which arm of {safe(run.id)}?"
        self.app.push_screen(ChooseScreen(title, offered, refused, "probe"), after)

    @work(exclusive=True, group="plan", description="plan a probe")
    async def _plan_probe(self, run: RunFeed, causes: Causes, arm: str) -> None:
        """Plan the probe of `arm` (empty: of all), say what it costs, and start it if that is agreed to."""
        try:
            plans = await asyncio.to_thread(self._probe_plans, run, causes, arm)
        except REFUSALS as error:
            self._refuse(str(error))
            return

        def after(agreed: Agreed | None) -> None:
            if agreed is not None:
                self._start_probe(run, plans[agreed.offer], agreed.pause_run)

        pausing = run.id if run.id in plans[0].shares else ""
        self._ask([probe_offer(plan) for plan in plans], after, safe(pausing))

    def _probe_plans(self, run: RunFeed, causes: Causes, arm: str) -> list[ProbePlan]:
        """Return the probes that are offered: the default set, and the arm alone; or all arms.

        Raises:
            PresetError, SessionError, OSError: it cannot be done; the text says why.
        """
        from valtui.causes.choosing import applicable_arms, default_arms
        from valtui_trainer.supervise.probe import plan_probe

        if arm:
            sets = [default_arms(causes, run.paths, run.spec, run.start, arm), (arm,)]
        else:
            sets = [applicable_arms(run.paths, run.spec, run.start)]
        return [
            plan_probe(self.feed.paths, run.paths, run.spec, arms) for arms in dict.fromkeys(sets)
        ]

    @work(group="start", description="start a probe")
    async def _start_probe(self, run: RunFeed, plan: ProbePlan, pause_run: bool) -> None:
        from valtui_trainer.supervise.probe import start_probe

        paths = self.feed.paths
        await self._carry_out(
            lambda: start_probe(paths, run.paths, run.spec, plan, pause_run),
            f"{run.id}: the probe is starting; it goes on without this screen.",
        )

    def action_cancel_probe(self) -> None:
        """Cancel the probe that is under way, after asking."""
        causes = self.found()
        live = causes.trials.live if causes is not None else None
        if live is None:
            self._refuse(f"No probe of {self.run.id} is under way.")
            return

        def after(yes: bool | None) -> None:
            if yes:
                self._cancel_probe(live.spec.id)

        question = f"Cancel the probe of {safe(self.run.id)}? What it has measured is kept."
        self.app.push_screen(AskScreen(question), after)

    @work(group="start", description="cancel a probe")
    async def _cancel_probe(self, identity: str) -> None:
        from valtui_trainer.supervise.probe import cancel_probe

        paths = self.feed.paths
        await self._carry_out(
            lambda: cancel_probe(paths, paths.probe(identity)), "The probe was asked to end."
        )

    # --- prove -----------------------------------------------------------------------------------

    def action_prove(self) -> None:
        """Prove the arm or remedy under the cursor; else ask which."""
        causes = self.found()
        if causes is None:
            return
        names = ARM_NAMES | REMEDY_NAMES
        if self.selected in names:
            self._plan_proof(self.run, causes, self.selected)
            return
        run = self.run

        def after(arm: str | None) -> None:
            if arm is not None:
                self._plan_proof(run, causes, arm)

        title = f"Prove what on {safe(run.id)}?"
        self.app.push_screen(ChooseScreen(title, list(names.items()), (), "prove"), after)

    @work(exclusive=True, group="plan", description="plan a proof")
    async def _plan_proof(self, run: RunFeed, causes: Causes, arm: str) -> None:
        """Plan the proof of `arm`, say what it costs, and start it if that is agreed to."""
        from valtui.causes.choosing import prediction
        from valtui_trainer.supervise.prove import plan_proof, start_proof

        paths = self.feed.paths
        try:
            plan = await asyncio.to_thread(plan_proof, paths, run.paths, run.spec, arm)
            predicted = await asyncio.to_thread(prediction, paths, causes, arm)
        except REFUSALS as error:
            self._refuse(str(error))
            return

        def after(agreed: Agreed | None) -> None:
            if agreed is not None:
                self.run_worker(
                    self._carry_out(
                        lambda: start_proof(paths, run.paths, run.spec, plan, predicted),
                        f"{run.id}: the runs beside are queued; the live screen shows them.",
                    ),
                    group="start",
                    description="start a proof",
                )

        self._ask([proof_offer(plan, predicted)], after)

    # --- both ------------------------------------------------------------------------------------

    def _ask(
        self, offers: Sequence[Offer], after: Callable[[Agreed | None], None], pausing: str = ""
    ) -> None:
        """Ask whether to start, unless another screen came on top meanwhile."""
        if self.on_top:
            self.app.push_screen(PlanDialog(offers, pausing), after)

    async def _carry_out(self, work: Callable[[], object], done: str) -> None:
        """Do in a thread what writes files, and tell that it is done, or why not."""
        try:
            await asyncio.to_thread(work)
        except REFUSALS as error:
            self._refuse(str(error))
            return
        self.diagnosis.trials.look_soon()
        if not gone(self):
            self.notify(safe(done), markup=False, timeout=4)

    def _refuse(self, why: str) -> None:
        """Tell why something is not done."""
        if not gone(self):
            self.notify(safe(why), severity="warning", markup=False, timeout=10)
