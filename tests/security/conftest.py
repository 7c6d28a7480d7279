"""One real run under the worst circumstances, watched from its start to its exports."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from security.listening import reachable
from support.commands import wait_until
from support.real_runs import kill_all, points, state_of
from support.terminal import Terminal
from support.tiny import write_presets
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.listing import find_session
from valtui_trainer.session.locks import holder

HERE = Path(__file__).parent
# As the installed command: nothing of the current folder comes before our own modules.
SCRIPT = ["-P", "-m", "valtui.cli.main"]
LURES = ("torch", "torchvision", "json", "msgspec", "numpy", "scipy", "textual", "rich", "socket",
         "valtui", "valtui_trainer", "psutil", "pynvml", "platformdirs", "mlxtend")  # fmt: skip
IMAGES = 400


@dataclass
class Watched:
    """What the real run left, and what was seen of its processes while it lived."""

    place: Path
    home: Path
    session: SessionPaths
    run: RunPaths
    sockets: dict[str, list[str]] = field(default_factory=dict)
    open_files: dict[str, list[str]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    sound: str = ""
    planted: str = ""

    def look_at(self, name: str, pid: int) -> None:
        """Note the sockets and open files of a living process."""
        self.sockets[name] = reachable(pid)
        links = Path(f"/proc/{pid}/fd").iterdir()
        self.open_files[name] = [os.readlink(link) for link in links if link.is_symlink()]


def start(
    place: Path, environment: Mapping[str, str], *arguments: str, umask: int = 0
) -> subprocess.Popen[str]:
    """Start the real command line in `place` under `umask`."""
    return subprocess.Popen(
        [sys.executable, *SCRIPT, *arguments],
        cwd=place,
        env=dict(environment),
        umask=umask,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str], code: int | None = 0) -> str:
    """Wait for a command and return what it said."""
    said, _ = process.communicate(timeout=240)
    assert code is None or process.returncode == code, said
    return said


def write_photos(folder: Path, digits: Path) -> None:
    """Write real digits as a folder of class folders, so that a cache is made."""
    with np.load(digits) as file:
        images, labels = file["train_images"][:IMAGES], file["train_labels"][:IMAGES]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{number}.png")


def write_lures(place: Path) -> None:
    """Write modules that must not be imported only because they lie in the current folder."""
    for name in LURES:
        (place / f"{name}.py").write_text(
            f"open({str(place / f'imported-{name}')!r}, 'w').close()\nraise ImportError('a lure')\n"
        )


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Iterator[Watched]:
    """A real run of all parts: started plain, looked at, stopped, resumed, exported."""
    place = tmp_path_factory.mktemp("watched")
    home = place / "home"
    (place / "temporary").mkdir()
    write_presets(place, digits)
    write_photos(place / "photos", digits)
    write_lures(place)
    # Torch leaves its own choice in the environment of a process that loaded it, such as this one.
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TORCH", "TRITON"))
    }
    environment = inherited | {
        "VALTUI_HOME": str(home),
        "XDG_CONFIG_HOME": str(place / "config"),
        "TMPDIR": str(place / "temporary"),
        "PYTHONPATH": str(HERE / "audit"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "VALTUI_TEST_AUDIT": str(place / "audit.jsonl"),
    }
    try:
        yield live(place, home, environment)
    finally:
        kill_all(home)


def live(place: Path, home: Path, environment: dict[str, str]) -> Watched:
    """Bring the run about."""
    words = ["run", "tiny", "--data", "photos", "--epochs", "2000"]
    plain = start(place, environment, *words, "--plain")
    wait_until(
        lambda: plain.poll() is not None or list((home / "sessions").glob("*/session.json")),
        what="the session",
    )
    assert plain.poll() is None, finish(plain)
    session = find_session(home, None)
    run = session.run("tiny")
    wait_until(lambda: len(points(run)) >= 3, what="points", seconds=120)
    seen = Watched(place, home, session, run)
    for name, lock in (("supervisor", session.supervisor_lock), ("trainer", run.lock)):
        pid = holder(lock)
        assert pid is not None
        seen.look_at(name, pid)
    seen.look_at("plain", plain.pid)
    look_at_app(seen, environment)
    stop(seen, environment)
    finish(plain, None)
    seen.sound = sorted(run.checkpoints.glob("step-*.pt"))[-1].name
    seen.planted = plant_checkpoint(run, place / "executed")
    before = len(points(run))
    finish(start(place, environment, "resume"))
    wait_until(lambda: len(points(run)) > before, what="points after the resume", seconds=120)
    stop(seen, environment)
    wait_until(lambda: holder(session.supervisor_lock) is None, what="the supervisor to go")
    for kind in ("csv", "weights"):
        out = str(place / "out" / kind)
        finish(start(place, environment, "export", session.id, "--to", kind, out, umask=0o027))
    lines = (place / "audit.jsonl").read_text().splitlines()
    seen.events = [json.loads(line) for line in lines]
    return seen


def look_at_app(seen: Watched, environment: dict[str, str]) -> None:
    """Open the app on the living run, compare, and leave."""
    before = os.umask(0)
    try:
        with contextlib.chdir(seen.place):
            app = Terminal([*SCRIPT, "open"], 120, 40, **environment)
    finally:
        os.umask(before)
    try:
        app.read_until(lambda: "n=1" in app.text, seconds=60)
        app.press("v")
        app.read_until(lambda: "volatility" in app.text.lower())
        seen.look_at("app", app.process.pid)
        app.press("q")
        app.read_until(lambda: app.process.poll() is not None)
    finally:
        app.close()


def stop(seen: Watched, environment: dict[str, str]) -> None:
    """Stop the run and wait until it has."""
    finish(start(seen.place, environment, "stop"), None)
    wait_until(lambda: state_of(seen.session, "tiny") == "STOPPED", what="the stop")


def plant_checkpoint(run: RunPaths, mark: Path) -> str:
    """Put a newest checkpoint into `run` that makes `mark` when it is unpickled; return its name."""
    import torch

    from security.pickles import Evil

    path = run.checkpoints / "step-999999999.pt"
    torch.save({"format": 1, "step": 999_999_999, "evil": Evil(mark)}, path)
    path.chmod(0o600)
    return path.name
