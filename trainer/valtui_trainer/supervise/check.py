"""Ask a child process with torch to make all checks of a run at its newest checkpoint, the slow one too."""

from __future__ import annotations

from msgspec import Struct

from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import SessionPaths, check_own
from valtui_trainer.session.records import Check
from valtui_trainer.supervise.child import ask


class Question(Struct, frozen=True):
    """Which run: its folder, and the home it lies in."""

    home: str
    run: str


class Answer(Struct, frozen=True):
    """What the child found.

    Attributes:
        checks: in the order of `records.CHECKS`; empty where they could not be made.
        problem: a sentence on why they could not be made, or kept.
        step: of the checkpoint they were made at.
    """

    checks: list[Check] = []
    problem: str | None = None
    step: int | None = None


def check(session: SessionPaths, run_id: str) -> Answer:
    """Return all checks of a run, which may live or have ended, and have them kept in its folder.

    The run is only read. Takes about as long as an epoch: the zero-learning-rate check sees the
    whole training set.
    """
    try:
        check_own(session.folder)
    except (SessionError, OSError) as error:
        return Answer(problem=str(error))
    home = session.folder.parents[1]
    found = ask("check", Question(str(home), str(session.run(run_id).folder)), Answer)
    return Answer(problem=f"The checks failed: {found}") if isinstance(found, str) else found
