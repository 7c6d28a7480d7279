"""Arms, probes and proofs on the causes screen: what each state shows, what is asked before anything starts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import json as msgspec_json
from textual.pilot import Pilot

from screens.conftest import Recorded, arrives, sees, shown, until
from screens.test_causes import CLASSES, SAMPLES, causes_screen
from screens.test_keys import toasts
from screens.test_live import live_screen
from support.diagnosed import LENSES, NO_BATCHNORM, describe_split, evaluations
from support.probed import (
    LOOKS,
    ProbeWriter,
    arm_look,
    decide,
    fork_of,
    run_beside,
    write_proof,
)
from support.sessions import RunWriter
from valtui.app import ValtuiApp
from valtui.screens import trials_watch
from valtui.screens.asking import AskScreen, ChooseScreen
from valtui.screens.causes import CausesScreen
from valtui.screens.plan_dialog import PlanDialog
from valtui_trainer.presets.types import Model, Preset
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.records import Command, ProbeSpec, ProofSpec
from valtui_trainer.supervise import probe as supervise_probe
from valtui_trainer.supervise import prove as supervise_prove

AppMaker = Callable[..., ValtuiApp]
Maker = Callable[..., Recorded]
SIZES = [(80, 24), (120, 40), (200, 60)]
WIDE = (200, 60)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often, at a terminal with colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setattr(trials_watch, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr("valtui.screens.diagnosis.LEAST_SECONDS", 0.05)


@pytest.fixture
def trained(make: Maker) -> Recorded:
    """One living run without BatchNorm, dropout and augmentation, with a checkpoint."""
    session = make({"one": Preset()})
    writer = session.begin("one", 0, val_size=SAMPLES, lenses=NO_BATCHNORM)
    evaluations(writer, range(10, 401, 10), lenses=False)
    writer.beat(400)
    describe_split(session.paths, SAMPLES, CLASSES)
    folder = session.paths.run("one").checkpoints
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "step-000000200.pt").write_bytes(b"weights")
    return session


@pytest.fixture
def probed(make: Maker) -> Recorded:
    """One living run with all lenses."""
    session = make({"one": Preset(weight_decay=0.01)})
    writer = session.begin("one", 0, val_size=SAMPLES, lenses=LENSES)
    evaluations(writer, range(10, 401, 10))
    writer.beat(400)
    describe_split(session.paths, SAMPLES, CLASSES)
    return session


def running(session: Recorded, step: int = 6_100) -> ProbeWriter:
    """Return a probe of the run `one` whose process lives."""
    probe = ProbeWriter(session.paths, "one")
    probe.begin()
    session.living.add(probe.paths.lock)
    probe.beat(step)
    return probe


def documents(session: Recorded, kind: type[Any], pattern: str) -> list[Any]:
    """Return the documents of a kind that were written into the session's folder."""
    paths = sorted(session.paths.folder.glob(pattern))
    return [msgspec_json.decode(path.read_bytes(), type=kind) for path in paths]


def beside(
    session: Recorded, proof: ProofSpec, evaluated: int, arm: float, control: float
) -> RunWriter:
    """Write the two runs beside of a proof, which live; return the arm's."""
    spec = session.specs[0]
    written: list[RunWriter] = []
    for position, (name, volatility) in enumerate(
        ((proof.arm_run, arm), (proof.control_run, control)), start=1
    ):
        writer = run_beside(session.paths, spec, proof, name, evaluated, volatility, position)
        session.living.add(writer.run.lock)
        written.append(writer)
    return written[0]


def within(pilot: Pilot[Any], selector: str) -> str:
    """Return what is drawn where a widget of the topmost screen is, as one line."""
    region = pilot.app.screen.query_one(selector).region
    drawn = shown(pilot.app).splitlines()[region.y : region.bottom]
    text = " ".join(line[region.x : region.right].strip("│ ▁▂▃▄▅▆▇█") for line in drawn)
    return " ".join(text.split())


async def ready(pilot: Pilot[Any]) -> CausesScreen:
    """Go to the causes screen and wait until it shows the arms."""
    screen = await causes_screen(pilot)
    await until(pilot, lambda: screen._shown is not None and screen._shown.trials.arms)
    await pilot.pause()
    return screen


# --- rows ------------------------------------------------------------------------------------------


async def test_arms_that_change_nothing_are_not_offered_and_say_why(
    app: AppMaker, trained: Recorded
) -> None:
    async with app(trained).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        text = await sees(pilot, "· with half the learning rate", "p probes it")
        assert "not offered: model.dropout is 0." in text
        assert "not offered: nothing is augmented." in text
        assert text.count("not offered: the model has no BatchNorm.") == 2
        assert "not offered: weight_decay is 0." in text


async def test_an_arm_that_cannot_be_probed_is_refused_with_its_reason(
    app: AppMaker, trained: Recorded
) -> None:
    async with app(trained).run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("dropout-off")
        await pilot.press("p")

        await until(pilot, lambda: "without dropout is not offered" in toasts(pilot))
        assert not isinstance(pilot.app.screen, PlanDialog)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
async def test_a_probe_that_is_done_ranks_its_arms_with_intervals_and_the_verdict_names_the_first(
    app: AppMaker, trained: Recorded, size: tuple[int, int]
) -> None:
    probe = ProbeWriter(trained.paths, "one")
    probe.end(looks=[LOOKS, LOOKS])
    async with app(trained).run_test(size=size, notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("batch-size-quadruple")

        text = await sees(pilot, "39 % [28, 54]", "53 % [40, 71]", "n = 8", "loss +3.1 %")
        assert "with four times the batch size 39 % [28, 54]" in " ".join(
            " ".join(text.splitlines()[1:4]).split()
        )
        screen._select("noise-scale")
        text = await sees(pilot, "gradient noise  beyond batch size 310 [220, 480]", "probe done")
        assert "the run's is 32" in " ".join(text.split())


async def test_without_a_lens_that_explains_it_the_sentence_is_the_arms(
    app: AppMaker, make: Maker
) -> None:
    session = make({"one": Preset()})
    session.begin("one", 400)
    ProbeWriter(session.paths, "one", arms=["learning-rate-half"]).end(
        looks=[[arm_look("learning-rate-half")]]
    )
    async with app(session).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        await sees(
            pilot,
            "Learning rate: at half of it 53 % [40, 71] of the volatility would be left (probe, 8 "
            "replicas).",
        )
        await pilot.press("escape")
        await sees(pilot, "why  Learning rate: at half of it 53 % [40, 71]")


async def test_a_figure_keeps_what_limits_it(app: AppMaker, probed: Recorded) -> None:
    narrow = arm_look("learning-rate-half", note="spikes: the interval is \x1b[31mtoo narrow")
    lost = arm_look("batch-size-quadruple", None, None, None, 0, note="no loss is finite")
    ProbeWriter(probed.paths, "one").end(looks=[[narrow, lost]])
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        text = await sees(pilot, "53 % [40, 71] !", "no loss is finite; p probes it")
        assert "! with half the learning rate: spikes: the interval is ␛[31mtoo narrow." in text


async def test_an_older_probe_keeps_the_figures_that_a_newer_one_has_not(
    app: AppMaker, probed: Recorded
) -> None:
    ProbeWriter(probed.paths, "one", 1).end(looks=[LOOKS])
    newer = ProbeWriter(probed.paths, "one", 2, arms=["learning-rate-half"])
    newer.end(looks=[[arm_look("learning-rate-half", 0.61, 0.5, 0.8)]])
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        text = await sees(pilot, "61 % [50, 80]", "39 % [28, 54]", "older probes")
        assert "53 % [40, 71]" not in text.split("older probes")[0].split("if training changed")[1]
        screen._select("learning-rate-half")
        await pilot.press("enter")

        await sees(pilot, "How it was measured here")
        assert "Earlier probes: 53 % [40, 71] from epoch 5" in within(pilot, "#explained")


# --- a probe under way -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
async def test_a_probe_under_way_shows_how_far_it_is_and_ranks_without_intervals_before_a_look(
    app: AppMaker, probed: Recorded, size: tuple[int, int]
) -> None:
    probe = running(probed)
    async with app(probed).run_test(size=size, notifications=True) as pilot:
        screen = await ready(pilot)
        await sees(pilot, "● probe", "48 %", "2:10 left", "(x cancels)")
        screen._select("learning-rate-half")
        await sees(pilot, "being probed, no replica is whole yet")
        probe.log_all(replicas=4)
        await sees(pilot, "% so far")
        assert "n = 4" in shown(pilot.app)
        assert screen._shown is not None
        assert screen._shown.verdict.arm is None
        probe.look(LOOKS)

        await sees(pilot, "53 % [40, 71]")


async def test_the_end_of_a_probe_is_told_with_what_it_found(
    app: AppMaker, probed: Recorded
) -> None:
    probe = running(probed)
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)
        await sees(pilot, "● probe")
        probe.end(looks=[LOOKS, LOOKS])
        probed.living.discard(probe.paths.lock)

        await until(pilot, lambda: "The probe of one is done" in toasts(pilot))
        assert "with half the learning rate: 53 % [40, 71] left" in toasts(pilot)
        assert "(x cancels)" not in shown(pilot.app)


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        ("cancelled", "cancelled; what it had measured by then is kept", "■ probe cancelled"),
        ("out-of-time", "the budget of 10 minutes was over", "■ probe out of time"),
        ("failed", "out of memory \x1b[2J", "✕ probe failed"),
    ],
)
async def test_how_a_probe_ended_is_told_in_words(
    app: AppMaker, probed: Recorded, status: str, reason: str, words: str
) -> None:
    ProbeWriter(probed.paths, "one").end(status, [], reason, None)
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("probe")

        text = await sees(pilot, words)
        told = reason.removeprefix("cancelled; ").replace("\x1b", "␛")
        assert told in " ".join(text.split())
        assert "p probes it" in text


async def test_a_lost_probe_keeps_the_look_that_its_log_tells(
    app: AppMaker, probed: Recorded
) -> None:
    probe = running(probed)
    probe.look(LOOKS)
    probed.living.discard(probe.paths.lock)
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        text = await sees(pilot, "? probe lost", "53 % [40, 71]")
        assert "its process is gone and nobody saw it end" in text


async def test_a_probe_is_cancelled_after_asking(app: AppMaker, probed: Recorded) -> None:
    probe = running(probed)
    async with app(probed).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        await sees(pilot, "● probe")
        await pilot.press("p")
        await until(pilot, lambda: "A probe of one is under way" in toasts(pilot))
        await pilot.press("x")
        await arrives(pilot, AskScreen)
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen is screen)
        assert probed.commands == []
        await pilot.press("x")
        await arrives(pilot, AskScreen)
        await pilot.press("y")
        await until(pilot, lambda: probed.commands)

        (command,) = documents(probed, Command, "commands/*.json")
        assert (command.command, command.probe) == ("cancel", probe.spec.id)


async def test_there_is_nothing_to_cancel(app: AppMaker, probed: Recorded) -> None:
    async with app(probed).run_test(size=(120, 40), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("x")

        await until(pilot, lambda: "No probe of one is under way" in toasts(pilot))


# --- asking for a probe ------------------------------------------------------------------------------


async def test_p_says_cost_time_and_effect_and_probes_the_row_first(
    app: AppMaker, trained: Recorded
) -> None:
    async with app(trained).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("adam-epsilon")
        await pilot.press("p")
        await arrives(pilot, PlanDialog)

        text = within(pilot, ".plan")
        assert "Probe one?" in text
        assert "the run as it is, and with Adam's epsilon at 1e-4, with half the learning" in text
        assert "8 replicas of each from one checkpoint, 8 evaluations each" in text
        assert "steps, about" in text
        assert "10 min at the most" in text
        assert "an arm that leaves 58 % of the volatility or less, 4 times in 5" in text
        assert "one trains on cpu as well" in text
        await pilot.press("space")
        await sees(pilot, "[✓] pause one meanwhile")
        await pilot.press("y")
        await until(pilot, lambda: trained.commands == ["probe one"])

        (spec,) = documents(trained, ProbeSpec, "probes/*/probe.json")
        assert spec.arms[0] == "adam-epsilon"
        assert len(spec.arms) == 3
        assert (spec.replicas, spec.evaluations, spec.pause_run) == (8, 8, True)
        assert spec.fork.step == 200
        await sees(pilot, "● probe", "starting")


async def test_the_arm_alone_can_be_chosen_instead(app: AppMaker, trained: Recorded) -> None:
    async with app(trained).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("learning-rate-half")
        await pilot.press("p")
        await arrives(pilot, PlanDialog)
        await pilot.press("tab")
        await until(
            pilot, lambda: "the run as it is, and with half the learning rate " in shown(pilot.app)
        )
        await pilot.press("enter")
        await until(pilot, lambda: trained.commands)

        (spec,) = documents(trained, ProbeSpec, "probes/*/probe.json")
        assert spec.arms == ["learning-rate-half"]
        assert not spec.pause_run


async def test_on_another_row_p_asks_which_arm(app: AppMaker, trained: Recorded) -> None:
    async with app(trained).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("larger-validation")
        await pilot.press("p")
        await arrives(pilot, ChooseScreen)
        await sees(pilot, "Probe which arm of one?", "not offered: model.dropout is 0.")
        await pilot.press(*"batch-size-q", "enter")
        await arrives(pilot, PlanDialog)
        assert "and with four times the batch size" in shown(pilot.app)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)

        assert trained.commands == []


async def test_A_probes_all_arms_that_apply(app: AppMaker, trained: Recorded) -> None:
    async with app(trained).run_test(size=(120, 40), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("A")
        await arrives(pilot, PlanDialog)
        assert "tab" not in shown(pilot.app)
        await pilot.press("y")
        await until(pilot, lambda: trained.commands)

        (spec,) = documents(trained, ProbeSpec, "probes/*/probe.json")
        assert spec.arms == [
            "learning-rate-half", "learning-rate-quarter", "batch-size-double",
            "batch-size-quadruple", "adam-epsilon",
        ]  # fmt: skip


async def test_without_a_checkpoint_the_refusal_is_a_sentence_and_nothing_is_left(
    app: AppMaker, probed: Recorded
) -> None:
    async with app(probed).run_test(size=(120, 40), notifications=True) as pilot:
        await ready(pilot)
        await pilot.press("A")
        await arrives(pilot, PlanDialog)
        await pilot.press("y")

        await until(pilot, lambda: "one has no checkpoint yet" in toasts(pilot))
        assert not list(probed.paths.probes.iterdir())


async def test_a_plan_that_fails_is_told_and_asks_nothing(
    app: AppMaker, probed: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise SessionError("The log is \x1b[31mgone.")

    monkeypatch.setattr(supervise_probe, "plan_probe", refuse)
    monkeypatch.setattr(supervise_prove, "plan_proof", refuse)
    async with app(probed).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        for key in ("A", "P"):
            screen._select("learning-rate-half")
            await pilot.press(key)
            await until(pilot, lambda: "The log is ␛[31mgone." in toasts(pilot))
            pilot.app.clear_notifications()
            await pilot.pause()
        assert pilot.app.screen is screen


# --- proofs ----------------------------------------------------------------------------------------


async def test_P_says_what_was_predicted_and_queues_arm_and_control_beside(
    app: AppMaker, trained: Recorded
) -> None:
    ProbeWriter(trained.paths, "one").end(looks=[LOOKS])
    async with app(trained).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("learning-rate-half")
        await pilot.press("P")
        await arrives(pilot, PlanDialog)
        text = within(pilot, ".plan")
        assert "Prove with half the learning rate on one?" in text
        assert "53 % [40, 71] of the volatility left, by the probe" in text
        assert "one~learning-rate-half beside one~control" in text
        assert "3 seeds each" in text
        await pilot.press("y")
        await until(pilot, lambda: len(trained.commands) == 2)

        assert trained.commands == ["start one~learning-rate-half", "start one~control"]
        (proof,) = documents(trained, ProofSpec, "proofs/*/proof.json")
        assert (proof.predicted, proof.predicted_high) == (0.53, 0.71)
        assert proof.predicted_by.startswith("probe ")
        await sees(pilot, "… with half the learning rate  open")


async def test_P_on_a_lens_row_proves_its_remedy_with_what_the_lens_promised(
    app: AppMaker, make: Maker
) -> None:
    preset = Preset(model=Model(name="small-cnn", batchnorm=True), val_size=100)
    session = make({"one": preset})
    writer = session.begin("one", 0, val_size=SAMPLES, lenses=LENSES)
    evaluations(writer, range(10, 401, 10))
    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("exact-batchnorm")
        await pilot.press("P")
        await arrives(pilot, PlanDialog)

        text = within(pilot, ".plan")
        assert "Prove exact BatchNorm statistics on one?" in text
        assert "of the volatility left, by the lens" in text


async def test_of_a_set_that_is_larger_and_not_far_larger_a_lens_promises_nothing(
    app: AppMaker, make: Maker
) -> None:
    session = make({"one": Preset(val_size=100)})
    writer = session.begin("one", 0, val_size=SAMPLES, lenses=LENSES)
    evaluations(writer, range(10, 401, 10))
    async with app(session).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("larger-validation")
        await pilot.press("P")
        await arrives(pilot, PlanDialog)

        text = within(pilot, ".plan")
        assert "Prove the whole validation set on one?" in text
        assert "by the lens" not in text


async def test_on_another_row_P_asks_what_to_prove(app: AppMaker, trained: Recorded) -> None:
    async with app(trained).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        screen._select("volatility")
        await pilot.press("P")

        await sees(pilot, "Prove what on one?", "averaged-weights", "learning-rate-half")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
async def test_a_proof_that_is_open_shows_how_far_it_is_and_when_it_is_looked_at(
    app: AppMaker, probed: Recorded, size: tuple[int, int]
) -> None:
    proof = write_proof(probed.paths, probed.specs[0])
    beside(probed, proof, 6, 0.02, 0.05)
    async with app(probed).run_test(size=size, notifications=True) as pilot:
        screen = await ready(pilot)
        await until(pilot, lambda: screen._proofs.keys)
        screen._select(f"proof:{proof.id}")

        text = await sees(pilot, "… with half the learning rate  open", "so far, no look yet")
        assert "53 % [40, 71] (probe)" in text
        assert "6 evaluations of each seed, next look at 10" in within(pilot, "#proofs")
        await pilot.press("enter")
        await sees(pilot, "The proof — one", "predicted 53 % [40, 71]")


@pytest.mark.parametrize(
    ("arm", "control", "words"),
    [
        (0.02, 0.06, "✓ with half the learning rate  holds (10 evaluations)"),
        (0.06, 0.02, "✕ with half the learning rate  does not hold (10 evaluations)"),
    ],
)
async def test_what_comes_out_is_told_from_what_the_runs_beside_have_logged(
    app: AppMaker, probed: Recorded, arm: float, control: float, words: str
) -> None:
    proof = write_proof(probed.paths, probed.specs[0])
    beside(probed, proof, 12, arm, control)
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        text = await sees(pilot, words, "came out")
        assert "next look" not in text


async def test_what_was_written_of_a_proof_counts(app: AppMaker, probed: Recorded) -> None:
    proof = write_proof(probed.paths, probed.specs[0])
    beside(probed, proof, 24, 0.03, 0.05)
    decide(probed.paths, proof, "undecided", left=0.9, low=0.7, high=1.1, evaluations=40)
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        await sees(
            pilot, "? with half the learning rate  undecided (40 evaluations)", "90 % [70, 110]"
        )


async def test_what_is_proven_counts_for_the_verdict_more_than_what_was_probed(
    app: AppMaker, probed: Recorded
) -> None:
    proof = write_proof(probed.paths, probed.specs[0])
    beside(probed, proof, 24, 0.03, 0.05)
    decide(probed.paths, proof, "holds", left=0.2, low=0.15, high=0.25, evaluations=20)
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        await sees(pilot, "half of it 20 % [15, 25] of the volatility would be left (proof, 20")


async def test_the_runs_own_later_evaluations_are_its_control(
    app: AppMaker, probed: Recorded
) -> None:
    spec = probed.specs[0]
    fork = fork_of("one", step=340, epoch=8.5)
    proof = write_proof(probed.paths, spec, control="one", fork=fork)
    writer = run_beside(probed.paths, spec, proof, proof.arm_run, 9, 0.02, 1)
    probed.living.add(writer.run.lock)
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        words = "next look at 10; one~learning-rate-half against one, from epoch 8.5"
        await until(pilot, lambda: words in within(pilot, "#proofs"))


async def test_a_run_beside_that_failed_is_said_to_hinder_the_proof(
    app: AppMaker, probed: Recorded
) -> None:
    proof = write_proof(probed.paths, probed.specs[0])
    writer = beside(probed, proof, 6, 0.02, 0.05)
    writer.finish("failed", 260, reason="The loss is not finite.")
    probed.living.discard(writer.run.lock)
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        words = "one~learning-rate-half ended (failed) after 6 evaluations"
        await until(pilot, lambda: words in within(pilot, "#proofs"))


async def test_the_live_screen_marks_the_fork_and_says_where_runs_beside_begin(
    app: AppMaker, probed: Recorded
) -> None:
    proof = write_proof(probed.paths, probed.specs[0])
    beside(probed, proof, 6, 0.02, 0.05)
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await live_screen(pilot)

        text = await sees(pilot, "one~control", "┣ fork")
        assert text.count("from epoch 5") == 2
        assert text.count("┣") == 2


# --- in all ------------------------------------------------------------------------------------------


async def test_nothing_is_drawn_below_another_screen(app: AppMaker, probed: Recorded) -> None:
    probe = running(probed)
    async with app(probed).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        await pilot.press("enter")
        await sees(pilot, "What it is")
        before = screen._shown
        probe.look(LOOKS)
        await pilot.pause(0.4)
        assert screen._shown is before
        await pilot.press("escape")

        await until(pilot, lambda: screen._shown is not before)


async def test_a_session_deleted_meanwhile_stops_nothing(app: AppMaker, probed: Recorded) -> None:
    running(probed)
    async with app(probed).run_test(size=(120, 40), notifications=True) as pilot:
        screen = await ready(pilot)
        probed.living.clear()
        shutil.rmtree(probed.paths.folder)
        await until(pilot, lambda: screen.feed.gone)
        await pilot.press("p", "A", "P", "x")
        await pilot.pause(0.2)
        await pilot.press("escape", "escape")


async def test_hostile_words_in_probes_and_proofs_stay_on_their_lines(
    app: AppMaker, probed: Recorded
) -> None:
    probe = running(probed)
    probe.beat(100, phase="[red]\x1b[2J phase")
    probe.note("a\n\x1b[31mnote[/]")
    write_proof(probed.paths, probed.specs[0], arm_run="x\x1b[2J", predicted_by="[bold]\n")
    async with app(probed).run_test(size=WIDE, notifications=True) as pilot:
        await ready(pilot)

        text = await sees(pilot, "[red]␛[2J phase", "x␛[2J has not begun", "␛[31mnote[/]")
        assert "\x1b" not in text
        assert {len(line) for line in text.splitlines()} == {200}


def test_planning_touches_no_file(trained: Recorded) -> None:
    run, spec = trained.paths.run("one"), trained.specs[0]
    before = sorted(str(path) for path in Path(trained.paths.folder).rglob("*"))

    supervise_probe.plan_probe(trained.paths, run, spec, ["learning-rate-half"])

    assert sorted(str(path) for path in Path(trained.paths.folder).rglob("*")) == before
