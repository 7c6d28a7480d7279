"""The early stopping of a run: from its preset, into its checkpoints and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from valtui_trainer.measure.stopping import Patience
from valtui_trainer.session.records import RunSpec


def patience_of(spec: RunSpec) -> Patience | None:
    """Return what ends a run early; None where nothing does, as in runs of a proof, which are compared."""
    wanted = spec.preset.early_stopping
    if wanted.patience is None or spec.proof:
        return None
    return Patience(wanted.patience, wanted.z)


def state_of(patience: Patience | None) -> dict[str, Any] | None:
    """Return what the rest of the run depends on."""
    if patience is None or patience.best is None:
        return None
    return {
        "best": torch.from_numpy(patience.best.copy()),
        "best_step": patience.best_step,
        "worse": patience.worse,
    }


def restore(patience: Patience | None, state: dict[str, Any] | None) -> None:
    """Continue where `state` was taken."""
    if patience is None or state is None:
        return
    patience.best = np.asarray(state["best"].numpy(), dtype=np.float32)
    patience.best_step, patience.worse = state["best_step"], state["worse"]
