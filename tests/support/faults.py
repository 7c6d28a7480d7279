"""What the fault tests share: a run to disturb, the same run undisturbed, and other users and disks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.sessions import new_session
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.supervise.launch import ensure_supervisor


def small(digits: Path, **settings: object) -> Preset:
    """Return a preset that trains in seconds; dropout, so that its generators matter."""
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 16, "epochs": 40, "eval_every": 0.25, "log_every": 2,
        "model": Model(width=4, dropout=0.2),
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def begin(
    home: Path, presets: dict[str, Preset], parallel: int = 1, code_path: str = ""
) -> SessionPaths:
    """Start a session of `presets`, as the command line does once they are checked."""
    session, _ = new_session(home, presets, parallel=parallel, code_path=code_path)
    ensure_supervisor(session)
    return session


def can_mount(folder: Path, *options: str) -> bool:
    """Mount a small tmpfs at `folder`; tell whether this machine lets us."""
    folder.mkdir(exist_ok=True)
    wish = ",".join(("mode=0777", *options))
    asked = ["mount", "-t", "tmpfs", "-o", wish, "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(asked, capture_output=True).returncode == 0


def unmount(folder: Path) -> None:
    """Let a mounted file system go, now or when its last user does."""
    subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)


def fill(folder: Path) -> Path:
    """Write until the disk of `folder` is full; return the file that fills it."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return path
