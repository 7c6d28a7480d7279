"""What `valtui causes` says of arms, probes and proofs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valtui import texts
from valtui.cli import output

if TYPE_CHECKING:
    from valtui.causes import Causes
    from valtui.causes.trials import ArmFound

NAME = 36


def write_arms(found: Causes, session: str) -> None:
    """Write what each arm leaves, which could be probed, and which are not offered."""
    from valtui.causes.arm_texts import ARM_NAMES
    from valtui.causes.rows import ranks

    arms = found.trials.arms
    places = ranks(found)
    known = sorted(
        (arm for arm in arms if arm.look is not None), key=lambda arm: places.get(arm.id, len(arms))
    )
    output.line("  volatility left if training changed (arms, 95 %)")
    for arm in known:
        place = str(places.get(arm.id, " "))
        output.line(f"    {place} {ARM_NAMES[arm.id]:<{NAME}} {arm_words(arm)}")
    unprobed = [arm.id for arm in arms if arm.look is None and not arm.why_not]
    if unprobed:
        output.line(
            f"      not probed: {', '.join(unprobed)}; `valtui probe {session} {found.run}`"
        )
    for arm in arms:
        if arm.look is None and arm.why_not:
            output.line(f"    – {ARM_NAMES[arm.id]:<{NAME}} not offered: {arm.why_not}")


def arm_words(arm: ArmFound) -> str:
    """Return what an arm leaves, and what that rests on."""
    from valtui.causes.arm_texts import figure, from_epoch

    assert arm.look is not None
    assert arm.probe is not None
    evaluations = texts.counted(arm.look.evaluations, "evaluation")
    extra = [
        f"{texts.counted(arm.look.replicas, 'replica')} × {evaluations}",
        from_epoch(arm.probe),
    ]
    if arm.look.mean_change is not None:
        extra.append(f"mean loss {texts.signed_percent(arm.look.mean_change)}")
    if arm.note:
        extra.append(arm.note)
    return f"{figure(arm)}  ({', '.join(extra)})"


def write_probe(found: Causes) -> None:
    """Write how the newest probe stands, and the gradient noise scale."""
    from valtui.causes.arm_texts import STATES, noise_words, probe_words

    probe = found.trials.probe
    if probe is not None:
        status = probe.status
        far = f" {100 * status.progress:.0f} %, {status.phase};" if status.live else ""
        output.line(f"  probe {STATES[status.state]}:{far} {probe_words(probe)}")
        for note in probe.notes:
            output.line(f"    {note}")
    if found.trials.noise is not None:
        output.line(f"  gradient noise scale: {noise_words(found.trials.noise, found.batch_size)}")


def write_proofs(found: Causes) -> None:
    """Write what was predicted and what came out of each proof."""
    from valtui.causes.arm_texts import (
        came_out_words,
        name_of,
        predicted_words,
        progress_words,
        proof_words,
    )

    for proof in found.trials.proofs:
        output.line(f"  proof {name_of(proof.spec.arm)}: {proof_words(proof)}")
        output.line(f"    predicted {predicted_words(proof)}, came out {came_out_words(proof)}")
        output.line(f"    {progress_words(proof)}")
