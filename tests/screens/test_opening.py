"""Opening a session: the live screen comes before all is read; what cannot be read is said."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from screens.conftest import Recorded, arrives, sees, shown, until
from support.broken_reads import BrokenReads
from support.sessions import train_record
from valtui import curves
from valtui.app import ValtuiApp
from valtui.feed import SessionFeed
from valtui.screens.live import LiveScreen
from valtui_trainer.presets.types import Preset

AppMaker = Callable[..., ValtuiApp]
Maker = Callable[..., Recorded]

MANY = 4_000
SIZE = (120, 40)


@pytest.fixture
def long(make: Maker) -> Recorded:
    """A run with more training records than one bite holds, and twenty evaluations."""
    session = make({"one": Preset()})
    writer = session.begin("one", 200)
    for step in range(201, 201 + MANY):
        writer.train.append(train_record(step))
    return session


@pytest.fixture
def first_look(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bool, int, int]]:
    """What was read when the live screen came: whether more was there, evaluations, records."""
    seen: list[tuple[bool, int, int]] = []
    original = LiveScreen.__init__

    def looking(screen: LiveScreen, feed: SessionFeed) -> None:
        series = feed.runs[0].seeds[0]
        seen.append((feed.behind, len(series.val), len(series.train)))
        original(screen, feed)

    monkeypatch.setattr(LiveScreen, "__init__", looking)
    return seen


async def live(pilot: Pilot[str]) -> LiveScreen:
    """Wait for the live screen."""
    return await arrives(pilot, LiveScreen)


def drawn(screen: LiveScreen, what: str = "train_loss") -> int:
    """How many points of the run are in its line."""
    return sum(len(getattr(one.lines, what).middle) for one in screen.curves.values())


async def test_the_live_screen_comes_with_all_evaluations_before_everything_was_read(
    app: AppMaker,
    long: Recorded,
    first_look: list[tuple[bool, int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("valtui.first_read.READ_SECONDS", 0.0)

    async with app(long).run_test(size=SIZE, notifications=True) as pilot:
        screen = await live(pilot)

        ((behind, evaluations, records),) = first_look
        assert behind
        assert evaluations == 20
        assert records < MANY
        await until(pilot, lambda: drawn(screen) == MANY + 40)
        await until(pilot, lambda: drawn(screen, "percent") == 20)


async def test_another_axis_is_drawn_in_several_frames(
    app: AppMaker, long: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curves, "MOST_AT_ONCE", 1_000)

    async with app(long).run_test(size=SIZE, notifications=True) as pilot:
        screen = await live(pilot)
        await until(pilot, lambda: drawn(screen) == MANY + 40)

        screen.action_x_axis()
        assert drawn(screen) == 1_000

        await until(pilot, lambda: drawn(screen) == MANY + 40)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("file", ["train", "val", "start"])
async def test_a_log_that_cannot_be_read_for_a_while_is_told_and_read_on_when_it_can(
    app: AppMaker, long: Recorded, monkeypatch: pytest.MonkeyPatch, number: int, file: str
) -> None:
    broken = BrokenReads(monkeypatch)
    broken.at_open(getattr(long.writers["one"].attempt, file), number)

    async with app(long).run_test(size=SIZE, notifications=True) as pilot:
        screen = await live(pilot)
        await sees(pilot, f"{file}.json", "cannot be read")
        broken.mend()

        await until(pilot, lambda: drawn(screen) == MANY + 40)
        await until(pilot, lambda: drawn(screen, "val_loss") == 20)
        await until(pilot, lambda: "cannot be read" not in shown(pilot.app))


async def test_a_log_that_fails_while_it_grows_is_told_and_loses_nothing(
    app: AppMaker, long: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = BrokenReads(monkeypatch)

    async with app(long).run_test(size=SIZE, notifications=True) as pilot:
        screen = await live(pilot)
        await until(pilot, lambda: drawn(screen, "val_loss") == 20)
        broken.at_open(long.writers["one"].attempt.val, errno.EIO)
        long.writers["one"].evaluate(5_000, 0, 0.4)
        await sees(pilot, "val.jsonl: cannot be read")
        long.writers["one"].evaluate(5_010, 0, 0.4)
        broken.mend()

        await until(pilot, lambda: drawn(screen, "val_loss") == 22)
        await sees(pilot, "1 seed")


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"schema": 99}', b"[" * 20_000])
async def test_a_session_that_cannot_be_read_is_refused_in_a_sentence(
    app: AppMaker, running: Recorded, content: bytes
) -> None:
    running.paths.spec.write_bytes(content)

    async with app(running).run_test(size=SIZE, notifications=True) as pilot:
        text = await sees(pilot, "escape: back")
        assert "damaged" in text or "newer valtui" in " ".join(text.split())
        await pilot.press("escape")
        await sees(pilot, "studies")


async def test_a_session_that_is_gone_before_it_is_read_is_told_in_a_sentence(
    app: AppMaker, running: Recorded
) -> None:
    shutil.rmtree(running.paths.folder)

    async with app(running).run_test(size=SIZE, notifications=True) as pilot:
        text = await sees(pilot, "escape: back")
        assert "holds no session" in " ".join(text.split())


async def test_a_session_deleted_while_more_is_to_read_keeps_what_is_drawn(
    app: AppMaker, long: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("valtui.first_read.READ_SECONDS", 0.0)
    original = LiveScreen.on_mount

    def deleting(screen: LiveScreen) -> None:
        shutil.rmtree(Path(long.paths.folder))
        original(screen)

    monkeypatch.setattr(LiveScreen, "on_mount", deleting)

    async with app(long).run_test(size=SIZE, notifications=True) as pilot:
        screen = await live(pilot)

        await sees(pilot, "was deleted; what is drawn is all there is")
        assert drawn(screen, "val_loss") == 20
