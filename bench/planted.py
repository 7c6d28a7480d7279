"""Planted causes: what the verdict says of runs whose cause is known, seed by seed.

Each preset `planted-*` is trained with several seeds, and each seed is judged alone. The one free
threshold (`verdict.EXPLAINS`) is set on the even seeds and scored on the odd ones. Causes that only
training can tell are probed first, with the arms that the verdict suggests, as a person would.

Learning rate and batch size are one lever seen from two ends: away from instability the noise of SGD
depends on their ratio alone (SCIENCE.md 5), so each counts as right for the other, and how often the
planted one was named is told apart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from valtui.causes import Causes, causes
from valtui.causes.find import evidence_of
from valtui.causes.read_trials import trials_of
from valtui.feed import RunFeed, SessionFeed
from valtui.series import ValMatrix
from valtui_trainer.measure.verdict import EXPLAINS, Evidence, judge
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.faults import wrong_rows

SEEDS = 8
THRESHOLDS = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
EXPECTED = {
    "planted-small-validation": "finite-set",
    "planted-batchnorm-momentum": "batchnorm-statistics",
    "planted-last-batch": "batchnorm-statistics",
    "planted-augmented-validation": "random-validation",
    "planted-resampled-validation": "random-validation",
    "planted-overconfidence": "overconfidence",
    "planted-sorted": "order",
    "planted-overlap": "overlap",
    "planted-calm": "calm",
}
DESCRIBED = "planted-wrong-labels"
PROBED = {
    "planted-learning-rate": "learning-rate",
    "planted-batch-size": "batch-size",
}
MIXED = {
    "planted-mixed-validation": ("finite-set", "learning-rate"),
    "planted-mixed-batchnorm": ("batchnorm-statistics", "batch-size"),
}
"""Presets with two causes, of which either may lead and both must be named."""

ONE_LEVER = frozenset({"learning-rate", "batch-size"})


@dataclass(frozen=True, slots=True)
class Case:
    """One seed of a planted run: what was found, and what the rules look at."""

    preset: str
    seed: int
    causes: Causes
    evidence: Evidence
    wrong_among_hardest: float

    def answer(self, explains: float) -> str:
        """Return the top cause, or what is said instead of one."""
        verdict = judge(self.evidence, explains)
        return verdict.causes[0] if verdict.causes else verdict.kind

    def right(self, explains: float) -> bool:
        """Tell whether the top cause is the planted one, or its other end; of two, whether both are named."""
        if self.preset in MIXED:
            named = judge(self.evidence, explains).causes
            return all(any(alike(one, cause) for one in named) for cause in MIXED[self.preset])
        return alike(self.answer(explains), EXPECTED.get(self.preset) or PROBED[self.preset])


def main(seeds: int = SEEDS) -> list[str]:
    """Train and judge; return the lines for RESULTS.md.

    `$PLANTED_HOME` names a home whose sessions were trained already, by `valtui run planted-… --seeds N`.
    """
    trained = os.environ.get("PLANTED_HOME")
    with tempfile.TemporaryDirectory(prefix="valtui-planted-") as folder:
        home = Path(trained or folder)
        if trained is None:
            for name in (*EXPECTED, DESCRIBED):
                train(name, seeds, home)
            for name in (*PROBED, *MIXED):
                for seed in range(max(2, seeds // 2)):
                    train_and_probe(name, seed, home)
        cases = [
            case for path in sorted((home / "sessions").iterdir()) for case in judged_all(path)
        ]
    return report(cases)


def report(cases: list[Case]) -> list[str]:
    """Return the lines on `cases`: the even seeds set the threshold, the odd ones are scored."""
    threshold = best_threshold([case for case in cases if case.seed % 2 == 0])
    scored = [case for case in cases if case.seed % 2 == 1]
    return [
        *matrix(scored, threshold),
        "",
        *summary(scored, threshold),
        "",
        *figures(cases),
    ]


def train(name: str, seeds: int, home: Path) -> None:
    """Train `name` with so many seeds through the command line."""
    valtui = Path(sys.executable).with_name("valtui")
    subprocess.run(
        [valtui, "run", name, "--seeds", str(seeds), "--plain", "--home", home],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def train_and_probe(name: str, seed: int, home: Path) -> None:
    """Train one seed of `name` and probe it with the arms that its verdict suggests."""
    valtui = Path(sys.executable).with_name("valtui")
    for words in (
        ["run", name, "--set", f"seeds=[{seed}]", "--plain"],
        ["probe", "--minutes", "30"],
    ):
        subprocess.run([valtui, *words, "--home", home], check=True, stdout=subprocess.DEVNULL)


def alike(one: str, other: str) -> bool:
    """Tell whether two causes are the same, or the two ends of one lever."""
    return one == other or {one, other} == ONE_LEVER


def judged_all(folder: Path) -> list[Case]:
    """Judge each seed of the only run of a session."""
    session = SessionPaths(folder)
    (run,) = session.run_ids()
    spec = read_document(session.run(run).spec, RunSpec)
    assert spec is not None
    return [judged(session, spec.preset_name, seed) for seed in spec.seeds]


def judged(session: SessionPaths, name: str, seed: int) -> Case:
    """Judge one seed of the only run of `session` as if it had been trained alone."""
    paths = session.run(session.run_ids()[0])
    spec = read_document(paths.spec, RunSpec)
    assert spec is not None
    feed = RunFeed(paths, msgspec.structs.replace(spec, seeds=[seed]))
    while feed.poll_evaluations() or feed.evaluations_behind:
        continue
    tried = trials_of(SessionFeed(session), feed)
    found = causes(feed, trials=tried)
    evidence = evidence_of(looked_at(feed, found), found.relative, found.checks, found.rows, tried)
    wrong = np.nan
    if found.hardest is not None and spec.preset.fault.wrong_labels:
        known = feed.start
        assert known is not None
        rows = set(wrong_rows(known.val_size, spec.preset.fault, spec.preset.split_seed).tolist())
        wrong = float(np.mean([one.row in rows for one in found.hardest.samples]))
    return Case(name, seed, found, evidence, wrong)


def looked_at(feed: RunFeed, found: Causes) -> ValMatrix:
    """Return the evaluations that `found` is of."""
    matrix = feed.val_matrix()
    return matrix.take(matrix.epoch >= found.first_epoch)


def best_threshold(cases: list[Case]) -> float:
    """Return the threshold that judges most cases rightly; of equals, that nearest the one in use."""

    def right(threshold: float) -> int:
        return sum(case.right(threshold) for case in cases if case.preset != DESCRIBED)

    return max(THRESHOLDS, key=lambda one: (right(one), -abs(one - EXPLAINS)))


def matrix(cases: list[Case], threshold: float) -> list[str]:
    """Return the confusion matrix: a row a planted cause, a column an answer."""
    answers = sorted({case.answer(threshold) for case in cases})
    lines = [
        f"Threshold {threshold:g} (set on the even seeds; in use: {EXPLAINS:g}); odd seeds:",
        "",
        "| planted | expected | " + " | ".join(answers) + " |",
        "| --- | --- | " + " | ".join("---" for _ in answers) + " |",
    ]
    for name in dict.fromkeys(case.preset for case in cases):
        mine = [case.answer(threshold) for case in cases if case.preset == name]
        counts = " | ".join(str(mine.count(answer) or "") for answer in answers)
        lines.append(f"| {name} | {expected_words(name)} | {counts} |")
    return lines


def summary(cases: list[Case], threshold: float) -> list[str]:
    """Return how many were right, and what is scored apart."""
    known = [case for case in cases if case.preset != DESCRIBED]
    right = sum(case.right(threshold) for case in known)
    strictly = right - sum(
        case.right(threshold) and case.answer(threshold) != PROBED[case.preset]
        for case in known
        if case.preset in PROBED
    )
    levers = [case for case in known if case.preset in PROBED]
    exactly = sum(case.answer(threshold) == PROBED[case.preset] for case in levers)
    calm = [case for case in cases if case.preset == "planted-calm"]
    alarms = sum(case.answer(threshold) != "calm" for case in calm)
    over = [case for case in cases if case.preset == "planted-overconfidence"]
    found = sum(case.causes.overfitting is not None for case in over)
    others = [case for case in cases if case.preset != "planted-overconfidence"]
    false = sum(case.causes.overfitting is not None for case in others)
    lines = [
        f"- top cause right: {right} of {len(known)} ({100 * right / max(1, len(known)):.0f} %)",
        (
            f"- counting the lever's other end as wrong: {strictly} of {len(known)} "
            f"({100 * strictly / max(1, len(known)):.0f} %)"
        ),
        (
            f"- a wrong cause named: "
            f"{sum(is_wrong_guess(case, threshold) for case in known)} of {len(known)}"
        ),
        f"- of learning rate and batch size the planted one leads: {exactly} of {len(levers)}",
        f"- alarms on the calm control: {alarms} of {len(calm)}",
        f"- overfitting found where planted: {found} of {len(over)}; elsewhere: {false} of {len(others)}",
    ]
    described = [case for case in cases if case.preset == DESCRIBED and case.causes.hardest]
    if described:
        share = np.median([case.causes.hardest.share for case in described])  # type: ignore[union-attr]
        none = np.median([case.causes.hardest.permuted for case in described])  # type: ignore[union-attr]
        wrong = np.median([case.wrong_among_hardest for case in described])
        lines.append(
            f"- wrong labels: the hardest 1 % carry {100 * share:.0f} % of the squared volatility "
            f"({100 * none:.0f} % where none is hard); {100 * wrong:.0f} % of them are wrong labels "
            "(10 % of all are)"
        )
    return lines


def is_wrong_guess(case: Case, threshold: float) -> bool:
    """Tell whether a wrong cause was named, rather than none."""
    none = ("not-enough", "open", "calm")
    return not case.right(threshold) and case.answer(threshold) not in none


def expected_words(name: str) -> str:
    """Return what is expected of a preset, in words."""
    if name in MIXED:
        return " and ".join(MIXED[name])
    return EXPECTED.get(name) or PROBED.get(name) or "(described)"


def figures(cases: list[Case]) -> list[str]:
    """Return the medians over seeds of what each preset showed."""
    lenses = ("larger-validation", "exact-batchnorm", "calibrated-outputs")
    lines = [
        "| planted | volatility | " + " | ".join(f"left: {lens}" for lens in lenses) + " |",
        "| --- | --- | " + " | ".join("---" for _ in lenses) + " |",
    ]
    for name in dict.fromkeys(case.preset for case in cases):
        mine = [case.causes for case in cases if case.preset == name]
        cells = [f"{100 * np.median([one.relative.value for one in mine]):.1f} %"]
        for lens in lenses:
            left = [row.left for one in mine if (row := one.row(lens)) and row.left]
            cells.append(f"{100 * np.median([one.value for one in left]):.0f} %" if left else "–")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    print("\n".join(main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)))
