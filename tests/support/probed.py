"""Probes and proofs written by hand into a session's folder, in any state, for those who show them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from msgspec import to_builtins

from support.open_files import close_later
from support.sessions import RunWriter, begin_attempt, val_record
from valtui_trainer.session.append import Records
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.heartbeat import HeartbeatFile
from valtui_trainer.session.layout import ProbePaths, SessionPaths, make_folder
from valtui_trainer.session.probes import BASE
from valtui_trainer.session.records import (
    ArmLook,
    Event,
    Fork,
    Heartbeat,
    NoiseScale,
    ProbeResult,
    ProbeSpec,
    ProofResult,
    ProofSpec,
    RunSpec,
)

CREATED = "2026-01-02T03:04:05Z"
ARMS = ("learning-rate-half", "batch-size-quadruple", "weight-decay-off")
STEP, EPOCH = 200, 5.0
NOISE = NoiseScale(value=312.0, low=221.0, high=478.0, batches=32, batch_size=32)


def fork_of(run: str, step: int = STEP, epoch: float = EPOCH) -> Fork:
    """Return a checkpoint of `run` that something starts from."""
    return Fork(
        run=run, file=f"step-{step:09d}.pt", sha256="0" * 64, step=step, epoch=epoch, epochs=10.0
    )


def arm_look(
    arm: str, left: float | None = 0.53, low: float | None = 0.4, high: float | None = 0.71,
    replicas: int = 8, **changes: Any,
) -> ArmLook:  # fmt: skip
    """Return what a look found of one arm."""
    fields: dict[str, Any] = {"evaluations": 8, "mean_change": 0.012, "note": ""}
    return ArmLook(arm=arm, left=left, low=low, high=high, replicas=replicas, **(fields | changes))


LOOKS = (
    arm_look("learning-rate-half"),
    arm_look("batch-size-quadruple", 0.39, 0.28, 0.54, mean_change=0.031),
    arm_look("weight-decay-off", 1.03, 0.76, 1.4, mean_change=-0.002),
)


class ProbeWriter:
    """Writes one probe as its process would.

    Attributes:
        paths: where it lies; its lock is what `living` of the tests holds.
    """

    def __init__(
        self, session: SessionPaths, run: str, number: int = 0, arms: Iterable[str] = ARMS,
        **changes: Any,
    ) -> None:  # fmt: skip
        """Ask for a probe of `run`; ids sort by `number`."""
        identity = f"{number:020d}-{run}-abcdef"
        self.paths: ProbePaths = session.probe(identity)
        make_folder(self.paths.arms)
        fields: dict[str, Any] = {
            "id": identity, "created": CREATED, "run": run, "fork": fork_of(run), "arms": list(arms),
            "replicas": 8, "evaluations": 8, "minutes": 10.0,
        }  # fmt: skip
        self.spec = ProbeSpec(**(fields | changes))
        write_document(self.paths.spec, self.spec)
        self._looks = 0

    def begin(self) -> None:
        """Take the lock, as far as a file tells it."""
        self.paths.lock.touch()

    def beat(
        self, step: int, total: int = 12_800, phase: str = "learning-rate-half, replicas 1-4",
        left: float | None = 130.0,
    ) -> None:  # fmt: skip
        """Write a heartbeat."""
        file = HeartbeatFile(self.paths.heartbeat)
        close_later(file.close)
        file.write(
            Heartbeat(beat=1, loop=step, phase=phase, step=step, total=total, left=left, rate=1.0)
        )

    def log(self, arm: str, losses: np.ndarray[Any, Any], first: int = 0) -> None:
        """Log the evaluations of replicas (K, J) of an arm, the first having the number `first`."""
        make_folder(self.paths.arm(arm).parent)
        records = Records(self.paths.arm(arm))
        close_later(records.close)
        for replica, row in enumerate(losses, start=first):
            for number, loss in enumerate(row.tolist()):
                records.append(val_record(STEP + 10 * (number + 1), replica, val_loss=loss))

    def log_all(self, replicas: int = 4, noise: float = 0.05) -> None:
        """Log whole replicas of the base and all arms, whose volatility is `noise` of the loss or half."""
        chance = np.random.default_rng(7)
        for arm in (BASE, *self.spec.arms):
            scale = noise if arm == BASE else noise / 2
            shape = replicas, self.spec.evaluations
            self.log(arm, 0.3 * np.exp(scale * chance.standard_normal(shape)))

    def look(self, looks: Iterable[ArmLook] = LOOKS) -> None:
        """Log a look."""
        self._looks += 1
        data = {"looks": to_builtins(list(looks))}
        self._event("look", f"look {self._looks} of 2", data)

    def note(self, message: str) -> None:
        """Log a remark."""
        self._event("note", message, {})

    def _event(self, kind: str, message: str, data: dict[str, Any]) -> None:
        events = Records(self.paths.events)
        close_later(events.close)
        events.append(Event(n=0, time=1.0, kind=kind, message=message, data=data))

    def end(
        self, status: str = "done", looks: Iterable[Iterable[ArmLook]] = (LOOKS,), reason: str = "",
        noise: NoiseScale | None = NOISE, **changes: Any,
    ) -> None:  # fmt: skip
        """Write `result.json`."""
        fields: dict[str, Any] = {
            "ended": CREATED, "seconds": 182.0, "steps": 12_800, "engine": "vmap",
        }  # fmt: skip
        write_document(
            self.paths.result,
            ProbeResult(
                status=status, reason=reason, looks=[list(one) for one in looks],  # type: ignore[arg-type]
                noise_scale=noise, **(fields | changes),
            ),
        )  # fmt: skip


def write_proof(
    session: SessionPaths, spec: RunSpec, arm: str = "learning-rate-half", number: int = 0,
    control: str | None = None, **changes: Any,
) -> ProofSpec:  # fmt: skip
    """Write what is to be proven on the run of `spec`; the runs beside are made by `run_beside`."""
    identity = f"{number:020d}-{spec.id}~{arm}-abcdef"
    paths = session.proof(identity)
    make_folder(paths.folder)
    fields: dict[str, Any] = {
        "id": identity, "created": CREATED, "run": spec.id, "arm": arm, "fork": fork_of(spec.id),
        "arm_run": f"{spec.id}~{arm}", "control_run": control or f"{spec.id}~control",
        "predicted": 0.53, "predicted_low": 0.4, "predicted_high": 0.71, "predicted_by": "probe 1",
    }  # fmt: skip
    proof = ProofSpec(**(fields | changes))
    write_document(paths.spec, proof)
    return proof


def run_beside(
    session: SessionPaths, spec: RunSpec, proof: ProofSpec, identity: str, evaluations: int,
    volatility: float, position: int, seeds: int = 3,
) -> RunWriter:  # fmt: skip
    """Write a run beside of a proof with so many evaluations since the fork, as volatile as is said."""
    from msgspec.structs import replace

    run = session.run(identity)
    make_folder(run.folder)
    numbers = list(range(seeds))
    preset = replace(spec.preset, seeds=numbers, epochs=15.0)
    beside = replace(
        spec, id=identity, preset=preset, seeds=numbers, position=position, fork=proof.fork,
        proof=proof.id,
    )  # fmt: skip
    write_document(run.spec, beside)
    writer = begin_attempt(run, beside, proof.fork.step, total_steps=600)
    seed = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:4], "little")
    noise = np.random.default_rng(seed).standard_normal((evaluations, seeds))
    for number in range(evaluations):
        step = proof.fork.step + 10 * (number + 1)
        for one in numbers:
            loss = 0.3 * float(np.exp(volatility * noise[number, one]))
            writer.evaluate(step, one, loss, val_accuracy=0.9, val_balanced_accuracy=0.9)
    writer.beat(proof.fork.step + 10 * evaluations, 600)
    return writer


def decide(session: SessionPaths, proof: ProofSpec, outcome: str = "holds", **changes: Any) -> None:
    """Write what came out of a proof."""
    fields: dict[str, Any] = {
        "decided": CREATED, "left": 0.49, "low": 0.36, "high": 0.66, "evaluations": 20,
    }  # fmt: skip
    result = ProofResult(outcome=outcome, **(fields | changes))  # type: ignore[arg-type]
    write_document(session.proof(proof.id).result, result)
