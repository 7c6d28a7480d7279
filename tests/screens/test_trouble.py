"""The line below the charts says what is wrong, the most pressing first, and no longer than it is."""

from __future__ import annotations

import shutil
import time
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest

from screens.conftest import Recorded, sees, shown, until
from support.sessions import RunWriter
from valtui.app import ValtuiApp
from valtui_trainer.presets.types import Preset
from valtui_trainer.session import layout, machine
from valtui_trainer.session.append import Records
from valtui_trainer.session.commands import send
from valtui_trainer.session.machine import boot_id
from valtui_trainer.session.records import Event, Heartbeat

Maker = Callable[..., Recorded]
AppMaker = Callable[..., ValtuiApp]
SIZE = (160, 40)
NO_CHECKPOINT = "No checkpoint could be written (Read-only file system); training goes on without."


ALL_WELL = "volatility, % of the loss"


def below(app: Any) -> str:
    """Return what is said below the charts."""
    region = app.screen.query_one("#said").region
    return "\n".join(shown(app).splitlines()[region.y : region.bottom])


@pytest.fixture
def one(make: Maker) -> Recorded:
    """A session of one living run with enough evaluations for a volatility."""
    session = make({"one": Preset()})
    beat(session.begin("one", 200), "training", 60.0)
    return session


def beat(writer: RunWriter, phase: str, deadline: float | None, still: float = 0.0) -> None:
    """Write a heartbeat as a trainer would, fresh for as long as a test can last."""
    now = time.monotonic() + 1000
    writer.heartbeat.write(
        Heartbeat(beat=9, loop=9, phase=phase, deadline=deadline, step=200, total=400, at=now,
                  loop_at=now - still, boot=boot_id()[:8])
    )  # fmt: skip


async def test_a_checkpoint_that_could_not_be_written_is_said_until_one_was(
    app: AppMaker, one: Recorded
) -> None:
    async with app(one).run_test(size=SIZE) as pilot:
        await sees(pilot, ALL_WELL)
        one.writers["one"].event("warning", NO_CHECKPOINT, about="checkpoint")
        await until(pilot, lambda: f"one: {NO_CHECKPOINT}" in below(pilot.app))

        one.writers["one"].event("checkpoint", file="step-000000210.pt")
        await until(pilot, lambda: ALL_WELL in below(pilot.app))


async def test_a_remark_on_the_data_does_not_stay_in_the_way(app: AppMaker, one: Recorded) -> None:
    one.writers["one"].event("warning", "3 images could not be read.", about="data")

    async with app(one).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: ALL_WELL in below(pilot.app))


@pytest.mark.parametrize(
    ("phase", "deadline", "still", "said"),
    [
        ("training", 60.0, 61.0, "one is HUNG in training: o shows where every thread is"),
        ("blocked: the disk is full", None, 0.0,
         "one is blocked: the disk is full; nothing is lost, it goes on by itself"),
    ],
    ids=["hung", "blocked"],
)  # fmt: skip
async def test_a_run_that_stands_still_is_said_and_gone_when_it_goes_on(
    app: AppMaker, one: Recorded, phase: str, deadline: float | None, still: float, said: str
) -> None:
    beat(one.writers["one"], phase, deadline, still)

    async with app(one).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: said in below(pilot.app))
        beat(one.writers["one"], "training", 60.0)
        await until(pilot, lambda: ALL_WELL in below(pilot.app))


async def test_a_lost_run_says_how_it_is_resumed_and_then_that_it_waits(
    app: AppMaker, one: Recorded
) -> None:
    one.living.clear()

    async with app(one).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "it can be resumed (r)" in below(pilot.app))
        await pilot.press("r")
        await sees(pilot, "… queued", "waits to be resumed")
        assert one.commands == ["resume one"]


async def test_keys_for_a_run_do_nothing_where_the_runs_were_deleted(
    app: AppMaker, one: Recorded
) -> None:
    async with app(one).run_test(size=SIZE) as pilot:
        await sees(pilot, ALL_WELL)
        shutil.rmtree(one.paths.runs)
        await until(pilot, lambda: not pilot.app.screen.feed.runs)  # type: ignore[attr-defined]

        await pilot.press("s", "o", "full_stop", "r", "space", "tab", "1", "left")

        assert pilot.app.is_running
        assert "▸1" not in shown(pilot.app)


async def test_what_the_supervisor_complains_of_is_said_until_it_succeeds(
    app: AppMaker, one: Recorded
) -> None:
    events = Records(one.paths.events)
    events.append(Event(n=0, time=1.0, kind="warning", message="[Errno 20] Not a directory: 'x'"))

    async with app(one).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "Not a directory" in below(pilot.app))
        asked = send(one.paths, "resume", "one")
        events.append(Event(n=0, time=2.0, kind="command", message="refused", data={"id": asked}))
        await until(pilot, lambda: ALL_WELL in below(pilot.app))
    events.close()


async def test_a_full_disk_is_said_while_anything_still_has_to_be_written(
    app: AppMaker, one: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(layout.shutil, "disk_usage", lambda _: usage(100, 100, 0))

    async with app(one).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "The disk is full" in below(pilot.app))


async def test_a_session_of_another_host_says_where_it_is_trained(
    app: AppMaker, one: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "file_system", lambda _: "nfs4")

    async with app(one).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "This session is trained on here" in below(pilot.app))
