"""What the fault tests share: a run to disturb, the same run undisturbed, and other users and disks."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import sys
from pathlib import Path

from support.sessions import new_session
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.supervise.launch import ensure_supervisor

LIMITS = ("memory.max", "memory.limit_in_bytes")
CAPBSET_DROP, DAC_OVERRIDE, DAC_READ_SEARCH = 24, 1, 2


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


def begin_obeying_rights(home: Path, presets: dict[str, Preset]) -> SessionPaths:
    """Start a session whose processes may not write where rights forbid it, root's too."""
    session, _ = new_session(home, presets, parallel=1)
    program = (
        "import sys; from pathlib import Path;"
        "from valtui_trainer.session.layout import SessionPaths;"
        "from valtui_trainer.supervise.launch import ensure_supervisor;"
        "ensure_supervisor(SessionPaths(Path(sys.argv[1])))"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(session.folder)], check=True, preexec_fn=obey_rights
    )
    return session


def obey_rights() -> None:
    """Give up root's power over rights of files, for this process and all it starts."""
    if os.geteuid() == 0:
        for capability in (DAC_OVERRIDE, DAC_READ_SEARCH):
            if ctypes.CDLL(None, use_errno=True).prctl(CAPBSET_DROP, capability, 0, 0, 0):
                raise OSError(ctypes.get_errno(), "a capability cannot be given up")


def memory_group() -> Path | None:
    """Return a new cgroup whose memory can be limited, or None where this user may not have one."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            root = Path("/sys/fs/cgroup") / controllers
            group = root / path.lstrip("/") / f"valtui-test-{os.getpid()}"
            with contextlib.suppress(OSError):
                group.mkdir()
                if any((group / name).exists() for name in LIMITS):
                    return group
                group.rmdir()
    return None


def limit_memory(group: Path, pid: int, size: int) -> None:
    """Let the process have so many bytes more and be killed when it takes more than these."""
    for name in LIMITS:
        if (group / name).exists():
            (group / name).write_text(str(size))
    (group / "cgroup.procs").write_text(str(pid))


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
