"""A session folder in which everything that is text is hostile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from support.sessions import begin_attempt
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.create import create_session
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.records import RunSpec, SessionSpec

IDENTITY = "20260102T030405Z-hostile-abcdef"
ENDS = ("failed", "done", "stopped", "killed", None)


def hostile_session(
    home: Path,
    words: Callable[[], str],
    folders: Sequence[str],
    identity: str = IDENTITY,
    steps: int = 0,
) -> SessionPaths:
    """Make a session of a run for each of `folders`, with a text of `words` wherever one can be."""
    versions = {words(): words()}
    spec = SessionSpec(
        id=words(), created=words(), title=words(), study=words(), question=words(),
        presets=[words()], device=words(), parallel=2, host=words(), versions=versions,
        command=["valtui", words()], settings={words(): words()},
    )  # fmt: skip
    runs = [
        RunSpec(
            id=str(position), preset_name=words(), seeds=[0], device=words(), threads=1,
            position=position, session=words(), data_root=words(),
            preset=Preset(description=words(), data=words(), model=Model(name=words())),
        )
        for position in range(len(folders))
    ]  # fmt: skip
    session = create_session(home, msgspec.structs.replace(spec, id="made"), runs)
    for run, folder in zip(runs, folders, strict=True):
        end = ENDS[run.position % len(ENDS)]
        write_run(session.run(run.id), run, words, end, steps)
        named = msgspec.structs.replace(run, id=folder.encode(errors="backslashreplace").decode())
        session.run(run.id).spec.write_bytes(msgspec.json.encode(named))
        session.run(run.id).folder.rename(session.run(folder).folder)
    session.spec.write_bytes(msgspec.json.encode(spec))
    return SessionPaths(session.folder.rename(session.folder.with_name(identity)))


def write_run(
    run: RunPaths, spec: RunSpec, words: Callable[[], str], end: str | None, steps: int
) -> None:
    """Write one attempt of a run: its log, what its trainer printed, and how it ended."""
    facts: dict[str, Any] = {
        "device": words(), "device_name": words(), "data_source": words(), "data_digest": words(),
        "split_digest": words(), "host": words(), "started": words(), "boot_id": words(),
        "notes": [words()], "versions": {words(): words()}, "checkpoint": words(),
    }  # fmt: skip
    writer = begin_attempt(run, spec, **facts)
    writer.curves(range(1, steps + 1))
    for kind in ("warning", "spike", "command", words()):
        writer.event(kind, words(), **{words(): words()})
    writer.beat(steps, phase=words()[:20])
    writer.attempt.log.write_text("\n".join(words() for _ in range(8)), newline="")
    if end in ("failed", "done", "stopped"):
        writer.finish(end, steps, reason=words(), ended=words(), test_loss={words(): 0.5})
    elif end == "killed":
        writer.end("killed", words())
