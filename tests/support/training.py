"""Train real runs inside the test's process, and loops that a test can stop at any step."""

from __future__ import annotations

from pathlib import Path

import torch

from support.open_files import close_later
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.create import add_attempt, create_session
from valtui_trainer.session.history import History, read_history
from valtui_trainer.session.layout import AttemptPaths, RunPaths, SessionPaths, session_id, utc_now
from valtui_trainer.session.records import RunSpec, SessionSpec
from valtui_trainer.training.assemble import Material, build_replica, prepare
from valtui_trainer.training.attempt import run_attempt
from valtui_trainer.training.checkpoint import Checkpoints
from valtui_trainer.training.choose_engine import Wanted, make_ensemble
from valtui_trainer.training.control import control_of_run
from valtui_trainer.training.devices import open_device
from valtui_trainer.training.journal import Clock, Journal
from valtui_trainer.training.lenses.batchnorm import norm_layers
from valtui_trainer.training.lenses.costs import NO_BATCHNORM
from valtui_trainer.training.lenses.panel import Panel
from valtui_trainer.training.lenses.plan import EXACT, Trial, decide
from valtui_trainer.training.loop import Loop
from valtui_trainer.training.replica import Replica


def make_run(
    home: Path, preset: Preset, seeds: tuple[int, ...] = (0,), profile: bool = False
) -> RunPaths:
    """Make a session with one run of `preset` in `home`; nothing is started."""
    identity = session_id("test")
    spec = SessionSpec(
        id=identity, created=utc_now(), title="test", study=None, question="", presets=["test"],
        device="cpu", parallel=1, host="here", versions={}, command=[],
    )  # fmt: skip
    run = RunSpec(
        id="test", preset_name="test", preset=preset, seeds=list(seeds), device="cpu", threads=1,
        position=0, session=identity, profile=profile,
    )  # fmt: skip
    return create_session(home, spec, [run]).run("test")


def train(
    home: Path, preset: Preset, seeds: tuple[int, ...] = (0,), profile: bool = False
) -> tuple[RunPaths, History]:
    """Train `preset` to its end; return the run and what it logged."""
    run = make_run(home, preset, seeds, profile)
    run_attempt(add_attempt(run).folder)
    return run, read_history(run)


class Bench:
    """A loop on a work bench: stepped by hand, evaluated where its timetable says."""

    def __init__(
        self,
        home: Path,
        preset: Preset,
        seeds: tuple[int, ...] = (0,),
        room: int | None = None,
        engine: Wanted = "auto",
    ) -> None:
        """Assemble the loop; `room` bytes of images fit the device, the rest streams."""
        self.run = make_run(home, preset, seeds)
        self.attempt: AttemptPaths = add_attempt(self.run)
        device = open_device("cpu", 1)
        spec = RunSpec(
            id="test", preset_name="test", preset=preset, seeds=list(seeds), device="cpu", threads=1,
            position=0, session="test", allow_code=True,
        )  # fmt: skip
        self.spec = spec
        self.material: Material = prepare(spec, home, device, room)
        session = self.run.folder.parents[1]
        self.control = control = control_of_run(SessionPaths(session), self.run, self.attempt)
        clock = Clock()
        self.journal = Journal(self.attempt, control, clock)
        self.journal.open_rows(len(self.material.val_set), "digest")
        log_every = preset.log_every if isinstance(preset.log_every, int) else 5
        replicas = [build_replica(spec, seed, self.material, device, log_every) for seed in seeds]
        self.loop = Loop(
            preset=preset,
            timetable=self.material.timetable,
            ensemble=make_ensemble(replicas, self.material.train_set, engine),
            train_set=self.material.train_set,
            val_set=self.material.val_set,
            train_subset=self.material.train_subset,
            log_every=log_every,
            journal=self.journal,
            control=control,
            checkpoints=Checkpoints(self.run.checkpoints, frozenset()),
            clock=clock,
            panel=untimed_panel(preset, self.material, replicas),
        )
        self.loop.ensemble.train_mode()
        close_later(self.close)

    def close(self) -> None:
        """Close its files."""
        self.journal.close()
        self.control._heartbeat.close()

    def advance(self, steps: int) -> list[float]:
        """Take `steps` steps, logging and evaluating as the loop does; return the weights' checksums."""
        sums = []
        for _ in range(steps):
            self.loop.one_step()
            if self.loop.step % self.loop.log_every == 0:
                self.loop.record()
            if self.loop.step in self.loop.timetable.evaluations:
                self.loop.evaluate()
            sums.append(self.checksum())
        return sums

    def checksum(self) -> float:
        """Return one number that changes when any weight or buffer of any seed does."""
        total = torch.zeros((), dtype=torch.float64)
        for replica in self.loop.replicas:
            for number, tensor in enumerate(replica.model.state_dict().values()):
                total += (number + 1.0) * tensor.double().sum()
        return float(total)


def same(one: object, other: object) -> bool:
    """Tell whether two nests of dicts, lists, tensors and plain values are equal to the bit."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def untimed_panel(preset: Preset, material: Material, replicas: list[Replica]) -> Panel:
    """Return the panel of a run whose lenses all cost nothing: no clock decides."""
    models = [replica.model for replica in replicas]
    trials = {} if norm_layers(models[0]) else {EXACT: Trial(problem=NO_BATCHNORM)}
    plans = decide(preset.lenses, len(material.train_set), trials)
    return Panel.of(
        plans,
        preset,
        material.train_set,
        material.val_set,
        models,
        material.timetable.steps_per_epoch,
    )
