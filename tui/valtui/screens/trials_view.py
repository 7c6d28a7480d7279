"""Turns what was tried on a run into what the widgets of the causes screen draw: arms, probes, proofs."""

from __future__ import annotations

from valtui import texts
from valtui.causes.arm_texts import (
    ARM_NAMES,
    OUTCOMES,
    STATES,
    came_out_words,
    figure,
    from_epoch,
    name_of,
    noise_words,
    predicted_words,
    probe_words,
    progress_words,
    proof_words,
    replicas,
)
from valtui.causes.rows import ranks
from valtui.causes.trials import ArmFound, ProbeFound, ProofFound
from valtui.causes.types import Causes
from valtui.widgets.counterfactuals import Counterfactual
from valtui.widgets.item_list import Item, Kind
from valtui.widgets.proof_list import Measure, ProofLines
from valtui_trainer.session.safe import safe

ARMS = "if training changed (arms, 95 %; p probes, A all, P proves):"
BAR = 20
SIGNS = {"DONE": "✓", "CANCELLED": "■", "OUT OF TIME": "■", "FAILED": "✕", "LOST": "?"}
LONGEST_PHASE = 60
WRONG = ("FAILED", "LOST")


def arm_rows(causes: Causes) -> list[Counterfactual | str]:
    """Return the arms: ranked ones, those to be probed, those that are not offered."""
    places = ranks(causes)
    arms = causes.trials.arms
    if not arms:
        return []
    known = [arm for arm in arms if arm.look is not None]
    known.sort(key=lambda arm: (arm.id not in places, places.get(arm.id, 0), arm.look.left or 0.0))  # type: ignore[union-attr]
    open_arms = [arm for arm in arms if arm.look is None and not arm.why_not]
    refused = [arm for arm in arms if arm.look is None and arm.why_not]
    return [ARMS, *(arm_row(arm, places) for arm in (*known, *open_arms, *refused))]


def arm_row(arm: ArmFound, places: dict[str, int]) -> Counterfactual:
    """Return one arm as a row of the table."""
    name = ARM_NAMES.get(arm.id, safe(arm.id))
    if arm.look is None or arm.look.left is None:
        rank = "–" if arm.why_not else "·"
        return Counterfactual(arm.id, rank, name, "", None, 0, 0, (), why_no_figure(arm))
    value, interval = arm.look.left, arm.interval
    change = arm.look.mean_change
    return Counterfactual(
        key=arm.id,
        rank=str(places.get(arm.id, "…")),
        name=name,
        figure=figure(arm),
        value=value,
        low=interval.low if interval else value,
        high=interval.high if interval else value,
        notes=("" if change is None else f"loss {texts.signed_percent(change)}", replicas(arm)),
        why="",
    )


def why_no_figure(arm: ArmFound) -> str:
    """Return why an arm has no figure, and what to do about it."""
    if arm.why_not:
        return f"not offered: {safe(arm.why_not)}"
    if arm.probe is not None and arm.probe.status.live:
        return "being probed, no replica is whole yet"
    if arm.probe is not None:
        return f"{arm.note or f'probe {STATES[arm.probe.status.state]}'}; p probes it"
    return "p probes it"


def under_way(causes: Causes) -> list[Item]:
    """Return the probe that is under way: its bar, phase, time left; or the newest, where that failed."""
    probe = causes.trials.live
    if probe is None:
        newest = causes.trials.probe
        gone_wrong = newest is not None and newest.status.state in WRONG
        return [ended_item(newest)] if newest is not None and gone_wrong else []
    status = probe.status
    filled = round(BAR * status.progress)
    bar = "━" * filled + "─" * (BAR - filled)
    left = f"  {texts.duration(status.left)} left" if status.left is not None else ""
    phase = f"  {safe(status.phase, LONGEST_PHASE)}" if status.phase else ""
    text = f"{bar} {100 * status.progress:.0f} %{left}  (x cancels){phase}; {look_words(probe)}"
    return [Item("probe", "●", "probe", text, "plain", 1)]


def ended_item(probe: ProbeFound) -> Item:
    """Return how a probe ended."""
    state = probe.status.state
    kind: Kind = "wrong" if state == "FAILED" else "doubtful" if state == "LOST" else "dim"
    return Item("probe", SIGNS[state], f"probe {STATES[state]}", probe_words(probe), kind, 3)


def look_words(probe: ProbeFound) -> str:
    """Return which look was made, and when the next comes."""
    half, whole = probe.spec.replicas // 2, probe.spec.replicas
    if not probe.looks:
        return f"first look at {half} of {whole} replicas"
    return f"{half} of {whole} replicas looked at, the last look comes at the end"


def trial_items(causes: Causes) -> list[Item]:
    """Return what stands below the table: how the newest probe ended, its remarks, the noise scale."""
    trials = causes.trials
    found = []
    probe = trials.probe
    if probe is not None and not probe.status.live and probe.status.state not in WRONG:
        found.append(ended_item(probe))
    if probe is not None:
        found += [Item("", "·", "", note, "dim", 2) for note in remarks(causes, probe)]
    if trials.noise is not None:
        text = noise_words(trials.noise, causes.batch_size)
        found.append(Item("noise-scale", "∿", "gradient noise", text, "plain", 2))
    if len(trials.probes) > 1:
        older = ", ".join(
            f"{from_epoch(one)} ({STATES[one.status.state]})" for one in trials.probes[1:]
        )
        found.append(Item("probe:older", "·", "older probes", older, "dim", 1))
    return found


def ended_words(causes: Causes, probe: ProbeFound) -> tuple[str, bool]:
    """Return what is told when a probe has ended, and whether something went wrong."""
    state = probe.status.state
    arms = [
        arm for arm in causes.trials.arms if arm.probe is not None and arm.probe.spec == probe.spec
    ]
    known = [arm for arm in arms if arm.look is not None and arm.look.left is not None]
    found = "\n".join(f"{ARM_NAMES[arm.id]}: {figure(arm)} left" for arm in known)
    reason = "" if state == "DONE" else f": {safe(probe.status.reason)}"
    head = f"The probe of {safe(causes.run)} is {STATES[state]}{reason}"
    return "\n".join(filter(None, [head, found])), state in WRONG


def remarks(causes: Causes, probe: ProbeFound) -> list[str]:
    """Return what limits the figures: the process's own remarks, then those on single arms."""
    single = [
        f"! {ARM_NAMES.get(arm.id, safe(arm.id))}: {arm.note}."
        for arm in causes.trials.arms
        if arm.note and arm.look is not None
    ]
    return [*probe.notes, *single]


def proof_lines(causes: Causes) -> list[ProofLines]:
    """Return the proofs of the run, newest first."""
    return [proof_line(proof) for proof in causes.trials.proofs]


def proof_line(proof: ProofFound) -> ProofLines:
    """Return one proof: what was predicted, and what came out so far."""
    spec, found = proof.spec, proof.left
    predicted = Measure(
        "predicted",
        predicted_words(proof),
        spec.predicted,
        spec.predicted if spec.predicted_low is None else spec.predicted_low,  # type: ignore[arg-type]
        spec.predicted if spec.predicted_high is None else spec.predicted_high,  # type: ignore[arg-type]
    )
    value, interval = found if found is not None else (None, None)
    came_out = Measure(
        "came out",
        came_out_words(proof),
        value,
        interval.low if interval else value,  # type: ignore[arg-type]
        interval.high if interval else value,  # type: ignore[arg-type]
    )
    return ProofLines(
        key=f"proof:{spec.id}",
        sign=OUTCOMES[proof.outcome][0],
        name=name_of(spec.arm),
        outcome=proof_words(proof),
        kind=proof.outcome,
        measures=(predicted, came_out),
        foot=progress_words(proof),
    )
