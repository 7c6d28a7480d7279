"""What a probe does once torch is there: base and arms, half of the replicas, a look, the other half."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec.structs import replace
from torch.nn.modules.batchnorm import _BatchNorm

from valtui_trainer.presets import arms as presets_arms
from valtui_trainer.session.append import Records
from valtui_trainer.session.built import as_tried
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import ProbePaths, SessionPaths, make_folder, utc_now
from valtui_trainer.session.patience import Patience
from valtui_trainer.session.probes import BASE
from valtui_trainer.session.records import (
    ArmLook,
    Event,
    NoiseScale,
    ProbeResult,
    ProbeSpec,
    RunSpec,
)
from valtui_trainer.session.state import BLOCKED
from valtui_trainer.training.assemble import Material, prepare
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.choose_engine import ENGINES, Wanted
from valtui_trainer.training.control import LONG_DEADLINE, Control
from valtui_trainer.training.devices import open_for, peak_memory, release
from valtui_trainer.training.fork import read_start
from valtui_trainer.training.lenses.batchnorm import norm_layers
from valtui_trainer.training.probe.look import look
from valtui_trainer.training.probe.memory import parts_of
from valtui_trainer.training.probe.noise import noise_scale_at
from valtui_trainer.training.probe.part import Arm, build_replicas, train_part
from valtui_trainer.training.same_data import refuse_other_data
from valtui_trainer.training.validate import check_device

UNCOMPILED = "The run trains a compiled network; a probe does not compile, and finds the same within rounding."


class CancelledError(Exception):
    """Somebody asked the probe to end."""


class OutOfTimeError(Exception):
    """The budget is over."""


def carry_out(
    session: SessionPaths, probe: ProbePaths, spec: ProbeSpec, control: Control, began: float
) -> ProbeResult:
    """Carry out a probe; return what it found.

    Args:
        session: that the probed run is of.
        probe: where the probe logs.
        spec: what it trains.
        control: hears whether it is cancelled.
        began: when the budget began, on the monotonic clock.

    Raises:
        SessionError, DataError, ModelError: with a sentence for a person.
    """
    run = session.run(spec.run)
    run_spec = read_document(run.spec, RunSpec)
    if run_spec is None:
        raise SessionError(f"{run.spec} is missing.")
    run_spec = as_tried(run, run_spec)
    problem = check_device(run_spec)
    if problem is not None:
        raise SessionError(problem)
    device = open_for(run_spec)
    control.enter("data", LONG_DEADLINE)
    material = prepare(run_spec, session.folder.parents[1], device)
    refuse_other_data(run, material, "the probe")
    state = read_start(probe.start, spec.fork)
    work = Work(probe, spec, run_spec, material, state, control, began)
    return work.carry_out()


@dataclass(slots=True)
class Work:
    """A probe under way."""

    probe: ProbePaths
    spec: ProbeSpec
    run_spec: RunSpec
    material: Material
    state: State
    control: Control
    began: float
    arms: list[Arm] = field(default_factory=list)
    looks: list[list[ArmLook]] = field(default_factory=list)
    noise: NoiseScale | None = None
    engine: str = ""
    engines: dict[str, Wanted] = field(default_factory=dict)
    trained_from: float = 0.0

    def carry_out(self) -> ProbeResult:
        """Train all arms, as far as time and people let it; return what it found."""
        patience = Patience(self.blocked, self.refuse_to_go_on)
        events = Records(self.probe.events, patience)
        self.arms = [self.arm(BASE), *map(self.arm, self.spec.arms)]
        logs = {arm.id: self.open_log(arm, patience) for arm in self.arms}
        self.control.total = self.spec.replicas * sum(arm.steps for arm in self.arms)
        self.control.left = self.seconds_left
        if self.run_spec.preset.compile:
            events.append(self.note(UNCOMPILED))
        status, reason = "done", ""
        try:
            self.refuse_what_cannot_be_trained()
            self.enter("gradient noise scale")
            self.noise = noise_scale_at(
                self.arms[0], self.run_spec, self.material, self.state, self.images()
            )
            self.trained_from = time.monotonic()
            half = self.spec.replicas // 2
            for numbers in (range(half), range(half, self.spec.replicas)):
                for arm in self.arms:
                    self.train(arm, numbers, logs[arm.id])
                self.look(events)
        except CancelledError:
            status, reason = "cancelled", "cancelled; what it had measured by then is kept"
        except OutOfTimeError:
            status = "out-of-time"
            reason = f"the budget of {self.spec.minutes:g} minutes was over before all was trained"
        finally:
            # Where there is no room even for the end, what was asked for counts, not the wait for it.
            with suppress(CancelledError, OutOfTimeError):
                self.look_at_rest(events)
            for file in (events, *logs.values()):
                with suppress(CancelledError, OutOfTimeError):
                    file.close()
        return ProbeResult(
            status=status,  # type: ignore[arg-type]
            ended=utc_now(),
            seconds=time.monotonic() - self.began,
            reason=reason,
            looks=self.looks,
            noise_scale=self.noise,
            steps=self.control.step,
            engine=self.engine,
        )

    def arm(self, identity: str) -> Arm:
        """Return an arm of this probe; no arm is compiled, as each is trained too short for it to pay."""
        preset = replace(self.run_spec.preset, compile=False)
        if identity != BASE:
            preset = presets_arms.change(preset, identity)
        return Arm.of(
            identity, preset, self.spec.fork, len(self.material.train_set), self.spec.evaluations
        )

    def note(self, message: str) -> Event:
        """Return an event that tells something worth knowing."""
        return Event(n=0, time=time.monotonic() - self.began, kind="note", message=message)

    def images(self) -> int:
        """Return the training images that the whole probe sees."""
        return self.spec.replicas * sum(arm.steps * arm.preset.batch_size for arm in self.arms)

    def open_log(self, arm: Arm, patience: Patience) -> Records:
        """Return the file of an arm's evaluations."""
        path = self.probe.arm(arm.id)
        make_folder(path.parent)
        return Records(path, patience)

    def train(self, arm: Arm, numbers: range, log: Records) -> None:
        """Train the replicas `numbers` of `arm`, in as many parts as memory asks for."""
        for part in parts_of(arm, self.run_spec, self.material, self.state, numbers):
            self.enter(f"{arm.id}, replicas {part[0] + 1}-{part[-1] + 1}")
            replicas = build_replicas(arm, self.run_spec, self.material, self.state, part)
            known = self.engines.get(arm.id, "auto")
            used = train_part(arm, replicas, part, self.material, log, self.stepped, known)
            # The next part may be a single one, which is no stack.
            self.engines[arm.id] = used if len(part) > 1 else known
            self.engine = max(self.engine, used, key=("", *ENGINES).index)
            self.control.memory = peak_memory(self.material.train_set.device)
            del replicas
            release(self.material.train_set.device)

    def refuse_what_cannot_be_trained(self) -> None:
        """Build a replica of each arm before any is trained.

        Raises:
            SessionError: the checkpoint fits one of them not, an arm changes what the model does not
                have, or the learning rate at the fork is 0.
        """
        layers: list[_BatchNorm] | None = None
        for arm in self.arms:
            self.enter(f"model of {arm.id}")
            (replica,) = build_replicas(arm, self.run_spec, self.material, self.state, [0])
            if layers is None:
                layers = norm_layers(replica.model)
            if arm.id.startswith("batchnorm-"):
                refuse_momentum(arm.id, self.run_spec.preset.model.batchnorm_momentum, layers)
            if arm.learning_rate == 0:
                raise SessionError(
                    f"The schedule's learning rate is 0 at step {self.spec.fork.step:,}, where the probe "
                    "starts; choose an earlier checkpoint (--checkpoint)."
                )

    def stepped(self, replicas: int) -> None:
        """Count a step of so many replicas.

        Raises:
            CancelledError: somebody asked the probe to end.
            OutOfTimeError: the budget is over.
        """
        self.control.step += replicas
        self.control.loop += 1
        self.refuse_to_go_on()

    def refuse_to_go_on(self) -> None:
        """Raise where somebody asked the probe to end, or its time is over.

        Raises:
            CancelledError: somebody asked.
            OutOfTimeError: the budget is over.
        """
        if self.control.stop:
            raise CancelledError
        if time.monotonic() - self.began > 60 * self.spec.minutes:
            raise OutOfTimeError

    def blocked(self, why: str) -> None:
        """Say that the log has no room, and when it has again."""
        if why:
            self.control.enter(f"{BLOCKED}: {why}", None)
        else:
            self.control.enter("training", LONG_DEADLINE)

    def look_at_rest(self, events: Records) -> None:
        """Look at the replicas that were whole when the probe ended before its time, if there are any."""
        if any(counts(look(self.probe, self.spec.arms, self.spec.evaluations))):
            self.look(events)

    def look(self, events: Records) -> None:
        """Look at what the arms have left so far, and tell it, if there is more to see than before."""
        found = look(self.probe, self.spec.arms, self.spec.evaluations)
        if self.looks and counts(found) == counts(self.looks[-1]):
            return
        self.looks.append(found)
        events.append(
            Event(
                n=0,
                time=time.monotonic() - self.began,
                kind="look",
                message=f"look {len(self.looks)} of 2",
                data={"looks": found},
            )
        )
        events.sync()

    def enter(self, phase: str) -> None:
        """Say what is done from now on.

        Raises:
            CancelledError: somebody asked the probe to end.
        """
        self.control.enter(phase, LONG_DEADLINE)
        if self.control.stop:
            raise CancelledError

    def seconds_left(self) -> float | None:
        """Return the expected seconds to the end, the budget at the most."""
        budget = 60 * self.spec.minutes - (time.monotonic() - self.began)
        done, total = self.control.step, self.control.total
        if not done or not total or not self.trained_from:
            return None
        pace = (time.monotonic() - self.trained_from) / done
        return round(max(0.0, min(budget, pace * (total - done))), 1)


def counts(found: list[ArmLook]) -> list[int]:
    """Return how many replicas each arm of a look rests on."""
    return [one.replicas for one in found]


def refuse_momentum(arm: str, momentum: float, layers: list[_BatchNorm]) -> None:
    """Refuse to change the momentum of BatchNorm layers that have none, or one of their own.

    Args:
        arm: the id.
        momentum: of the preset, which the arm changes.
        layers: of the base's model.

    Raises:
        SessionError: saying which.
    """
    if not layers:
        raise SessionError(f"{arm} does not apply: the model has no BatchNorm.")
    own = next((one.momentum for one in layers if one.momentum != momentum), momentum)
    if own != momentum:
        raise SessionError(
            f"{arm} does not apply: the model's BatchNorm has a momentum of its own ({own}), not "
            f"model.batchnorm_momentum ({momentum:g})."
        )
