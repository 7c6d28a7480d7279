"""A probe within one process: what it finds, that it observes, how it ends, and what it says of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from support.commands import wait_until
from support.probing import (
    asked,
    curves,
    files_of,
    noisy,
    probe_spec,
    probed,
    result_of,
    session_of,
    spec_of,
)
from support.tiny import write_digits
from support.training import train
from valtui_trainer.measure.arms import arm_left
from valtui_trainer.presets.types import Augmentation, Model
from valtui_trainer.session.commands import send
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.layout import RunPaths
from valtui_trainer.session.probes import (
    BASE,
    arm_losses,
    looks_so_far,
    notes_of,
    probe_status,
)
from valtui_trainer.session.records import RunSpec
from valtui_trainer.session.state import RunStatus, State
from valtui_trainer.supervise import begin
from valtui_trainer.training import compiling
from valtui_trainer.training.probe import task, work
from valtui_trainer.training.probe.task import run_probe

ARMS = ("learning-rate-half", "batch-size-double")


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but the test carries a probe out."""
    for room in (begin, task):
        monkeypatch.setattr(room, "ensure_supervisor", lambda _: None)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> RunPaths:
    """A run of two seeds that has ended, shared by all tests, each of which only reads it."""
    settings = noisy(digits, augmentation=Augmentation(rotation=10))
    return train(tmp_path_factory.mktemp("home"), settings, seeds=(3, 4))[0]


def test_arms_are_compared_with_the_base_at_half_and_at_all_of_the_replicas(
    trained: RunPaths,
) -> None:
    probe, result = probed(trained, *ARMS, replicas=4, evaluations=4)

    assert (result.status, result.reason) == ("done", "")
    assert [[one.arm for one in look] for look in result.looks] == [list(ARMS)] * 2
    assert [[one.replicas for one in look] for look in result.looks] == [[2, 2], [4, 4]]
    assert looks_so_far(probe) == result.looks
    for one in result.looks[-1]:
        found = arm_left(arm_losses(probe, one.arm), arm_losses(probe, BASE))
        assert found is not None
        assert found.interval is not None
        assert (one.left, one.mean_change) == (found.value, found.mean_change)
        assert (one.low, one.high) == (found.interval.low, found.interval.high)
        assert one.evaluations == 4
    assert result.engine == "loop"
    assert result.steps == 4 * (20 + 20 + 10)
    status = probe_status(probe)
    assert (status.state, status.progress) == ("DONE", 1.0)


def test_a_run_that_compiles_is_probed_uncompiled_and_that_is_said(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    run, _ = train(home, noisy(digits, compile=True))
    monkeypatch.delattr(compiling, "compile_all")

    probe, result = probed(run, "learning-rate-half")

    assert result.status == "done"
    assert any("does not compile" in note for note in notes_of(probe))


def test_replicas_are_evaluated_at_the_runs_own_spacing(trained: RunPaths) -> None:
    probe, _ = probed(trained, "batch-size-double", evaluations=4)

    fork = probe_spec(probe).fork
    assert (fork.step, fork.epoch, fork.run) == (20, 2.0, trained.id)
    assert [step for seed, step, _ in curves(probe) if seed == 0] == [25, 30, 35, 40]
    doubled = [step for seed, step, _ in curves(probe, "batch-size-double") if seed == 0]
    assert doubled == [13, 15, 18, 20], "on the first step at or past each mark"


def test_two_probes_from_one_checkpoint_are_alike_to_the_bit(trained: RunPaths) -> None:
    first, _ = probed(trained, "batch-size-double")
    second, _ = probed(trained, "batch-size-double")

    for arm in (BASE, "batch-size-double"):
        assert curves(first, arm) == curves(second, arm)
    values = arm_losses(first, BASE)
    assert len({tuple(row) for row in values.tolist()}) == len(values), "seeds of their own"


def test_replicas_do_not_depend_on_how_many_there_are(trained: RunPaths) -> None:
    few, _ = probed(trained, "learning-rate-half")
    many, _ = probed(trained, "learning-rate-half", replicas=4)

    assert sorted(curves(few)) == sorted(one for one in curves(many) if one[0] < 2)


def test_a_probe_writes_into_its_own_folder_alone(trained: RunPaths) -> None:
    session = session_of(trained)
    run = files_of(trained.folder)
    home = session.folder.parents[1]
    before = files_of(home)

    probe, _ = probed(trained, *ARMS)

    assert files_of(trained.folder) == run
    after = files_of(home)
    own = f"{probe.folder.relative_to(home)}/"
    commands = f"{session.commands.relative_to(home)}/"
    assert {name: after[name] for name in before} == before
    assert {name for name in set(after) - set(before) if not name.startswith(own)} == {
        name for name in after if name.startswith(commands) and name not in before
    }
    assert sorted(p.name for p in probe.arms.iterdir()) == sorted((BASE, *ARMS))


def test_an_older_checkpoint_can_be_asked_for(trained: RunPaths) -> None:
    probe, _ = probed(trained, "learning-rate-half", step=10)

    assert probe_spec(probe).fork.step == 10
    assert curves(probe)[0][:2] == (0, 15)


def test_a_replica_that_diverges_disturbs_no_other_and_is_told(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, _ = probed(trained, "learning-rate-half", replicas=4)
    real = work.build_replicas

    def spoil_one(arm: work.Arm, *rest: object) -> object:
        replicas = real(arm, *rest)  # type: ignore[arg-type]
        if arm.id != BASE and rest[-1] == [0, 1]:
            next(iter(replicas[0].model.parameters())).data.fill_(math.nan)
        return replicas

    monkeypatch.setattr(work, "build_replicas", spoil_one)
    probe, result = probed(trained, "learning-rate-half", replicas=4)

    arm = arm_losses(probe, "learning-rate-half")
    assert np.isnan(arm[0]).all()
    assert curves(probe, "learning-rate-half")[1] == curves(undisturbed, "learning-rate-half")[1]
    assert curves(probe) == curves(undisturbed)
    (found,) = result.looks[-1]
    assert found.replicas == 3
    assert found.note == "1 of 4 replicas have no finite losses" or found.note.startswith(
        "1 of 4 replicas have no finite losses; "
    )
    assert found.left is not None


def test_an_arm_without_a_finite_loss_gives_no_figure_but_a_sentence(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = work.build_replicas

    def spoil(arm: work.Arm, *rest: object) -> object:
        replicas = real(arm, *rest)  # type: ignore[arg-type]
        for replica in replicas if arm.id != BASE else []:
            next(iter(replica.model.parameters())).data.fill_(math.nan)
        return replicas

    monkeypatch.setattr(work, "build_replicas", spoil)
    _, result = probed(trained, "learning-rate-half")

    assert result.status == "done"
    (found,) = result.looks[-1]
    assert (found.left, found.low, found.high) == (None, None, None)
    assert found.note == "no loss is finite"


def stopped_after(
    steps: int, monkeypatch: pytest.MonkeyPatch, act: Callable[[work.Work], None]
) -> None:
    """Act on a probe's work when its replicas have taken so many steps."""
    real = work.Work.stepped

    def stepped(self: work.Work, replicas: int) -> None:
        if self.control.step < steps <= self.control.step + replicas:
            act(self)
        real(self, replicas)

    monkeypatch.setattr(work.Work, "stepped", stepped)


def test_cancelled_before_half_it_says_so_without_a_figure(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(20, monkeypatch, lambda found: setattr(found.control, "stop", True))
    probe, result = probed(trained, "learning-rate-half")

    assert (result.status, result.looks) == ("cancelled", [])
    assert "what it had measured by then is kept" in result.reason
    assert len(curves(probe)) == 3, "what was logged is there"
    assert probe_status(probe).state == "CANCELLED"


def test_cancelled_later_it_looks_at_the_replicas_that_are_whole(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(50, monkeypatch, lambda found: setattr(found.control, "stop", True))
    _, result = probed(trained, "learning-rate-half")

    assert result.status == "cancelled"
    assert [[one.replicas for one in look] for look in result.looks] == [[1]]


def test_a_cancel_is_heard_whenever_it_was_sent(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(1, monkeypatch, lambda found: wait_until(lambda: found.control.stop, 10))
    probe = asked(trained, "learning-rate-half")
    send(session_of(trained), "cancel", probe=probe.id)

    run_probe(probe.folder)

    assert (result_of(probe).status, result_of(probe).steps) == ("cancelled", 1)


def test_a_wish_for_another_probe_or_for_the_run_is_not_its_own(trained: RunPaths) -> None:
    probe = asked(trained, "learning-rate-half")
    send(session_of(trained), "cancel", probe="another")
    send(session_of(trained), "stop", trained.id)

    run_probe(probe.folder)

    assert result_of(probe).status == "done"


def test_out_of_time_it_keeps_what_it_has(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(found: work.Work) -> None:
        found.began -= 3600

    stopped_after(40, monkeypatch, late)
    probe, result = probed(trained, "learning-rate-half")

    assert result.status == "out-of-time"
    assert "the budget of 10 minutes was over" in result.reason
    assert [[one.replicas for one in look] for look in result.looks] == [[1]]
    assert probe_status(probe).state == "OUT OF TIME"


def test_what_a_failed_probe_had_measured_is_in_its_result(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: work.Work) -> None:
        raise ValueError("a layer broke")

    stopped_after(40, monkeypatch, fail)
    probe, result = probed(trained, "learning-rate-half")

    assert result.status == "failed"
    assert result.reason == "ValueError: a layer broke"
    assert [[one.replicas for one in look] for look in result.looks] == [[1]]
    assert (probe_status(probe).state, probe_status(probe).reason) == ("FAILED", result.reason)


def test_out_of_memory_says_what_needs_less(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starve(_: work.Work) -> None:
        raise MemoryError

    stopped_after(1, monkeypatch, starve)
    _, result = probed(trained, "learning-rate-half")

    assert result.status == "failed"
    assert "out of memory" in result.reason
    assert "--replicas 4" in result.reason


def test_a_probe_is_carried_out_once(trained: RunPaths) -> None:
    probe, _ = probed(trained, "learning-rate-half")
    before = files_of(probe.folder)

    assert run_probe(probe.folder) == 3

    assert files_of(probe.folder) == before


def failing(probe_of: RunPaths, spoil: Callable[[Path], object], *arms: str) -> str:
    """Spoil the folder of a probe before it is carried out; return why it failed."""
    probe = asked(probe_of, *(arms or ("learning-rate-half",)))
    spoil(probe.folder)
    assert run_probe(probe.folder) == 1
    result = result_of(probe)
    assert result.status == "failed"
    assert "Traceback" not in result.reason
    return result.reason


def test_a_checkpoint_that_is_damaged_or_gone_is_refused_in_words(trained: RunPaths) -> None:
    def tear(folder: Path) -> None:
        content = (folder / "start.pt").read_bytes()
        (folder / "start.pt").unlink()  # it is the run's own file under another name
        (folder / "start.pt").write_bytes(content[:99])

    assert "is damaged" in failing(trained, tear)
    assert "is gone" in failing(trained, lambda folder: (folder / "start.pt").unlink())


def test_data_that_have_changed_or_gone_are_refused_in_words(home: Path, tmp_path: Path) -> None:
    data = write_digits(tmp_path / "mine.npz")
    run, _ = train(home, noisy(data))

    def change(_: Path) -> None:
        arrays = dict(np.load(data))
        arrays["train_images"][0, 0, 0] ^= 1
        np.savez(data, **arrays)

    assert "have changed since test was trained on them" in failing(run, change)
    assert "mine.npz" in failing(run, lambda _: data.unlink())


def test_a_model_that_has_changed_or_has_no_batchnorm_is_refused_in_words(
    home: Path, digits: Path
) -> None:
    run, _ = train(home, noisy(digits, model=Model(width=4)))

    def claim(**model: object) -> Callable[[Path], None]:
        def act(_: Path) -> None:
            spec: RunSpec = spec_of(run)
            changed = replace(spec.preset, model=replace(spec.preset.model, **model))
            write_document(run.spec, replace(spec, preset=changed))

        return act

    assert "does not fit the model" in failing(run, claim(width=5))


def test_a_paused_run_goes_on_after_a_probe_and_a_run_that_does_not_train_is_left_alone(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str | None]] = []
    monkeypatch.setattr(task, "send", lambda _, command, run: sent.append((command, run)))
    probe = asked(trained, "learning-rate-half", pause_run=True)
    run_probe(probe.folder)
    assert sent == [], "the run has ended: a resume would begin it anew"

    answers = iter([status("RUNNING"), status("PAUSED"), status("PAUSED")])
    monkeypatch.setattr(task, "run_status", lambda *_, **__: next(answers))
    for wanted in ([("pause", trained.id), ("resume", trained.id)], []):
        sent.clear()
        probe = asked(trained, "learning-rate-half", pause_run=True)
        run_probe(probe.folder)
        assert sent == wanted

    answers = iter([status("RUNNING"), status("STOPPED", None)])
    sent.clear()
    run_probe(asked(trained, "learning-rate-half", pause_run=True).folder)
    assert sent == [("pause", trained.id)], "it was stopped meanwhile"


def status(state: State, pid: int | None = 4711) -> RunStatus:
    return RunStatus(state, pid=pid)
