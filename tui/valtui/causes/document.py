"""The document that `valtui causes --json` prints: a contract, from which its JSON schema is made.

`schemas/causes.json` is that schema (JSON Schema 2020-12); NaN and infinity are null.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from valtui.causes.rows import ranks
from valtui.causes.trials_document import (
    ArmEntry,
    NoiseScaleEntry,
    ProbeEntry,
    ProofEntry,
    arm_entry,
    noise_entry,
    probe_entry,
    proof_entry,
)
from valtui.causes.types import Causes, Group, Hardest, Row
from valtui_trainer.measure.interval import Interval
from valtui_trainer.measure.volatility import Volatility
from valtui_trainer.session.records import Check

SCHEMA = 1
Bounds = tuple[float, float]


class VolatilityEntry(Struct, kw_only=True):
    """A volatility with its interval (90 %, chi-squared), spikes and robust twin."""

    value: float | None
    interval_90: Bounds | None
    degrees_of_freedom: float
    spikes: int
    robust_value: float | None
    interval_too_narrow: bool
    constant: bool


class LeftEntry(Struct, kw_only=True):
    """Volatility left as a fraction; `squared_ratio` keeps the sign of an estimate below zero."""

    value: float
    interval_90: Bounds | None
    squared_ratio: float
    degrees_of_freedom: float


class RowEntry(Struct, kw_only=True):
    """One counterfactual; `left` is null where the lens cannot answer, and `why` says why."""

    id: str
    kind: str
    rank: int | None
    left: LeftEntry | None
    why: str
    mean_loss_change: float | None
    cost_of_training_time: float | None
    remedy: str


class SampleEntry(Struct, kw_only=True):
    """One of the hardest samples; `index` is its row in the data set's source.

    `share_in_sample` is at the evaluations it was chosen on, and too high for that.
    """

    index: int
    label: str
    share_in_sample: float | None
    mean_loss: float | None


class HardestEntry(Struct, kw_only=True):
    """The hardest samples: their cross-fitted share of the squared volatility, and with none hard."""

    count: int
    fraction: float
    share: float | None
    interval_90: Bounds | None
    share_permuted: float | None
    samples: list[SampleEntry]


class GroupEntry(Struct, kw_only=True):
    """A class, or a quarter by brightness, contrast or sharpness."""

    kind: str
    name: str
    size: int
    share: float | None
    interval_90: Bounds | None


class OverfittingEntry(Struct, kw_only=True):
    """Where the validation loss turned up; `p` is the chance of so clear a turn without overfitting."""

    step: int
    epoch: float
    rise: float
    p: float


class BestEntry(Struct, kw_only=True):
    """The best evaluation, what choosing it flatters it by, and the steps it cannot be told from."""

    step: int
    epoch: float
    val_loss: float
    optimism: float | None
    look_alike_steps: list[int]


class VerdictEntry(Struct, kw_only=True):
    """`kind`: unsound, not-enough, calm, cause, or open (training itself); `causes`, strongest first.

    `arm`: the arm of a probe that found the first cause, if one did.
    """

    kind: str
    causes: list[str]
    arm: str | None
    sentence: str


class RunEntry(Struct, kw_only=True):
    """One run."""

    run: str
    preset: str
    seeds: list[int]
    validation_samples: int
    span: str
    first_fall_evaluations_left_out: int
    epochs: Bounds | None
    evaluations: int
    verdict: VerdictEntry
    checks: list[Check]
    volatility: VolatilityEntry
    volatility_relative: VolatilityEntry
    rows: list[RowEntry]
    hardest_samples: HardestEntry | None
    hardest_samples_why: str
    groups: list[GroupEntry]
    groups_why: str
    overfitting: OverfittingEntry | None
    overfitting_why: str
    best: BestEntry | None
    smallest_jump: float | None
    notes: list[str]
    arms: list[ArmEntry]
    gradient_noise_scale: NoiseScaleEntry | None
    probes: list[ProbeEntry]
    proofs: list[ProofEntry]


class CausesDocument(Struct, kw_only=True):
    """Why the validation losses of a session jump."""

    schema: int
    session: str
    runs: list[RunEntry]


def schema() -> dict[str, Any]:
    """Return the JSON schema of the document."""
    found = msgspec.json.schema(CausesDocument)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "valtui causes --json",
        **found,
    }


def describe(session: str, found: list[Causes]) -> CausesDocument:
    """Return the document of the runs `found`."""
    return CausesDocument(schema=SCHEMA, session=session, runs=[entry(one) for one in found])


def entry(causes: Causes) -> RunEntry:
    """Return one run as the document has it."""
    places = ranks(causes)
    trials = causes.trials
    over, best = causes.overfitting, causes.best
    return RunEntry(
        run=causes.run,
        preset=causes.preset,
        seeds=list(causes.seeds),
        validation_samples=causes.samples,
        span=causes.span,
        first_fall_evaluations_left_out=causes.left_out,
        epochs=(causes.first_epoch, causes.last_epoch) if causes.evaluations else None,
        evaluations=causes.evaluations,
        verdict=VerdictEntry(
            kind=causes.verdict.kind,
            causes=list(causes.verdict.causes),
            arm=causes.verdict.arm,
            sentence=causes.sentence,
        ),
        checks=list(causes.checks),
        volatility=volatility_entry(causes.absolute),
        volatility_relative=volatility_entry(causes.relative),
        rows=[row_entry(row, places.get(row.id)) for row in causes.rows],
        hardest_samples=None if causes.hardest is None else hardest_entry(causes.hardest),
        hardest_samples_why=causes.hardest_why,
        groups=[group_entry(group) for group in (*causes.classes, *causes.qualities)],
        groups_why=causes.groups_why,
        overfitting=None
        if over is None
        else OverfittingEntry(step=over.step, epoch=over.epoch, rise=over.rise, p=over.p),
        overfitting_why=causes.overfitting_why,
        best=None
        if best is None
        else BestEntry(
            step=best.step,
            epoch=best.epoch,
            val_loss=best.loss,
            optimism=best.optimism,
            look_alike_steps=list(best.look_alikes),
        ),
        smallest_jump=causes.smallest_jump,
        notes=list(causes.notes),
        arms=[arm_entry(arm, places.get(arm.id)) for arm in trials.arms],
        gradient_noise_scale=noise_entry(trials.noise),
        probes=[probe_entry(probe) for probe in trials.probes],
        proofs=[proof_entry(proof) for proof in trials.proofs],
    )


def volatility_entry(found: Volatility) -> VolatilityEntry:
    """Return a volatility as the document has it."""
    return VolatilityEntry(
        value=found.value,
        interval_90=bounds(found.interval),
        degrees_of_freedom=found.degrees,
        spikes=len(found.spikes),
        robust_value=found.robust,
        interval_too_narrow=found.too_narrow,
        constant=found.constant,
    )


def row_entry(row: Row, rank: int | None) -> RowEntry:
    """Return a counterfactual as the document has it."""
    found = row.left
    return RowEntry(
        id=row.id,
        kind=row.kind,
        rank=rank,
        left=None
        if found is None
        else LeftEntry(
            value=found.value,
            interval_90=bounds(found.interval),
            squared_ratio=found.ratio,
            degrees_of_freedom=found.degrees,
        ),
        why=row.why,
        mean_loss_change=row.mean_change,
        cost_of_training_time=row.cost,
        remedy=row.remedy,
    )


def hardest_entry(found: Hardest) -> HardestEntry:
    """Return the hardest samples as the document has them."""
    return HardestEntry(
        count=found.count,
        fraction=found.fraction,
        share=found.share,
        interval_90=bounds(found.interval),
        share_permuted=found.permuted,
        samples=[
            SampleEntry(
                index=one.index, label=one.label, share_in_sample=one.share, mean_loss=one.mean_loss
            )
            for one in found.samples
        ],
    )


def group_entry(group: Group) -> GroupEntry:
    """Return a group as the document has it."""
    return GroupEntry(
        kind=group.kind,
        name=group.name,
        size=group.size,
        share=group.share,
        interval_90=bounds(group.interval),
    )


def bounds(found: Interval | None) -> Bounds | None:
    """Return an interval as (low, high)."""
    return None if found is None else (found.low, found.high)
