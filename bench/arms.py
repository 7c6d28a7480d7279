"""Arms: what a probe predicts against what a long continuation from the same checkpoint shows.

Probes as a person starts them (K = J = 8); continuations of 40 evaluations with 4 seeds that no probe
uses. A sign counts where the continuation tells the arm from 100 %.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from valtui_trainer.measure.arms import ArmLeft, arm_left
from valtui_trainer.presets.arms import change
from valtui_trainer.session.append import Records
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.layout import SessionPaths, make_folder
from valtui_trainer.session.probes import BASE, arm_losses, probes_of
from valtui_trainer.session.records import ArmLook, ProbeResult, RunSpec
from valtui_trainer.training.assemble import prepare
from valtui_trainer.training.devices import open_device
from valtui_trainer.training.fork import read_start
from valtui_trainer.training.probe.part import Arm, build_replicas, train_part

SEEDS = range(1000, 1004)
EVALUATIONS = 40
NARROW = ("--set", "model.width=8")
RUNS = {
    "seed-cnn, dropout 0.25, augmented": (
        ["dropout-25", *NARROW, "--set", "augmentation.rotation=10", "--set", "augmentation.shift_x=0.1",
         "--set", "augmentation.shift_y=0.1", "--epochs", "8"],
        "learning-rate-half,learning-rate-quarter,batch-size-quadruple,dropout-off,augmentation-off",
    ),
    "small-cnn, BatchNorm, weight decay": (
        ["batchnorm-0.1", *NARROW, "--set", "weight_decay=0.001", "--epochs", "6"],
        ("learning-rate-half,batch-size-quadruple,batchnorm-momentum-up,batchnorm-momentum-down,"
        "weight-decay-off,adam-epsilon"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pair:
    """One arm of one run: predicted, and come out."""

    run: str
    predicted: ArmLook
    found: ArmLeft | None

    @property
    def inside(self) -> bool:
        """Whether what came out lies inside the probe's interval."""
        one = self.predicted
        if self.found is None or one.low is None or one.high is None:
            return False
        return one.low <= self.found.value <= one.high

    @property
    def sign(self) -> bool | None:
        """Whether the probe is on the right side of 100 %; None where nobody knows that side."""
        interval = self.found.interval if self.found is not None else None
        if interval is None or interval.low <= 1 <= interval.high or self.predicted.left is None:
            return None
        return (self.predicted.left < 1) == (interval.high < 1)


def main() -> list[str]:
    """Train, probe and continue; return the lines for RESULTS.md. `$ARMS_HOME` keeps the sessions."""
    with tempfile.TemporaryDirectory(prefix="valtui-arms-") as folder:
        home = Path(os.environ.get("ARMS_HOME", folder))
        pairs = [
            pair
            for name, (words, arms) in RUNS.items()
            for pair in continued(name, probed(words, arms, home))
        ]
    return report(pairs)


def probed(words: list[str], arms: str, home: Path) -> SessionPaths:
    """Train a run and probe it through the command line; return its session."""
    valtui = [str(Path(sys.executable).with_name("valtui"))]
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([*valtui, "run", *words, "--plain", "--home", str(home)], **quiet)  # type: ignore[call-overload]
    told = subprocess.run(
        [*valtui, "probe", "--arms", arms, "--minutes", "120", "--json", "--home", str(home)],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert json.loads(told.stdout)["state"] == "DONE"
    return SessionPaths(max((home / "sessions").iterdir()))


def continued(name: str, session: SessionPaths) -> list[Pair]:
    """Continue the base and each arm of the newest probe; return what was predicted and came out."""
    probe, spec = probes_of(session)[-1]
    result = read_document(probe.result, ProbeResult)
    run_spec = read_document(session.run(spec.run).spec, RunSpec)
    assert result is not None
    assert run_spec is not None
    device = open_device(run_spec.device, run_spec.threads)
    material = prepare(run_spec, session.folder.parents[1], device)
    state = read_start(session.run(spec.run).checkpoints / spec.fork.file, spec.fork)
    paths = session.probe(f"{spec.id}-continued")
    for arm in (BASE, *spec.arms):
        preset = run_spec.preset if arm == BASE else change(run_spec.preset, arm)
        long = Arm.of(arm, preset, spec.fork, len(material.train_set), EVALUATIONS)
        make_folder(paths.arm(arm).parent)
        log = Records(paths.arm(arm))
        replicas = build_replicas(long, run_spec, material, state, SEEDS)
        train_part(long, replicas, SEEDS, material, log, lambda _: None, "auto")
        log.close()
    base = arm_losses(paths, BASE)
    return [Pair(name, one, arm_left(arm_losses(paths, one.arm), base)) for one in result.looks[-1]]


def report(pairs: list[Pair]) -> list[str]:
    """Return the table and what it comes to."""
    lines = [
        "| run | arm | predicted, volatility left | came out | inside | sign |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for pair in pairs:
        one, found = pair.predicted, pair.found
        interval = found.interval if found is not None else None
        sign = {True: "right", False: "wrong", None: "none"}[pair.sign]
        lines.append(
            f"| {pair.run} | {one.arm} | {percent(one.left, one.low, one.high)} | "
            f"{percent(found.value if found else None, interval.low if interval else None, interval.high if interval else None)} | "
            f"{'yes' if pair.inside else 'no'} | {sign} |"
        )
    known = [pair.sign for pair in pairs if pair.sign is not None]
    inside = np.mean([pair.inside for pair in pairs])
    return [
        *lines,
        "",
        f"- sign right: {sum(known)} of {len(known)} ({100 * np.mean(known):.0f} %)",
        (f"- inside the probe's 95 % interval: {sum(pair.inside for pair in pairs)} of {len(pairs)} "
        f"({100 * inside:.0f} %)"),
    ]  # fmt: skip


def percent(value: float | None, low: float | None, high: float | None) -> str:
    """Return a fraction in percent with its interval."""
    if value is None:
        return "–"
    return f"{100 * value:.0f} % [{100 * (low or 0):.0f}, {100 * (high or 0):.0f}]"


if __name__ == "__main__":
    print("\n".join(main()))
