"""Decides a proof at its looks: done by whichever of arm and control reaches a look last."""

from __future__ import annotations

import numpy as np

from valtui_trainer.measure.proof import LOOKS, ProofState, prove
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths, utc_now
from valtui_trainer.session.proofs import sides
from valtui_trainer.session.records import ProofResult, ProofSpec
from valtui_trainer.training.control import say


def decide(session: SessionPaths, identity: str) -> None:
    """Write what came out of a proof, if a look decides it now and nothing was written before.

    What cannot be read or written is said in the trainer's log, and tried again at the next look; the
    training goes on.
    """
    paths = session.proof(identity)
    try:
        proof = read_document(paths.spec, ProofSpec)
        if proof is None or paths.result.exists():
            return
        arm, control = sides(session, proof)
        if min(arm.shape[1], control.shape[1]) < LOOKS[0]:
            return
        with np.errstate(all="ignore"):
            found = prove(arm, control, proof.predicted_high)
        if found.outcome != "open":
            write_document(paths.result, result_of(found))
    except (OSError, SessionError) as error:
        say(f"The proof {identity} could not be looked at ({error}).")


def result_of(found: ProofState) -> ProofResult:
    """Return the look that decided, or the last one where none did."""
    looks = [one for one in found.looks if found.decided_at in (None, one.evaluations)]
    left = looks[-1].left
    interval = left.interval if left is not None else None
    assert found.outcome != "open"
    return ProofResult(
        outcome=found.outcome,
        decided=utc_now(),
        left=left.value if left is not None else None,
        low=interval.low if interval is not None else None,
        high=interval.high if interval is not None else None,
        evaluations=looks[-1].evaluations,
    )
