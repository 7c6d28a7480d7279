"""The proofs of a session: what was predicted, and what came out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import NOTHING, read_evaluations
from valtui_trainer.session.layout import ProofPaths, RunPaths, SessionPaths
from valtui_trainer.session.records import ProofResult, ProofSpec, RunSpec

if TYPE_CHECKING:
    import numpy as np

    Losses = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def proofs_of(session: SessionPaths, run: str | None = None) -> list[tuple[ProofPaths, ProofSpec]]:
    """Return the readable proofs of a session, or about one run, oldest first."""
    try:
        names = sorted(os.listdir(session.proofs))
    except OSError:
        return []
    found = []
    for name in names:
        try:
            spec = read_document(session.proof(name).spec, ProofSpec)
        except SessionError:
            continue
        if spec is not None and run in (None, spec.run):
            found.append((session.proof(name), spec))
    return found


def proof_result(proof: ProofPaths) -> ProofResult | None:
    """Return what came out, or None while it is open, or where it cannot be read."""
    try:
        return read_document(proof.result, ProofResult)
    except SessionError:
        return None


def losses_since(run: RunPaths, step: int) -> Losses:
    """Return the validation losses of `run` after `step`, shape (seeds, T): what all seeds have logged."""
    import numpy as np

    by_seed: dict[int, dict[int, float]] = {}
    for record in read_evaluations(run):
        if record.step > step:
            loss = record.val_loss
            by_seed.setdefault(record.seed, {})[record.step] = np.nan if loss is None else loss
    if not by_seed:
        return np.empty((0, 0))
    common = sorted(set.intersection(*(set(losses) for losses in by_seed.values())))
    return np.array([[losses[one] for one in common] for losses in by_seed.values()])


def sides(session: SessionPaths, proof: ProofSpec) -> tuple[Losses, Losses]:
    """Return the losses of arm and control since the fork, (seeds, T) each; empty before they begin.

    Raises:
        SessionError: a log cannot be read.
    """
    own = proof.control_run == proof.run
    arm = losses_beside(session, proof, proof.arm_run)
    if not own:
        return arm, losses_beside(session, proof, proof.control_run)
    return arm, losses_since(session.run(proof.run), proof.fork.step)


def losses_beside(session: SessionPaths, proof: ProofSpec, run: str) -> Losses:
    """Return the losses of a run beside; empty before it is there, or if it is of another proof."""
    import numpy as np

    spec = read_document(session.run(run).spec, RunSpec)
    if spec is None or spec.proof != proof.id:
        return np.empty((0, 0))
    return losses_since(session.run(run), NOTHING)
