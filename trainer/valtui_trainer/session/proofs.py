"""The proofs of a session: what was predicted, and what came out."""

from __future__ import annotations

import os

from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import ProofPaths, SessionPaths
from valtui_trainer.session.records import ProofResult, ProofSpec


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
