"""What the tests of the screens share: sessions to look at, a quick clock, and no real process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual import events
from textual import pilot as textual_pilot
from textual._wait import wait_for_idle
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from support import sessions
from support.sessions import RunWriter, begin_attempt, new_session
from valtui.app import ValtuiApp
from valtui.screens import compare as compare_screen
from valtui.screens import home as home_screen
from valtui.screens import live as live_screen
from valtui.screens import sessions as sessions_screen
from valtui_trainer.presets.types import Preset
from valtui_trainer.session import locks
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import RunSpec
from valtui_trainer.supervise import begin

IDENTITY = "20260102T030405-batch-size-abcdef"
CREATED = "2026-01-02T03:04:05Z"
PRESETS = {
    "batch-32": Preset(),
    "batch-128": Preset(batch_size=128),
    "batch-512": Preset(batch_size=512),
}
TRAINER = 4242
LONGEST_PAUSE = 0.1

ScreenType = TypeVar("ScreenType", bound=Screen[Any])


@dataclass
class Recorded:
    """A session on disk whose runs the test can let live, grow and end."""

    paths: SessionPaths
    specs: list[RunSpec]
    living: set[Path]
    writers: dict[str, RunWriter] = field(default_factory=dict)

    def begin(self, name: str, steps: int = 0, **changes: Any) -> RunWriter:
        """Let the run `name` live, with curves up to `steps`."""
        spec = next(spec for spec in self.specs if spec.id == name)
        writer = begin_attempt(self.paths.run(name), spec, **changes)
        noise = 4.0 / spec.preset.batch_size
        writer.curves(range(1, steps + 1), noise=noise)
        writer.beat(steps)
        self.living.add(writer.run.lock)
        self.writers[name] = writer
        return writer

    def grow(self, name: str, begin: int, end: int) -> None:
        """Append the points of the steps after `begin` up to `end`."""
        self.writers[name].curves(range(begin + 1, end + 1))
        self.writers[name].beat(end)

    def end(self, name: str, status: str = "done", step: int = 400, **changes: Any) -> None:
        """Let the run end by its own word."""
        self.writers[name].finish(status, step, **changes)
        self.living.discard(self.writers[name].run.lock)

    @property
    def commands(self) -> list[str]:
        """The commands that were written, oldest first, as `stop batch-32`."""
        import json

        found = []
        for path in sorted(self.paths.commands.glob("*.json")):
            document = json.loads(path.read_text())
            found.append(f"{document['command']} {document['run']}")
        return found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for news often, so that no test waits for a timer."""
    monkeypatch.setattr(live_screen, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(live_screen, "CALM_POLL_SECONDS", 0.05)
    monkeypatch.setattr(live_screen, "STATUS_SECONDS", 0.05)
    monkeypatch.setattr(compare_screen, "REFRESH_SECONDS", 0.05)
    monkeypatch.setattr(home_screen, "REFRESH_SECONDS", 0.1)
    monkeypatch.setattr(sessions_screen, "REFRESH_SECONDS", 0.1)


@pytest.fixture(autouse=True)
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pause end soon: an app that looks for news this often never seems idle."""
    monkeypatch.setattr(textual_pilot, "wait_for_idle", lambda *_: wait_for_idle(0, LONGEST_PAUSE))


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no supervisor, and read no device."""
    monkeypatch.setattr(begin, "ensure_supervisor", lambda session: None)
    monkeypatch.setattr(live_screen, "read_meter", lambda device, own: "cpu 30 %")


@pytest.fixture
def living(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """The locks that a trainer or supervisor holds; a process cannot see its own."""
    held: set[Path] = set()
    monkeypatch.setattr(locks, "holder", lambda path: TRAINER if path in held else None)
    return held


@pytest.fixture
def make(home: Path, living: set[Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recorded]:
    """Make a session of queued runs, with a fixed id and date."""
    monkeypatch.setattr(sessions, "utc_now", lambda: CREATED)

    def make_one(
        presets: dict[str, Preset] | None = None,
        seeds: tuple[int, ...] = (0,),
        identity: str = IDENTITY,
        question: str = "Does a larger batch calm it?",
    ) -> Recorded:
        paths, specs = new_session(home, presets or PRESETS, seeds, identity, question)
        living.add(paths.supervisor_lock)
        return Recorded(paths, specs, living)

    return make_one


@pytest.fixture
def running(make: Callable[..., Recorded]) -> Recorded:
    """Three living runs of one seed, with 200 steps each."""
    session = make()
    for name in PRESETS:
        session.begin(name, 200)
    return session


@pytest.fixture
def ended(make: Callable[..., Recorded]) -> Recorded:
    """Three runs of two seeds: one done, one failed, one stopped. Nothing of it changes any more."""
    session = make(seeds=(0, 1))
    for name, steps in (("batch-32", 400), ("batch-128", 320), ("batch-512", 240)):
        session.begin(name, steps)
    session.end("batch-32")
    session.end(
        "batch-128", "failed", 320, reason="The loss is not finite at step 320 (stop_on_nan)."
    )
    session.end("batch-512", "stopped", 240)
    session.living.clear()
    return session


@pytest.fixture
def app(home: Path) -> Callable[..., ValtuiApp]:
    """Make the app, on a session or on the home screen."""
    home.mkdir(mode=0o700, exist_ok=True)

    def make_app(session: Recorded | None = None) -> ValtuiApp:
        return ValtuiApp(home, session.paths if session else None)

    return make_app


def shown(app: App[Any]) -> str:
    """The characters of the topmost screen, a line each."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in strips)


async def until(pilot: Pilot[Any], condition: Callable[[], object], seconds: float = 20) -> None:
    """Let the app work until `condition` holds.

    Raises:
        AssertionError: it does not in time; the screen is in the message.
    """
    deadline = time.monotonic() + seconds
    while True:
        await pilot.pause()
        if condition():
            return
        assert time.monotonic() < deadline, "the screen still shows\n" + shown(pilot.app)
        await pilot.pause(0.02)


def at_once(pilot: Pilot[Any], *keys: str) -> None:
    """Let keys arrive together, as a slow line delivers them; nothing is waited for between them."""
    for key in keys:
        character = {"space": " ", "full_stop": "."}.get(key, key)
        pilot.app.post_message(events.Key(key, character if len(character) == 1 else None))


async def arrives(pilot: Pilot[Any], kind: type[ScreenType]) -> ScreenType:
    """Wait until the topmost screen is a `kind` with all its widgets, and return it."""

    def there() -> bool:
        return isinstance(pilot.app.screen, kind) and pilot.app.screen.is_mounted

    await until(pilot, there)
    screen = pilot.app.screen
    assert isinstance(screen, kind)
    return screen


async def sees(pilot: Pilot[Any], *texts: str) -> str:
    """Wait until the topmost screen shows all `texts`, and return all that it shows."""
    await until(pilot, lambda: all(text in shown(pilot.app) for text in texts))
    return shown(pilot.app)
