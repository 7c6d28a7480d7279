"""A lens runs at every evaluation or not at all: who decides, where it stands, what an old run does."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.training import make_run, train
from valtui_trainer.presets.types import Lenses, Model, Optimizer, Preset
from valtui_trainer.session.create import add_attempt
from valtui_trainer.session.history import History, read_history
from valtui_trainer.session.records import Event, LensPlan
from valtui_trainer.training import checkpoint
from valtui_trainer.training.attempt import run_attempt
from valtui_trainer.training.lenses import costs
from valtui_trainer.training.lenses.plan import Trial, decide, in_words

BATCHNORM = Model(name="small-cnn", width=4, batchnorm=True)


def preset(digits: Path, **settings: object) -> Preset:
    defaults: dict[str, object] = {
        "data": str(digits), "batch_size": 32, "epochs": 1, "eval_every": 0.5, "log_every": 5,
        "model": BATCHNORM, "lenses": Lenses(most=1e9),
    }  # fmt: skip
    return Preset(**{**defaults, **settings})  # type: ignore[arg-type]


def plans(history: History, attempt: int = 0) -> dict[str, LensPlan]:
    return {plan.name: plan for plan in history.starts[attempt].lenses}


def told(history: History) -> list[Event]:
    return [event for _, event in history.events if event.kind == "lens"]


def test_a_run_says_at_its_start_which_lenses_it_has_and_logs_them_at_every_evaluation(
    home: Path, digits: Path
) -> None:
    _, history = train(home, preset(digits))

    found = plans(history)
    assert list(found) == ["exact-batchnorm", "calibrated-outputs", "averaged-weights"]
    assert found["exact-batchnorm"].on
    assert (found["exact-batchnorm"].cost or 0) > 0
    assert found["averaged-weights"].reason == "switched off by lenses.averaged_weights"
    (event,) = told(history)
    assert "exact-batchnorm (" in event.message
    assert "% of the training time)" in event.message
    assert event.data["averaged-weights"] == {
        "on": False, "cost": None, "reason": "switched off by lenses.averaged_weights",
    }  # fmt: skip
    for _, record in history.val:
        assert record.val_loss_precise is not None
        assert record.val_loss_calibrated is not None
        assert record.temperature is not None
        assert record.val_loss_averaged is None
        assert (record.lens_seconds or 0) > 0


def test_a_lens_beyond_the_limit_is_off_for_the_whole_run(home: Path, digits: Path) -> None:
    _, history = train(home, preset(digits, lenses=Lenses(averaged_weights=True, most=1e-6)))

    found = plans(history)
    assert [plan.on for plan in found.values()] == [False, True, False]
    assert "would take" in found["exact-batchnorm"].reason
    assert all(record.val_loss_precise is None for _, record in history.val)
    assert all(record.val_loss_averaged is None for _, record in history.val)
    assert all(record.val_loss_calibrated is not None for _, record in history.val)


def test_without_batchnorm_that_lens_is_off(home: Path, digits: Path) -> None:
    _, history = train(home, preset(digits, model=Model(width=4)))

    assert plans(history)["exact-batchnorm"].reason == "this model has no BatchNorm"


def test_with_every_lens_switched_off_nothing_is_measured(home: Path, digits: Path) -> None:
    off = Lenses(exact_batchnorm=False, calibrated_outputs=False)
    _, history = train(home, preset(digits, lenses=off))

    assert not any(plan.on for plan in plans(history).values())
    assert all(record.lens_seconds is None for _, record in history.val)


def test_a_lens_that_fails_on_the_model_is_off_and_the_run_goes_on(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> float:
        raise ValueError(f"{costs.TOO_SMALL}, got input size torch.Size([1, 4])")

    monkeypatch.setattr(costs.Passes, "exact", fail)
    _, history = train(home, preset(digits))

    found = plans(history)["exact-batchnorm"]
    assert not found.on
    assert "a batch of 32 leaves BatchNorm a single value per channel" in found.reason
    assert len(history.val) == 2


def test_a_loss_that_is_not_finite_is_marked_and_its_calibration_is_null(
    home: Path, digits: Path
) -> None:
    _, history = train(
        home, preset(digits, learning_rate=1e9, optimizer=Optimizer(name="sgd"), epochs=2)
    )
    last = history.val[-1][1]

    assert last.val_loss_calibrated is None
    assert last.temperature is None
    assert "val_loss_precise" in (last.nf or {})


def test_a_resumed_attempt_keeps_the_decision_and_does_not_tell_it_again(
    home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(home, preset(digits))
    run_attempt(add_attempt(run).folder)
    monkeypatch.setattr(costs, "shortest", lambda works: [1.0, 1.0] + [1e12] * (len(works) - 2))

    run_attempt(add_attempt(run).folder)

    history = read_history(run)
    assert history.starts[1].lenses == history.starts[0].lenses
    assert plans(history, 1)["exact-batchnorm"].on
    assert len(told(history)) == 1


def test_a_run_from_before_lenses_goes_on_without_them(home: Path, digits: Path) -> None:
    run = make_run(home, preset(digits))
    run_attempt(add_attempt(run).folder)
    for path in checkpoint.checkpoint_files(run.checkpoints):
        state = checkpoint.read(path)
        assert state is not None
        path.unlink()
        if state["step"] == 5:
            del state["lenses"]
            checkpoint.write(run.checkpoints, state)

    run_attempt(add_attempt(run).folder)

    history = read_history(run)
    assert history.starts[1].from_step == 5
    reasons = {plan.reason for plan in history.starts[1].lenses}
    assert reasons == {"this run began before lenses existed"}
    last = history.val[-1][1]
    assert (last.step, last.val_loss_precise, last.val_loss_calibrated) == (10, None, None)
    assert "before lenses existed" in told(history)[-1].message


def test_the_limit_depends_on_the_size_of_the_training_set_and_on_the_setting() -> None:
    trials = {"exact-batchnorm": Trial(cost=0.41)}

    small = decide(Lenses(), 19_999, trials)[0]
    large = decide(Lenses(), 20_000, trials)[0]
    allowed = decide(Lenses(most=0.41), 20_000, trials)[0]
    close = decide(Lenses(most=0.4099), 20_000, trials)[0]

    assert small.on
    assert large.reason == (
        "exact-batchnorm would take 41 % of the training time, more than 10 %; "
        "set lenses.most to allow it"
    )
    assert allowed.on
    assert "41.00 % of the training time, more than 40.99 %" in close.reason
    assert in_words([large]) == f"Lenses off: {large.reason}."


def test_a_lens_that_takes_seconds_of_the_whole_run_is_on_whatever_its_share() -> None:
    quick = {"exact-batchnorm": Trial(cost=1.02, seconds=0.4)}
    slow = {"exact-batchnorm": Trial(cost=1.02, seconds=31.0)}

    assert decide(Lenses(), 4000, quick)[0].on
    assert "would take 102 %" in decide(Lenses(), 4000, slow)[0].reason
    assert "would take 102 %" in decide(Lenses(most=0.5), 4000, quick)[0].reason


def test_calibration_has_no_limit() -> None:
    found = decide(Lenses(most=0.01), 100, {"calibrated-outputs": Trial(cost=0.5)})[1]

    assert found.on
    assert found.cost == 0.5
