"""What the first evaluation tells of model, data, device and lenses, put down once."""

from __future__ import annotations

import msgspec
import numpy as np
import torch
from torch import nn

from valtui_trainer.recorder.evaluating import Eyes, Seen
from valtui_trainer.session.guest import GuestLog
from valtui_trainer.session.recorded import digest_of
from valtui_trainer.session.validation import write_validation


def describe(log: GuestLog, model: nn.Module, seen: Seen, eyes: Eyes, step: int) -> None:
    """Write it into the log of the run: its start, the validation set, checks, and lenses that are off."""
    device = next((weight.device for weight in model.parameters()), None)
    arrays = seen.described or {}
    counts = np.bincount(seen.labels)
    digest = digest_of(seen.labels, len(seen.labels), arrays.get("sample_digest"))
    log.describe(
        device=str(device or ""), device_name=name_of(device),
        parameters=sum(weight.numel() for weight in model.parameters()),
        val_size=len(seen.labels), classes=len(counts), validation_digest=digest,
        balanced=bool(counts.min() * 2 > counts.max()), lenses=eyes.plans,
    )  # fmt: skip
    if arrays:
        write_validation(log.guest.session, digest, arrays)
    for check in eyes.checks:
        log.event("check", check.message, step, **msgspec.to_builtins(check))
    for plan in eyes.plans:
        if not plan.on and plan.reason:
            log.event("lens", f"{plan.name} is off: {plan.reason}.", step)
    for note in eyes.notes:
        log.event("lens", note, step)


def name_of(device: torch.device | None) -> str:
    """Return the device's name as its maker has it."""
    return (
        torch.cuda.get_device_name(device) if device is not None and device.type == "cuda" else ""
    )
