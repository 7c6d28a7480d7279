"""What is read of a run's checks: the newest of each, in order, whatever else lies there."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import msgspec

from support.sessions import begin_attempt, new_session
from valtui_trainer.session.checks import check_of, read_checks, write_checks
from valtui_trainer.session.layout import RunPaths
from valtui_trainer.session.records import CHECKS, Check, Event


def check(name: str, message: str = "It is as it should be.", **changes: Any) -> Check:
    return Check(check=name, outcome=changes.pop("outcome", "sound"), message=message, **changes)


def logged(home: Path, checks: list[Check], step: int = 0) -> RunPaths:
    """Return a run whose first attempt logged `checks`."""
    session, (spec, *_) = new_session(home)
    writer = begin_attempt(session.run(spec.id), spec)
    for one in checks:
        writer.events.append(
            Event(n=0, time=0.0, kind="check", step=step, data=msgspec.to_builtins(one))
        )
    writer.events.sync()
    return session.run(spec.id)


def on_demand(run: RunPaths, checks: list[Check], step: int) -> Path:
    document = write_checks(run, checks, step=step, seed=0, checkpoint=f"step-{step:09d}.pt")
    return run.checks / f"{document.id}.json"


def test_the_newest_of_each_comes_in_the_declared_order(home: Path) -> None:
    run = logged(home, [check("overlap"), check("frozen", "first"), check("order", "first")])
    on_demand(run, [check("frozen", "second"), check("zero-learning-rate", "second")], step=50)
    on_demand(run, [check("frozen", "third", outcome="failed", figure=2.5, unit="%")], step=50)

    found = read_checks(run)

    assert [one.check for one in found] == [n for n in CHECKS if n in {one.check for one in found}]
    told = {one.check: one.message for one in found}
    assert told["frozen"] == "third"
    assert told["order"] == "first"
    assert told["zero-learning-rate"] == "second"
    assert found[0].figure == 2.5


def test_an_event_after_a_document_of_an_earlier_step_is_newer(home: Path) -> None:
    run = logged(home, [check("resolution", "at the second evaluation")], step=20)
    on_demand(run, [check("resolution", "not known yet", outcome="unknown")], step=10)

    assert [one.message for one in read_checks(run)] == ["at the second evaluation"]


def test_what_is_damaged_or_of_a_newer_version_is_passed_over(home: Path) -> None:
    run = logged(
        home,
        [check("frozen"), check("moon-phase"), msgspec.structs.replace(check("order"), check="")],
    )
    damaged = on_demand(run, [check("frozen", "never read")], step=9)
    damaged.write_bytes(damaged.read_bytes()[:40])
    newer = on_demand(run, [check("frozen", "of a newer valtui")], step=9)
    newer.write_bytes(newer.read_bytes().replace(b'"schema": 1', b'"schema": 99'))
    on_demand(run, [check("tide"), check("overlap", "read")], step=9)
    (run.checks / "notes.json").mkdir()
    (run.checks / ".half.json").write_text("{")
    (run.checks / "notes.txt").write_text("mine")

    assert [(one.check, one.message) for one in read_checks(run)] == [
        ("frozen", "It is as it should be."),
        ("overlap", "read"),
    ]


def test_an_outcome_that_is_not_known_is_no_check() -> None:
    known = msgspec.to_builtins(check("frozen"))

    assert check_of(Event(n=0, time=0.0, kind="check", data=known)) == check("frozen")
    for data in (known | {"outcome": "splendid"}, known | {"figure": "much"}, {}):
        assert check_of(Event(n=0, time=0.0, kind="check", data=data)) is None
    assert check_of(Event(n=0, time=0.0, kind="warning", data=known)) is None


def test_words_are_made_harmless_for_a_terminal(home: Path) -> None:
    run = logged(home, [check("frozen", "red \x1b[31m alert", unit="\x1b%")])
    on_demand(run, [check("order", "\x1b]0;title\x07")], step=1)

    assert not any("\x1b" in one.message + one.unit for one in read_checks(run))


def test_a_run_without_any_has_none(home: Path) -> None:
    session, (spec, *_) = new_session(home)

    assert read_checks(session.run(spec.id)) == []
    assert read_checks(session.run("never-was")) == []


def test_documents_are_the_users_own(home: Path) -> None:
    run = logged(home, [])

    path = on_demand(run, [check("frozen")], step=1)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(run.checks.stat().st_mode) == 0o700
