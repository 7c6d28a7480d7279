"""What a proof trains: arm and control from one checkpoint, remedies as evaluations, decided at its looks."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from support.probing import files_of, noisy, probe_spec, probed, session_of, spec_of
from support.training import Bench, same, train
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.types import Evaluation, Lenses, Model, Schedule
from valtui_trainer.session.create import add_attempt, add_run
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import read_history
from valtui_trainer.session.layout import ProofPaths, RunPaths
from valtui_trainer.session.proofs import losses_since, proof_result, sides
from valtui_trainer.session.records import Command, Final, ProofSpec, RunSpec, Start, Val
from valtui_trainer.supervise import begin, prove
from valtui_trainer.supervise.prove import Prediction, plan_proof, start_proof
from valtui_trainer.training import checkpoint
from valtui_trainer.training import proof as deciding
from valtui_trainer.training.attempt import run_attempt
from valtui_trainer.training.checkpoint import State
from valtui_trainer.training.probe import task

SHORT = 4
"""Evaluations of the runs beside, where it is not the looks that are on trial."""


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but the test starts a run beside."""
    for room in (begin, task):
        monkeypatch.setattr(room, "ensure_supervisor", lambda _: None)


@pytest.fixture
def trained(home: Path, digits: Path) -> RunPaths:
    """A run of one seed that has ended, with evaluations enough after its step 20."""
    settings = noisy(digits, epochs=7, val_size=60, lenses=Lenses(most=1000))
    return train(home, settings)[0]


def proven(
    run: RunPaths, arm: str, step: int | None = None, predicted: Prediction | None = None
) -> tuple[ProofPaths, ProofSpec]:
    """Start a short proof and train its runs beside within this process."""
    session = session_of(run)
    plan = replace_evaluations(plan_proof(session, run, spec_of(run), arm, step), SHORT)
    before = set(session.commands.glob("*.json"))
    paths = start_proof(session, run, spec_of(run), plan, predicted)
    for file in sorted(set(session.commands.glob("*.json")) - before):
        command = msgspec.json.decode(file.read_bytes(), type=Command)
        assert command.command == "start"
        assert command.spec is not None
        child = add_run(session, command.spec)
        assert run_attempt(add_attempt(child).folder) == 0
    spec = read_document(paths.spec, ProofSpec)
    assert spec is not None
    return paths, spec


def replace_evaluations(plan: prove.ProofPlan, count: int) -> prove.ProofPlan:
    from dataclasses import replace as with_changes

    return with_changes(plan, evaluations=count)


def start_of(run: RunPaths, attempt: int = 0) -> Start:
    start = read_document(run.attempt(attempt).start, Start)
    assert start is not None
    return start


def val(run: RunPaths) -> dict[tuple[int, int], Val]:
    """Return the evaluations of a run by step and seed."""
    return {(one.step, one.seed): one for _, one in read_history(run).val}


def losses(run: RunPaths) -> dict[tuple[int, int], float | None]:
    return {key: one.val_loss for key, one in val(run).items()}


def train_losses(run: RunPaths) -> list[tuple[int, int, float | None]]:
    return [(one.step, one.seed, one.train_loss) for one in read_history(run).train]


def test_arm_and_control_begin_at_one_checkpoint_with_three_seeds_each(trained: RunPaths) -> None:
    session = session_of(trained)
    before = files_of(trained.folder)

    paths, proof = proven(
        trained, "learning-rate-half", predicted=Prediction(0.6, 0.4, 0.9, "probe 7")
    )

    arm, control = (session.run(f"test~{what}") for what in ("learning-rate-half", "control"))
    assert (proof.arm_run, proof.control_run, proof.run) == (arm.id, control.id, "test")
    assert (proof.predicted, proof.predicted_low, proof.predicted_high, proof.predicted_by) == (
        0.6, 0.4, 0.9, "probe 7",
    )  # fmt: skip
    assert spec_of(arm).fork == spec_of(control).fork == proof.fork
    assert (proof.fork.run, proof.fork.step) == ("test", 70)
    assert spec_of(arm).seeds == spec_of(control).seeds == [0, 1, 2]
    assert spec_of(arm).proof == spec_of(control).proof == paths.id
    assert spec_of(arm).preset.learning_rate == spec_of(control).preset.learning_rate / 2
    assert [spec_of(one).position for one in (trained, arm, control)] == [0, 1, 2]
    assert len({file.stat().st_ino for file in (paths.start, arm.start, control.start)}) == 1
    for run in (arm, control):
        assert start_of(run).from_step == 70
        assert start_of(run).from_time == pytest.approx(start_time(trained), abs=0.01)
        assert sorted(val(run)) == [(70 + 5 * n, seed) for n in range(1, 6) for seed in range(3)]
        assert len({one for (step, _), one in losses(run).items() if step == 75}) == 3
    assert losses(arm) != losses(control)
    assert files_of(trained.folder) == before, "it is only read"
    found = sides(session, proof)
    assert [side.shape for side in found] == [(3, SHORT + 1)] * 2


def start_time(run: RunPaths) -> float:
    (path,) = [one for one in checkpoint.checkpoint_files(run.checkpoints) if "070" in one.name]
    state = checkpoint.read(path)
    assert state is not None
    return float(state["time"])


def test_the_run_itself_is_the_control_where_it_has_ten_later_evaluations(
    trained: RunPaths,
) -> None:
    session = session_of(trained)
    assert plan_proof(session, trained, spec_of(trained), "adam-epsilon", 35).needs_control
    spec = spec_of(trained)
    falling = replace(spec.preset, schedule=Schedule(name="cosine"))
    scheduled = replace(spec, preset=falling)
    assert plan_proof(session, trained, scheduled, "adam-epsilon", 20).needs_control, (
        "its own rate went on falling, the arm's is held"
    )

    _, proof = proven(trained, "learning-rate-half", step=20)

    assert proof.control_run == "test"
    assert session.run_ids() == ["test", "test~learning-rate-half"]
    arm, control = sides(session, proof)
    assert arm.shape == (3, SHORT + 1)
    own = [one.val_loss for (step, _), one in sorted(val(trained).items()) if step > 20]
    assert control.tolist() == [own]


def test_a_remedy_is_an_evaluation_and_training_is_the_controls(trained: RunPaths) -> None:
    session = session_of(trained)
    remedies = ("exact-batchnorm", "averaged-weights", "larger-validation")
    proven(trained, remedies[0])
    for remedy in remedies[1:]:
        proven(trained, remedy, step=20)
    exact = session.run("test~exact-batchnorm")
    control = session.run("test~control")

    assert train_losses(exact) == train_losses(control)
    promised = {key: one.val_loss_precise for key, one in val(control).items()}
    assert losses(exact) == promised, "the child's loss is what the lens saw of the same weights"
    assert losses(exact) != losses(control)
    assert all(one.val_loss == one.val_loss_precise for one in val(exact).values())
    averaged, larger = (session.run(f"test~{remedy}") for remedy in remedies[1:])
    assert train_losses(averaged) == train_losses(larger)
    assert losses(averaged) != losses(larger)
    assert (start_of(larger).val_size, start_of(averaged).val_size) == (80, 60)
    test = [read_document(one.attempt(0).final, Final) for one in (exact, control)]
    assert test[0] is not None
    assert test[1] is not None
    assert test[0].test_loss != test[1].test_loss, "the test part is evaluated likewise"


def remedied(home: Path, digits: Path, **evaluation: bool) -> Bench:
    return Bench(home, noisy(digits, evaluation=Evaluation(**evaluation)), seeds=(0, 1))


@pytest.mark.parametrize("setting", ["averaged_weights", "exact_batchnorm"])
def test_a_remedy_leaves_weights_buffers_and_draws_as_they_were(
    home: Path, digits: Path, setting: str
) -> None:
    plain = remedied(home, digits)
    other = remedied(home, digits, **{setting: True})

    assert plain.advance(12) == other.advance(12)

    own = [plain.loop.state()["replicas"], other.loop.state()["replicas"]]
    assert same(*own)


def test_checkpoints_carry_the_averages_and_a_resumed_run_repeats_to_the_bit(
    home: Path, digits: Path
) -> None:
    whole = remedied(home, digits, averaged_weights=True)
    whole.advance(7)
    written = checkpoint.write(whole.run.checkpoints, whole.loop.state())
    rest = whole.advance(9)

    resumed = remedied(home, digits, averaged_weights=True)
    state = checkpoint.read(whole.run.checkpoints / written.name)
    assert state is not None
    assert [one["steps"] for one in state["evaluator"]["averages"]] == [7, 7]
    resumed.loop.load_state(state)

    assert resumed.advance(9) == rest
    assert later_losses(resumed) == later_losses(whole)


def later_losses(bench: Bench) -> list[tuple[int, int, float | None]]:
    from valtui_trainer.session.tail import Tail

    bench.journal.sync()
    records = Tail(bench.attempt.val, Val).read()
    return [(one.step, one.seed, one.val_loss) for one in records if one.step > 7]


def test_the_test_part_is_evaluated_with_the_averages_of_the_best_evaluation(
    home: Path, digits: Path
) -> None:
    from valtui_trainer.training.run import test as test_at_the_end

    bench = remedied(home, digits, averaged_weights=True)
    bench.advance(10)
    best: State = bench.loop.state()
    expected = {
        str(seed): bench.loop.evaluator.evaluate(
            number, bench.loop.replicas[number].model, on=bench.material.test_set
        ).loss
        for number, seed in enumerate((0, 1))
    }
    bench.advance(10)
    bench.loop.checkpoints.best = best

    final = test_at_the_end(bench.loop, bench.material, bench.material.train_set.device)

    assert final.test_loss == expected
    assert all(math.isfinite(one) for one in expected.values())


def test_a_run_beside_is_resumed_from_its_own_checkpoint_to_the_bit(
    trained: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven(trained, "learning-rate-half")
    session = session_of(trained)
    whole = session.run("test~learning-rate-half")
    spec = spec_of(whole)
    child = add_run(session, replace(spec, id="again"))
    first = add_attempt(child)
    from valtui_trainer.training.loop import Loop

    real = Loop.evaluate

    def stop_after_two(self: Loop) -> None:
        real(self)
        self.control.stop = self.step >= 80 and first.number == child.attempt_numbers()[-1]

    monkeypatch.setattr(Loop, "evaluate", stop_after_two)
    run_attempt(first.folder)
    assert max(val(child))[0] == 80

    child.start.unlink()  # what it began from is needed no longer
    run_attempt(add_attempt(child).folder)

    assert start_of(child, 1).from_step == 80
    assert losses(child) == losses(whole)
    assert train_losses(child) == train_losses(whole)


def test_a_run_beside_without_a_checkpoint_of_its_own_begins_at_the_fork_again(
    trained: RunPaths,
) -> None:
    proven(trained, "learning-rate-half")
    session = session_of(trained)
    whole = session.run("test~learning-rate-half")
    child = add_run(session, replace(spec_of(whole), id="again"))
    add_attempt(child)  # killed before it wrote anything

    run_attempt(add_attempt(child).folder)

    assert start_of(child, 1).from_step == 70
    assert losses(child) == losses(whole)


@pytest.mark.parametrize("steps", [10, 13], ids=["an epoch's end", "within an epoch"])
def test_a_run_beside_that_is_stopped_before_its_first_step_repeats_to_the_bit(
    home: Path, digits: Path, steps: int
) -> None:
    def beside() -> Bench:
        from dataclasses import replace as with_changes

        bench = Bench(home, noisy(digits))
        bench.loop.timetable = with_changes(bench.loop.timetable, begin=steps)
        return bench

    whole = beside()
    whole.loop.begin()
    state = whole.loop.state()
    resumed = beside()
    resumed.loop.load_state(state)

    assert resumed.advance(4) == whole.advance(4)


def test_a_start_that_is_gone_ends_the_run_beside_in_words(trained: RunPaths) -> None:
    proven(trained, "learning-rate-half")
    session = session_of(trained)
    child = add_run(session, replace(spec_of(session.run("test~control")), id="again"))
    child.start.unlink()

    assert run_attempt(add_attempt(child).folder) == 1

    final = read_document(child.attempt(0).final, Final)
    assert final is not None
    assert (final.status, "is gone" in final.reason) == ("failed", True)


def test_what_cannot_be_proven_is_refused_in_words(trained: RunPaths) -> None:
    session, spec = session_of(trained), spec_of(trained)

    def refused(arm: str, of: RunSpec = spec, step: int | None = None) -> str:
        with pytest.raises((PresetError, SessionError)) as found:
            start_proof(session, trained, of, plan_proof(session, trained, of, arm, step))
        assert not session.proofs.exists() or not list(session.proofs.iterdir())
        return str(found.value)

    assert "did you mean 'learning-rate-half'" in refused("learning-rate-hal")
    assert "cannot be proven on test: nothing is augmented." in refused("augmentation-off")
    assert "no checkpoint of step 7" in refused("learning-rate-half", step=7)
    plain = replace(spec, preset=replace(spec.preset, model=Model()))
    assert "the model has no BatchNorm" in refused("exact-batchnorm", plain)
    whole = replace(spec, preset=replace(spec.preset, val_size=None))
    assert "all validation images there are are used" in refused("larger-validation", whole)
    for number in range(2, 9):
        add_run(session, replace(spec, id=f"test-{number}", position=number))
    assert "The session has 8 runs already, and shows 9 at the most" in refused("adam-epsilon")
    assert plan_proof(session, trained, spec, "adam-epsilon", 20).control_run == "test", "one fits"
    add_run(session, replace(spec, id="test-9", position=9))
    assert "The session has 9 runs already" in refused("adam-epsilon", step=20)


def test_a_second_proof_of_one_arm_has_ids_of_its_own(trained: RunPaths) -> None:
    proven(trained, "adam-epsilon")
    _, second = proven(trained, "adam-epsilon")

    assert (second.arm_run, second.control_run) == ("test~adam-epsilon-2", "test~control-2")
    session = session_of(trained)
    for what in ("adam-epsilon", "control"):
        one, other = (session.run(f"test~{what}{end}") for end in ("", "-2"))
        assert losses(one) == losses(other), "the same start and seeds"


@pytest.fixture
def looked(trained: RunPaths, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Decide a proof whose sides are given, and return its result."""
    paths, spec = proven(trained, "adam-epsilon", step=20)

    def decide(arm: Any, control: Any, predicted_high: float | None = 0.5) -> Any:
        write_document(paths.spec, replace(spec, predicted_high=predicted_high))
        paths.result.unlink(missing_ok=True)
        monkeypatch.setattr(deciding, "sides", lambda *_: (np.array(arm), np.array(control)))
        deciding.decide(session_of(trained), paths.id, 10)
        return proof_result(paths)

    return decide


def series(count: int, noise: float, seed: int) -> Any:
    chance = np.random.default_rng(seed)
    return np.exp(noise * chance.standard_normal((3, count)))


def test_a_proof_is_decided_once_at_the_first_look_that_tells(looked: Callable[..., Any]) -> None:
    assert looked(series(9, 0.01, 1), series(9, 0.2, 2)) is None, "no look yet"
    calmer = looked(series(15, 0.01, 1), series(12, 0.2, 2))
    assert (calmer.outcome, calmer.evaluations) == ("holds", 10)
    assert calmer.low < calmer.left < calmer.high < 1
    wilder = looked(series(10, 0.2, 1), series(10, 0.01, 2))
    assert wilder.outcome == "does-not-hold"
    found = looked(series(60, 0.01, 4), series(200, 0.1, 5))
    assert found.evaluations == 10, "more evaluations of a control hinder no look"


def test_after_the_last_look_it_is_undecided(looked: Callable[..., Any]) -> None:
    arm, control = series(40, 0.1, 4), series(40, 0.1, 5)

    assert looked(arm[:, :39], control, predicted_high=None) is None
    found = looked(arm, control, predicted_high=None)

    assert (found.outcome, found.evaluations) == ("undecided", 40)
    assert found.low < 1 < found.high


def test_what_cannot_be_read_stops_no_training(
    trained: RunPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    deciding.decide(session_of(trained), "nothing", 10)
    paths, _ = proven(trained, "adam-epsilon")
    paths.spec.write_text("{")

    deciding.decide(session_of(trained), paths.id, 10)

    assert f"The proof {paths.id} could not be looked at" in capsys.readouterr().err


def test_losses_since_a_step_are_those_that_all_seeds_have(trained: RunPaths) -> None:
    found = losses_since(trained, 20)

    assert found.shape == (1, 10)
    assert found[0].tolist() == [
        one.val_loss for (step, _), one in sorted(val(trained).items()) if step > 20
    ]
    assert losses_since(trained, 1000).size == 0


def test_a_run_beside_can_be_probed_itself(trained: RunPaths) -> None:
    proven(trained, "learning-rate-half")
    child = session_of(trained).run("test~learning-rate-half")

    probe, result = probed(child, "learning-rate-half")

    assert result.status == "done"
    fork = probe_spec(probe).fork
    assert (fork.run, fork.step, fork.epochs) == (child.id, 95, 7)
