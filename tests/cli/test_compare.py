"""`compare`: the table, and the shape of the document that scripts rely on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from support.pairs import STEPS, begin_run, describe_set, levels_of, log_levels, make_levels
from support.sessions import make_session, new_session
from valtui.cli.main import main
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.records import Fork, RunSpec

RUN_KEYS = {
    "id", "preset", "state", "reason", "seeds", "evaluations", "differs", "val_loss_last_window",
    "accuracy_last_window", "accuracy_kind", "best", "volatility", "volatility_relative",
    "volatility_ratio_to_reference", "volatility_ratio_note", "images_per_second", "shares_device",
    "fork",
}  # fmt: skip
PAIR_KEYS = {
    "lower", "higher", "outcome", "sentence", "with_best", "val_loss_difference", "common_samples",
    "over_samples", "over_seeds", "over_both", "seeds_needed_each",
}  # fmt: skip
SIDE_KEYS = {"id", "runs", "seeds", "seeds_not_finite", "last_epoch", "ended"}
TOLD_KEYS = {"told", "interval_95_all_pairs_student_t", "standard_error", "degrees_of_freedom"}
VOLATILITY_KEYS = {
    "value", "interval_90_chi2", "degrees_of_freedom", "evaluations", "constant", "robust_value",
    "spikes", "interval_too_narrow",
}  # fmt: skip


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code = main(["compare", *arguments, "--json"])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return json.loads(out, parse_constant=pytest.fail)


def test_the_document_has_its_contracted_shape(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home, seeds=(0, 1, 2), steps=400)

    found = document(capsys)

    assert set(found) == {"schema", "session", "study", "question", "reference", "runs", "pairs"}
    assert (found["schema"], found["session"], found["reference"]) == (1, session.id, "batch-32")
    for run in found["runs"]:
        assert set(run) == RUN_KEYS
        assert set(run["volatility"]) == set(run["volatility_relative"]) == VOLATILITY_KEYS
        level = run["val_loss_last_window"]
        low, high = level["interval_95_student_t_over_seeds"]
        assert low < level["mean"] < high
        assert level["n_seeds"] == 3
        low, high = run["volatility_relative"]["interval_90_chi2"]
        assert low < run["volatility_relative"]["value"] < high


def test_the_first_run_is_the_reference_of_ratios(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, seeds=(0, 1), steps=400)

    first, second = document(capsys)["runs"]

    assert first["volatility_ratio_to_reference"] is None
    ratio = second["volatility_ratio_to_reference"]
    assert ratio["interval_90_f"][0] < ratio["value"] < ratio["interval_90_f"][1]
    assert ratio["value"] == pytest.approx(
        second["volatility_relative"]["value"] / first["volatility_relative"]["value"]
    )


def test_the_made_up_volatility_is_found_again(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, {"one": Preset()}, seeds=(0, 1, 2, 3), steps=1000)

    (run,) = document(capsys)["runs"]

    low, high = run["volatility_relative"]["interval_90_chi2"]
    assert low < 0.05 < high


def test_one_seed_has_no_interval_over_seeds(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, steps=400)

    for run in document(capsys)["runs"]:
        assert run["val_loss_last_window"]["interval_95_student_t_over_seeds"] is None
        assert run["val_loss_last_window"]["n_seeds"] == 1


def test_the_best_evaluation_comes_with_its_look_alikes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, {"one": Preset()}, steps=400)

    (run,) = document(capsys)["runs"]

    assert set(run["best"]) == {"step", "epoch", "val_loss", "look_alikes"}
    assert run["best"]["look_alikes"] >= 0


def test_what_cannot_be_measured_is_null(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_session(home)

    for run in document(capsys)["runs"]:
        assert run["evaluations"] == 0
        assert run["best"] is None
        assert run["volatility"]["value"] is None
        assert run["val_loss_last_window"]["mean"] is None


@pytest.mark.filterwarnings("error")
def test_losses_that_are_not_finite_poison_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (writer,) = make_session(home, {"one": Preset()}, steps=200, status=None)
    writer.evaluate(210, 0, float("nan"))
    writer.evaluate(220, 0, float("inf"))
    writer.curves(range(221, 401))
    writer.finish()

    (run,) = document(capsys)["runs"]

    assert run["volatility"]["value"] > 0
    assert run["val_loss_last_window"]["mean"] > 0


def test_the_table_has_a_row_a_run_with_n_and_intervals(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, seeds=(0, 1), steps=400)

    assert main(["compare"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("Does a larger batch calm it?\n")
    row = next(line for line in out.splitlines() if line.startswith("batch-128"))
    assert re.search(r"0\.\d+ ±0\.\d+ n=2", row)
    assert re.search(r"% \[[\d.]+, [\d.]+\]", row)
    assert "Student-t" in out


def test_a_session_without_readable_runs_is_an_empty_comparison(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    session, _ = make_session(home, steps=10)
    shutil.rmtree(session.runs)

    assert document(capsys)["runs"] == document(capsys)["pairs"] == []
    assert main(["compare"]) == 0


# --- better, or noise ------------------------------------------------------------------------------


def pairs(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """Return the pairs of the newest session."""
    return list(document(capsys)["pairs"])


def test_every_pair_has_its_contracted_shape_and_those_with_the_best_come_first(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_levels(home, {"a": 0.3, "b": 0.1, "c": 0.2})

    found = pairs(capsys)

    named = [(one["lower"]["id"], one["higher"]["id"], one["with_best"]) for one in found]
    assert named == [("b", "c", True), ("b", "a", True), ("c", "a", False)]
    for one in found:
        assert set(one) == PAIR_KEYS
        assert set(one["lower"]) == set(one["higher"]) == SIDE_KEYS
        assert one["outcome"] == "better"
        assert one["common_samples"] == 100
        assert one["lower"]["seeds"] == [0, 1, 2]
        for level in ("over_samples", "over_seeds", "over_both"):
            assert set(one[level]) == TOLD_KEYS
            low, high = one[level]["interval_95_all_pairs_student_t"]
            assert 0 < low < one["val_loss_difference"] < high
    assert found[1]["val_loss_difference"] == pytest.approx(0.2, abs=1e-6)


def test_the_words_of_a_pair_stand_below_the_table(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_levels(home, {"a": 0.3, "b": 0.1})

    assert main(["compare"]) == 0

    out = capsys.readouterr().out
    assert re.search(
        r"^- b is better than a by 0\.20 \[0\.1\d, 0\.2\d\]: more than another seed would give "
        r"\(3 seeds each\), and more than this set would by chance \(100 samples\)\.$",
        out,
        re.MULTILINE,
    )
    assert "better, or noise?  95 %\n" in out
    assert "(Bonferroni)" not in out


def test_several_pairs_are_said_to_be_judged_together(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_levels(home, {"a": 0.3, "b": 0.1, "c": 0.2})

    assert main(["compare"]) == 0

    assert "95 %, for all 3 pairs together (Bonferroni)" in capsys.readouterr().out


def test_what_seeds_do_not_tell_says_how_many_it_takes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_levels(home, {"a": 0.3, "b": 0.2}, deviations=(0.06, 0.02))

    (found,) = pairs(capsys)

    assert (found["outcome"], found["over_seeds"]["told"]) == ("more-seeds-needed", False)
    assert found["seeds_needed_each"] > 3
    assert f"About {found['seeds_needed_each']} seeds each would tell." in found["sentence"]


def test_one_seed_each_is_not_enough_to_say(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_levels(home, {"a": 0.3, "b": 0.1}, seeds=(0,))

    (found,) = pairs(capsys)

    assert (found["outcome"], found["over_seeds"]) == ("second-seed-needed", None)
    assert "a second seed is needed to say" in found["sentence"]


def test_a_difference_that_the_set_does_not_show_is_said_so(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_levels(home, {"a": 0.101, "b": 0.1}, deviations=(0.01, 0.3))

    (found,) = pairs(capsys)

    assert (found["outcome"], found["over_samples"]["told"]) == ("set-cannot-tell", False)
    assert "this validation set cannot tell them" in found["sentence"]


def nested(home: Path, described: bool = True) -> SessionPaths:
    """Make a session of two presets, one judged by every second sample of the other, in another order."""
    presets = {"all": Preset(), "half": Preset(val_size=50)}
    session, (whole, half) = new_session(home, presets, (0, 1, 2))
    log_levels(begin_run(session, whole), levels_of(0.3, (0, 1, 2)))
    chosen = np.arange(98, -1, -2)
    log_levels(begin_run(session, half, 50, "f" * 16), levels_of(0.2, (0, 1, 2))[:, chosen])
    if described:
        describe_set(session)
        describe_set(session, "f" * 16, chosen.astype(np.uint64))
    return session


def test_nested_validation_sets_are_compared_on_the_samples_they_share(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nested(home)

    (found,) = pairs(capsys)

    assert (found["outcome"], found["common_samples"]) == ("better", 50)
    assert found["lower"]["id"] == "half"
    # Levels rise by 0.5 from the first sample to the last: paired the wrong way they would hide 0.1.
    assert found["over_samples"]["standard_error"] < 0.01


def test_sets_whose_samples_are_not_known_are_not_compared(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nested(home, described=False)

    (found,) = pairs(capsys)

    assert (found["outcome"], found["val_loss_difference"]) == ("not-compared", None)
    assert "what these have in common cannot be read" in found["sentence"]


def test_sets_that_share_nothing_are_not_compared(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (one, other) = new_session(home, {"a": Preset(), "b": Preset(data="else.npz")}, (0,))
    log_levels(begin_run(session, one), levels_of(0.3, (0,)))
    log_levels(begin_run(session, other, digest="f" * 16), levels_of(0.1, (0,)))
    describe_set(session)
    describe_set(session, "f" * 16, np.arange(1000, 1100, dtype=np.uint64))

    (found,) = pairs(capsys)

    assert found["outcome"] == "not-compared"
    assert "share no validation samples" in found["sentence"]


def further(session: SessionPaths, spec: RunSpec, **changes: Any) -> RunSpec:
    """Return a further run like `spec`."""
    return msgspec.structs.replace(
        spec, **({"id": f"{spec.id}+seeds-2", "position": 7, "seeds": [3, 4]} | changes)
    )


def test_runs_of_one_preset_count_together_and_a_seed_in_both_counts_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (one, _) = make_levels(home, {"a": 0.3, "b": 0.1})
    more = further(session, one, seeds=[2, 3], preset=Preset(seeds=[2, 3]))
    log_levels(begin_run(session, more), levels_of(0.3, (2, 3)))

    (found,) = pairs(capsys)

    assert found["higher"]["runs"] == ["a", "a+seeds-2"]
    assert found["higher"]["seeds"] == [0, 1, 2, 3]
    assert found["lower"]["seeds"] == [0, 1, 2]
    assert "(3 and 4 seeds)" in found["sentence"]


def test_seeds_count_once_they_got_as_far_as_the_others(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (one, _) = make_levels(home, {"a": 0.3, "b": 0.1})
    more = further(session, one)
    log_levels(begin_run(session, more), levels_of(0.9, (3, 4)), evaluations=6, status="stopped")

    (found,) = pairs(capsys)

    assert found["higher"]["seeds"] == [0, 1, 2]
    assert "a+seeds-2 does not count: it did not get as far." in found["sentence"]


def test_a_run_that_ended_early_is_said_to_have(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    presets = {"a": Preset(), "b": Preset(batch_size=8)}
    session, (one, other) = new_session(home, presets, (0, 1, 2))
    log_levels(begin_run(session, one), levels_of(0.3, (0, 1, 2)))
    log_levels(begin_run(session, other), levels_of(0.1, (0, 1, 2)), 8, status="stopped")

    (found,) = pairs(capsys)

    assert found["sentence"].endswith("b stopped at epoch 2.")
    assert (found["lower"]["last_epoch"], found["lower"]["ended"]) == (2.0, True)


def test_a_run_that_its_own_patience_ended_is_said_to_have_stopped_early(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (one, other) = new_session(home, {"a": Preset(), "b": Preset(batch_size=8)}, (0, 1, 2))
    log_levels(begin_run(session, one), levels_of(0.3, (0, 1, 2)))
    writer = begin_run(session, other)
    log_levels(writer, levels_of(0.1, (0, 1, 2)), 8, status=None)
    writer.finish("done", 8 * STEPS, reason="Stopped early at epoch 2: …")

    (found,) = pairs(capsys)

    assert found["sentence"].endswith("b stopped early at epoch 2.")


def test_a_continuation_takes_no_part_and_its_row_says_where_it_begins(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (one, _) = make_levels(home, {"a": 0.3, "b": 0.1})
    fork = Fork(run="a", file="x.pt", sha256="0", step=60, epoch=1.5, epochs=10)
    beside = further(session, one, id="a~dropout-off", fork=fork, proof="1")
    start = session.proof("1").start
    start.parent.mkdir(parents=True)
    start.touch()
    log_levels(begin_run(session, beside), levels_of(0.05, (3, 4)))

    found = document(capsys)

    assert [pair["lower"]["id"] for pair in found["pairs"]] == ["b"]
    assert [run["fork"] for run in found["runs"]] == [
        None, None, {"run": "a", "step": 60, "epoch": 1.5},
    ]  # fmt: skip
    assert main(["compare"]) == 0
    assert "done, from a at 1.5" in capsys.readouterr().out


def test_a_seed_that_diverged_is_left_out_and_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, (one, _) = make_levels(home, {"a": 0.3, "b": 0.1})
    broken = levels_of(0.3, (3, 4))
    broken[1] = np.nan
    log_levels(begin_run(session, further(session, one)), broken)

    (found,) = pairs(capsys)

    assert (found["higher"]["seeds"], found["higher"]["seeds_not_finite"]) == ([0, 1, 2, 3], [4])
    assert "1 seed of a is left out: the losses are not finite." in found["sentence"]


def test_losses_by_sample_that_cannot_be_read_leave_the_seeds(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_levels(home, {"a": 0.3, "b": 0.1})
    session.run("a").attempt(0).losses.unlink()

    (found,) = pairs(capsys)

    assert (found["outcome"], found["over_samples"]) == ("no-samples", None)
    assert found["over_seeds"]["told"]
    assert found["val_loss_difference"] == pytest.approx(0.2, abs=1e-6)


def test_too_few_evaluations_make_no_level(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session, (one, other) = new_session(home, {"a": Preset(), "b": Preset(batch_size=8)}, (0, 1))
    log_levels(begin_run(session, one), levels_of(0.3, (0, 1)))

    (waits,) = pairs(capsys)
    log_levels(begin_run(session, other), levels_of(0.1, (0, 1)), evaluations=4)
    (short,) = pairs(capsys)

    assert "b has no evaluation yet" in waits["sentence"]
    assert waits["with_best"]
    assert "b has too few evaluations, 4: a level needs 5." in short["sentence"]


def test_networks_trained_alike_have_the_same_losses(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    presets = {"a": Preset(), "b": Preset(val_size=100)}
    session, specs = new_session(home, presets, (0, 1))
    for spec in specs:
        log_levels(begin_run(session, spec), levels_of(0.3, (0, 1)))

    (found,) = pairs(capsys)

    assert found["outcome"] == "same-losses"
    assert "have the same losses on the 100 samples" in found["sentence"]


def test_markdown_has_a_row_a_run_and_shows_hostile_names_as_they_are(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = "a|b](x) `c` <img> &lt;b&gt; @someone #12"
    make_session(home, {"batch-32": Preset(), hostile: Preset(batch_size=128)}, steps=400)

    assert main(["compare", "--md"]) == 0

    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("|")]
    bars = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert len(rows) == 4
    assert len(bars) == 1
    assert rows[1] == f"|{' --- |' * (bars.pop() - 1)}"
    assert not re.search(r"(?<!\\)[`<]", "\n".join(rows))
    assert not re.search(r"(?<!\\)\]\(", "\n".join(lines))
    assert not re.search(r"(?<!\\)&(?!#8203;)|[@#](someone|12)", "\n".join(lines))
