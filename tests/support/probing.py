"""Probes carried out within the test's process, of runs that were trained there."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.layout import ProbePaths, RunPaths, SessionPaths
from valtui_trainer.session.probes import BASE, arm_records
from valtui_trainer.session.records import ProbeResult, ProbeSpec, RunSpec
from valtui_trainer.supervise.probe import plan_probe, start_probe
from valtui_trainer.training.probe.task import run_probe

Curve = list[tuple[int, int, float | None]]


def noisy(digits: Path, **settings: object) -> Preset:
    """Return a preset of which every source of randomness is on, that trains within a second."""
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 2, "eval_every": 0.5, "log_every": 4,
        "model": Model(name="small-cnn", width=4, batchnorm=True, dropout=0.2),
        "weight_decay": 0.01,
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def session_of(run: RunPaths) -> SessionPaths:
    """Return the session that a run is of."""
    return SessionPaths(run.folder.parents[1])


def spec_of(run: RunPaths) -> RunSpec:
    """Return what a run is."""
    spec = read_document(run.spec, RunSpec)
    assert spec is not None
    return spec


def asked(run: RunPaths, *arms: str, pause_run: bool = False, **numbers: Any) -> ProbePaths:
    """Plan a small probe and ask for it; where no supervisor is started, nothing carries it out."""
    small = {"replicas": 2, "evaluations": 3} | numbers
    plan = plan_probe(session_of(run), run, spec_of(run), arms, **small)
    return start_probe(session_of(run), run, spec_of(run), plan, pause_run)


def probed(run: RunPaths, *arms: str, **numbers: Any) -> tuple[ProbePaths, ProbeResult]:
    """Carry out a small probe within this process."""
    probe = asked(run, *arms, **numbers)
    run_probe(probe.folder)
    return probe, result_of(probe)


def result_of(probe: ProbePaths) -> ProbeResult:
    """Return how a probe ended."""
    result = read_document(probe.result, ProbeResult)
    assert result is not None
    return result


def probe_spec(probe: ProbePaths) -> ProbeSpec:
    """Return what a probe is."""
    spec = read_document(probe.spec, ProbeSpec)
    assert spec is not None
    return spec


def curves(probe: ProbePaths, arm: str = BASE) -> Curve:
    """Return replica, step and loss of each evaluation of an arm."""
    return [(one.seed, one.step, one.val_loss) for one in arm_records(probe, arm)]


def files_of(folder: Path) -> dict[str, str]:
    """Return the digest of each file below `folder`."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
