"""Refuse to look at a run with other data than it was trained on."""

from __future__ import annotations

from valtui_trainer.session.checkpoints import newest_start
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import RunPaths
from valtui_trainer.training.assemble import Material


def refuse_other_data(run: RunPaths, material: Material, what: str) -> None:
    """Refuse data that are not those of the newest attempt of `run`.

    Args:
        run: which was trained on its data.
        material: what was read now.
        what: is to be done with them, for the sentence: "the checks".

    Raises:
        SessionError: they differ, or nobody knows.
    """
    start = newest_start(run)
    # What a function builds has no digest of all data; its validation set is known by its samples.
    if not start.data_digest and start.validation_digest != material.validation_digest:
        raise SessionError(
            f"The validation set that {material.source} gives is not that of {run.id}; {what} would be "
            "of other images."
        )
    if (start.data_digest, start.split_digest) != (material.data_digest, material.split_digest):
        raise SessionError(
            f"The data in {material.source} have changed since {run.id} was trained on them (digest "
            f"{material.data_digest}, then {start.data_digest}); {what} would be of other images."
        )
