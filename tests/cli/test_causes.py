"""`causes`: the verdict in words, the document with its schema, and no answer where there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from support.fluctuating import (
    DIGEST,
    PLANS,
    add_attempt_of,
    describe_samples,
    losses_of,
    write_run,
)
from support.probed import LOOKS, ProbeWriter, arm_look, run_beside, write_proof
from support.sessions import make_session, new_session
from valtui.causes.document import schema
from valtui.cli.main import main
from valtui_trainer.presets.arms import PROBED
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.records import Check, LensPlan, ProofSpec, RunSpec
from valtui_trainer.session.validation import write_validation

SCHEMA = Path(__file__).parents[2] / "tui" / "valtui" / "schemas" / "causes.json"


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Return what `causes --json` prints, which its schema must allow."""
    code = main(["causes", *arguments, "--json"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    found = json.loads(out, parse_constant=pytest.fail)
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(found)
    return found


def text(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what `causes` prints."""
    code = main(["causes", *arguments])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return out


def row(run: Any, name: str) -> Any:
    """Return one counterfactual of a run of the document."""
    return next(one for one in run["rows"] if one["id"] == name)


def test_the_schema_that_ships_is_that_of_the_document() -> None:
    assert json.loads(SCHEMA.read_text()) == schema()


def test_noise_of_single_samples_is_laid_to_the_finite_set(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(home, losses_of(common=0.0, own=1.0))

    (run,) = document(capsys)["runs"]

    assert run["verdict"]["causes"][0] == "finite-set"
    left = row(run, "larger-validation")["left"]
    assert left["squared_ratio"] < 0.5  # its standard error is a third
    assert left["interval_90"][0] <= left["value"] <= left["interval_90"][1]


def test_noise_that_all_samples_share_is_laid_to_no_finite_set(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(home, losses_of(common=0.1, own=0.01))

    (run,) = document(capsys)["runs"]

    assert run["verdict"]["kind"] == "open"
    assert row(run, "larger-validation")["left"]["value"] > 0.95
    assert "learning rate" in run["verdict"]["sentence"]


def test_a_calmer_loss_with_exact_statistics_is_laid_to_batchnorm(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = losses_of(common=0.1, own=0.01)
    calm = losses_of(common=0.005, own=0.01).mean(axis=1)
    write_run(home, losses, {"val_loss_precise": calm})

    said = text(capsys)

    assert "BatchNorm's running statistics: with exact BatchNorm statistics" in said
    assert "1 with exact BatchNorm statistics" in said
    assert "cost 6 % of the training time" in said


def test_a_failed_check_stands_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = Check(check="frozen", outcome="failed", message="Twice the same weights, 0.3 and 0.4.")
    write_run(home, losses_of(), checks=(failed,))

    said = text(capsys)

    assert (
        "not sound (validation is random): Twice the same weights, 0.3 and" in said.splitlines()[1]
    )
    assert "✕ frozen: Twice the same weights, 0.3 and 0.4." in said
    assert "so this waits" in said


def test_every_row_says_why_it_has_no_answer(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = [
        LensPlan(name="exact-batchnorm", on=False, reason="this model has no BatchNorm"),
        *PLANS[1:],
    ]
    write_run(home, losses_of(), plans=plans)

    (run,) = document(capsys)["runs"]

    assert row(run, "exact-batchnorm")["why"] == "this model has no BatchNorm"
    assert row(run, "averaged-weights")["why"] == "switched off by lenses.averaged_weights"
    assert all((one["left"] is None) == bool(one["why"]) for one in run["rows"])


def test_causes_are_ranked_and_remedies_and_descriptions_are_not(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = losses_of(common=0.1, own=0.1)
    mean = losses.mean(axis=1)
    columns = {"val_loss_precise": mean * 0.5 + 0.1, "val_loss_averaged": mean * 0.1 + 0.2}
    write_run(home, losses, columns, plans=[LensPlan(name=p.name, on=True) for p in PLANS])

    (run,) = document(capsys)["runs"]

    kinds = [(one["kind"], one["rank"]) for one in run["rows"]]
    assert kinds == [
        ("cause", 1), ("cause", 2), ("cause", None), ("remedy", None), ("description", None)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("evaluations", "words"),
    [
        (1, "Not enough evidence yet: 1 evaluation."),
        (7, "Not enough evidence yet: 7 evaluations."),
        (12, "of the 8 degrees of freedom"),
        (17, "17 evaluations give 7.9 of the 8 degrees of freedom"),
    ],
)
def test_few_evaluations_give_no_cause(
    home: Path, capsys: pytest.CaptureFixture[str], evaluations: int, words: str
) -> None:
    losses = losses_of(evaluations, common=0.0, own=1.0)
    write_run(home, losses, {"val_loss_precise": np.full(evaluations, 0.3)})

    (run,) = document(capsys)["runs"]

    assert words in run["verdict"]["sentence"]
    assert not run["verdict"]["causes"]
    if evaluations < 8:
        lefts = [one["left"] for one in run["rows"] if one["left"]]
        assert all(left["interval_90"] is None for left in lefts)


def nasty(name: str) -> dict[str, Any]:
    """Return the arguments of `write_run` for a run that hardly anything can be said of."""
    losses = losses_of()
    if name == "constant":
        return {"losses": np.full((40, 100), 0.5)}
    if name == "two samples":
        return {"losses": losses[:, :2], "described": describe_samples(2)}
    if name == "one sample":
        return {"losses": losses[:, :1], "described": describe_samples(1, 1)}
    if name == "one class":
        return {"losses": losses, "described": describe_samples(100, 1)}
    if name == "some NaN":
        losses[5:9, 3] = np.nan
        return {"losses": losses, "columns": {"val_loss_precise": losses.mean(axis=1)}}
    if name == "all infinite":
        return {"losses": np.full((40, 100), np.inf)}
    return {"losses": losses, "described": {}}


@pytest.mark.parametrize(
    "name",
    [
        "constant",
        "two samples",
        "one sample",
        "one class",
        "some NaN",
        "all infinite",
        "undescribed",
    ],
)
def test_nasty_losses_crash_nothing_and_invent_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write_run(home, **nasty(name))

    assert text(capsys)
    (run,) = document(capsys)["runs"]

    for one in run["rows"]:
        assert (one["left"] is None) == bool(one["why"])
    if name in ("constant", "all infinite"):
        assert not run["verdict"]["causes"]
        assert all(one["left"] is None for one in run["rows"])
    if name in ("one class", "undescribed"):
        assert run["groups_why"]


def test_torn_rows_are_left_out_and_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, paths = write_run(home, losses_of())
    file = paths.attempt(0).losses
    content = bytearray(file.read_bytes())
    content[25 * 400 : 25 * 400 + 4] = b"torn"
    file.write_bytes(content[: 30 * 400 + 7])

    (run,) = document(capsys)["runs"]

    assert any("11 of 20 evaluations are missing, damaged" in note for note in run["notes"])
    assert row(run, "larger-validation")["left"] is not None


@pytest.mark.parametrize("gone", ["val_losses.f32", "val_losses.json"])
def test_missing_rows_are_said(home: Path, capsys: pytest.CaptureFixture[str], gone: str) -> None:
    _, paths = write_run(home, losses_of())
    (paths.attempt(0).folder / gone).unlink()

    (run,) = document(capsys)["runs"]

    assert "are missing or damaged" in row(run, "larger-validation")["why"]
    assert run["hardest_samples"] is None
    assert run["hardest_samples_why"]


def test_rows_of_another_length_after_a_resume_are_refused_in_words(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, paths = write_run(home, losses_of(evaluations=20))
    add_attempt_of(paths, losses_of(evaluations=20, samples=60), from_step=200)

    (run,) = document(capsys)["runs"]

    assert run["evaluations"] + run["first_fall_evaluations_left_out"] == 40
    assert "the validation set changed between attempts" in row(run, "larger-validation")["why"]


def test_rows_of_another_set_of_the_same_size_after_a_resume_are_refused_in_words(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, paths = write_run(home, losses_of(evaluations=20))
    add_attempt_of(paths, losses_of(evaluations=20), from_step=200, digest="fedcba9876543210")

    (run,) = document(capsys)["runs"]

    assert "the validation set changed between attempts" in row(run, "larger-validation")["why"]
    assert run["best"]["optimism"] is None


def test_an_attempt_whose_rows_are_lost_is_a_gap_for_the_others(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, paths = write_run(home, losses_of(evaluations=10))
    add_attempt_of(paths, losses_of(evaluations=30, seed=1), from_step=100)
    paths.attempt(0).losses.unlink()

    (run,) = document(capsys, "--epochs", "0:100")["runs"]

    assert run["evaluations"] == 40
    assert any("10 of 40 evaluations are missing" in note for note in run["notes"])
    assert row(run, "larger-validation")["left"] is not None


@pytest.mark.parametrize("how", ["torn", "empty", "no labels", "short index", "short brightness"])
def test_a_damaged_description_of_the_samples_costs_the_classes_alone(
    home: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    session, _ = write_run(home, losses_of(), described={})
    arrays = describe_samples(100)
    if how == "no labels":
        del arrays["label"]
    if how.startswith("short"):
        name = how.removeprefix("short ")
        arrays[name] = arrays[name][:7]
    write_validation(session, DIGEST, arrays)
    path = session.validation(DIGEST)
    content = path.read_bytes()
    if how in ("torn", "empty"):
        path.write_bytes(content[: len(content) // 2] if how == "torn" else b"")

    (run,) = document(capsys)["runs"]

    assert run["groups_why"] == "the description of the validation split is missing"
    assert row(run, "larger-validation")["left"] is not None
    assert run["hardest_samples"] is not None


def test_the_number_of_hardest_samples_is_theirs_not_that_of_those_listed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(home, losses_of(samples=3000))

    (run,) = document(capsys)["runs"]

    assert run["hardest_samples"]["count"] == 30
    assert len(run["hardest_samples"]["samples"]) == 12
    assert "the hardest 30 of 3,000 samples carry" in text(capsys)


def test_a_set_that_was_given_as_it_is_is_not_taken_for_drawn_by_class(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = losses_of(common=0.0, own=0.2)
    losses += 0.2 * np.random.default_rng(5).standard_normal((40, 1)) * (np.arange(100) % 2 - 0.5)
    drawn, _ = write_run(home, losses, described=describe_samples(100, 2))
    given, _ = write_run(home, losses, described=describe_samples(100, 2), by_class=False)

    ratios = [
        row(document(capsys, session.id)["runs"][0], "larger-validation")["left"]["squared_ratio"]
        for session in (drawn, given)
    ]
    assert ratios[1] < ratios[0] - 0.05, "that the classes move apart is the set's own then"


def test_window_and_range_at_once_are_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(home, losses_of())

    assert main(["causes", "--window", "--epochs", "1:5"]) == 2
    assert "give one of them" in capsys.readouterr().err


def test_a_range_without_evaluations_says_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(home, losses_of())

    said = text(capsys, "--epochs", "100:200")

    assert "no evaluation in the range" in said.splitlines()[0]


def test_losses_that_are_not_finite_are_not_called_missing_evaluations(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(home, np.full((40, 100), np.nan))

    assert "0 evaluations with a positive, finite loss (of 40)" in text(capsys)


def test_a_run_without_evaluations_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_session(home)

    assert text(capsys).count("Not enough evidence yet: 0 evaluations") == 2
    assert len(document(capsys)["runs"]) == 2


def test_a_window_and_a_range_look_at_those_evaluations_alone(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(home, losses_of())

    (window,) = document(capsys, "--window")["runs"]
    (chosen,) = document(capsys, "--epochs", "2:5")["runs"]

    assert (window["span"], window["evaluations"]) == ("window", 10)
    assert (chosen["span"], chosen["epochs"], chosen["evaluations"]) == ("range", [2.0, 5.0], 13)


@pytest.mark.parametrize("epochs", ["5", "5:2", "a:b", ":"])
def test_a_range_that_is_none_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], epochs: str
) -> None:
    write_run(home, losses_of())

    assert main(["causes", "--epochs", epochs]) == 2
    assert "such as 5:12" in capsys.readouterr().err


def test_several_seeds_are_pooled(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_session(home, seeds=(0, 1), steps=400)

    first, _ = document(capsys)["runs"]

    assert first["seeds"] == [0, 1]
    assert first["volatility"]["degrees_of_freedom"] > 25
    assert row(first, "larger-validation")["left"]["degrees_of_freedom"] > 25


def test_checks_on_demand_need_a_checkpoint(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(home, losses_of())

    assert main(["causes", "--check"]) == 1
    out, err = capsys.readouterr()
    assert "checkpoint" in err
    assert "evaluations" in out


def write_probed(home: Path, proven: int = 12) -> tuple[Any, ProbeWriter, ProofSpec]:
    """Write a run that was probed, and a proof with so many evaluations: it holds from the tenth on."""
    session, run = write_run(home, losses_of(common=0.1, own=0.01))
    spec = read_document(run.spec, RunSpec)
    assert spec is not None
    probe = ProbeWriter(session, run.id)
    probe.note("trained \x1b[31mside by side")
    probe.end(looks=[LOOKS, LOOKS])
    proof = write_proof(session, spec)
    for position, (name, volatility) in enumerate(
        ((proof.arm_run, 0.02), (proof.control_run, 0.06)), start=1
    ):
        run_beside(session, spec, proof, name, proven, volatility, position)
    return session, probe, proof


def test_arms_of_a_probe_count_as_causes_and_are_named_in_the_verdict(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_probed(home, proven=3)

    run = document(capsys)["runs"][0]

    assert run["verdict"]["causes"] == ["batch-size", "learning-rate"]
    assert run["verdict"]["arm"] == "batch-size-quadruple"
    assert run["verdict"]["sentence"].startswith(
        "Batch size: at four times as many 39 % [28, 54] of the volatility would be left (probe, 8 "
        "replicas); with half the learning rate 53 % [40, 71]."
    )
    arms = {arm["id"]: arm for arm in run["arms"]}
    assert list(arms) == list(PROBED)
    assert arms["batch-size-quadruple"]["rank"] == 1
    assert arms["learning-rate-half"]["left"] == {
        "value": 0.53, "interval_95": [0.4, 0.71], "replicas": 8, "evaluations": 8,
        "mean_loss_change": 0.012,
    }  # fmt: skip
    assert arms["dropout-off"]["not_offered"] == "model.dropout is 0."
    assert arms["adam-epsilon"]["left"] is None


def test_the_document_tells_noise_scale_probes_and_proofs(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, probe, proof = write_probed(home)

    run = document(capsys)["runs"][0]

    assert run["gradient_noise_scale"]["value"] == 312.0
    (told,) = run["probes"]
    assert (told["id"], told["state"], told["from_step"]) == (probe.spec.id, "done", 200)
    assert [len(look) for look in told["looks"]] == [3, 3]
    (shown,) = run["proofs"]
    assert (shown["id"], shown["outcome"]) == (proof.id, "holds")
    assert shown["predicted"]["interval"] == [0.4, 0.71]
    assert shown["came_out"]["evaluations"] == 10
    assert shown["came_out"]["interval_967"][1] < 1
    assert shown["next_look"] is None


def test_the_text_tells_arms_probe_noise_scale_and_proof(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_probed(home)

    said = text(capsys)

    assert "1 with half the learning rate" in said, "what is proven leaves less"
    assert "2 with four times the batch size" in said
    assert "53 % [40, 71]  (8 replicas × 8 evaluations, from epoch 5, mean loss +1.2 %)" in said
    assert "not probed: learning-rate-quarter, batch-size-double, adam-epsilon;" in said
    assert "not offered: model.dropout is 0." in said
    assert "probe done: base and 3 arms × 8 replicas × 8 evaluations, from epoch 5" in said
    assert "beyond batch size 310 [220, 480] a larger batch no longer helps" in said
    assert "proof with half the learning rate: holds" in said
    assert "predicted 53 % [40, 71] (probe), came out" in said
    assert "\x1b" not in said


def test_what_was_never_probed_says_how_to(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session, run = write_run(home, losses_of(common=0.1, own=0.01))

    said = text(capsys)
    (found,) = document(capsys)["runs"]

    assert f"`valtui probe {session.id} {run.id}`" in said
    assert "which only a probe can tell" in said
    assert (found["probes"], found["proofs"], found["gradient_noise_scale"]) == ([], [], None)


def test_an_arm_that_is_not_told_from_none_explains_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, run = write_run(home, losses_of(common=0.1, own=0.01))
    probe = ProbeWriter(session, run.id, arms=["weight-decay-off"])
    probe.end(looks=[[arm_look("weight-decay-off", 1.03, 0.76, 1.4)]])

    (found,) = document(capsys)["runs"]

    assert found["verdict"]["kind"] == "open"
    assert "nor does the arm that was probed" in found["verdict"]["sentence"]


@pytest.mark.parametrize("name", ["probe.json", "result.json", "events.jsonl", "val.jsonl"])
def test_damaged_probes_and_proofs_are_passed_over(
    home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    session, probe, proof = write_probed(home)
    probe.log_all()
    for path in (*probe.paths.folder.rglob(name), *session.proof(proof.id).folder.rglob(name)):
        path.write_bytes(b'{"id": "\x00')

    run = document(capsys)["runs"][0]

    assert len(run["arms"]) == len(PROBED)
