"""Planted causes: what the verdict says of runs whose cause is known, seed by seed.

Each preset `planted-*` is trained with several seeds, and each seed is judged alone. The one free
threshold (`verdict.EXPLAINS`) is set on the even seeds and scored on the odd ones.
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
from valtui.feed import RunFeed
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
    found = causes(feed)
    evidence = evidence_of(looked_at(feed, found), found.relative, found.checks, found.rows)
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
        return sum(
            case.answer(threshold) == EXPECTED[case.preset]
            for case in cases
            if case.preset in EXPECTED
        )

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
        lines.append(f"| {name} | {EXPECTED.get(name, '(described)')} | {counts} |")
    return lines


def summary(cases: list[Case], threshold: float) -> list[str]:
    """Return how many were right, and what is scored apart."""
    known = [case for case in cases if case.preset in EXPECTED]
    right = sum(case.answer(threshold) == EXPECTED[case.preset] for case in known)
    calm = [case for case in cases if case.preset == "planted-calm"]
    alarms = sum(case.answer(threshold) != "calm" for case in calm)
    over = [case for case in cases if case.preset == "planted-overconfidence"]
    found = sum(case.causes.overfitting is not None for case in over)
    others = [case for case in cases if case.preset != "planted-overconfidence"]
    false = sum(case.causes.overfitting is not None for case in others)
    lines = [
        f"- top cause right: {right} of {len(known)} ({100 * right / max(1, len(known)):.0f} %)",
        (
            f"- a wrong cause named: "
            f"{sum(is_wrong_guess(case, threshold) for case in known)} of {len(known)}"
        ),
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
    answer = case.answer(threshold)
    return answer != EXPECTED[case.preset] and answer not in ("not-enough", "open", "calm")


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
