"""Decides a proof at its looks: done by whichever of arm and control reaches a look last."""

from __future__ import annotations

import numpy as np

from valtui_trainer.measure.proof import LOOKS, ProofState, prove
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths, utc_now
from valtui_trainer.session.proofs import sides
from valtui_trainer.session.records import ProofResult, ProofSpec
from valtui_trainer.session.state import run_status
from valtui_trainer.training.control import say


def decide(session: SessionPaths, identity: str, evaluated: int) -> None:
    """Write what came out of a proof, if a look decides it now and nothing was written before.

    What cannot be read or written is said in the trainer's log, and tried again at the next look and at
    the end; the training goes on.

    Args:
        session: that the proof is of.
        identity: of the proof.
        evaluated: evaluations that this run has logged since the fork.
    """
    if evaluated in LOOKS or evaluated > LOOKS[-1]:
        look(session, identity, ended="")


def conclude(session: SessionPaths, identity: str, run: str) -> None:
    """Write what came out at the end of `run`: undecided, if the other side has ended before as well."""
    look(session, identity, ended=run)


def look(session: SessionPaths, identity: str, ended: str) -> None:
    """Write what came out, if a look decides it, or if `ended` was the last run that was to go on."""
    paths = session.proof(identity)
    try:
        proof = read_document(paths.spec, ProofSpec)
        if proof is None or paths.result.exists():
            return
        arm, control = sides(session, proof)
        if not min(arm.size, control.size):
            return
        with np.errstate(all="ignore"):
            found = prove(arm, control, proof.predicted_high)
        if found.outcome != "open" or (ended and other_ended(session, proof, ended)):
            write_document(paths.result, result_of(found))
    except (OSError, SessionError) as error:
        say(f"The proof {identity} could not be looked at ({error}).")


def other_ended(session: SessionPaths, proof: ProofSpec, run: str) -> bool:
    """Tell whether the other of arm and control than `run` has ended."""
    other = proof.control_run if run == proof.arm_run else proof.arm_run
    return run_status(session.run(other), supervised=True).ended


def result_of(found: ProofState) -> ProofResult:
    """Return the look that decided, or all there is where none did."""
    looks = [one for one in found.looks if one.evaluations == found.decided_at]
    seen = looks[0] if looks else found.latest
    assert seen is not None
    left = seen.left
    interval = left.interval if left is not None else None
    return ProofResult(
        outcome="undecided" if found.outcome == "open" else found.outcome,
        decided=utc_now(),
        left=left.value if left is not None else None,
        low=interval.low if interval is not None else None,
        high=interval.high if interval is not None else None,
        evaluations=seen.evaluations,
        mean_change=left.mean_change if left is not None else None,
    )
