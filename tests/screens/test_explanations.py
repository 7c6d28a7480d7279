"""Every figure of the causes screen has an explanation, for any run, with that run's numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from support.causes import make_causes, make_checks, make_rows, make_trials, make_volatility
from support.probed import NOISE
from valtui.causes.arm_texts import noise_words
from valtui.causes.texts import LENS_NAMES
from valtui.explanations import EXPLANATIONS, sections
from valtui_trainer.measure.verdict import Verdict
from valtui_trainer.presets.arms import PROBED
from valtui_trainer.session.records import CHECKS

FIGURES = {"verdict", "volatility", "overfitting", "jump", "level", "best", "hardest", "groups"}
TRIALS = {"probe", "noise-scale", "proof"}
NOTHING: dict[str, Any] = {
    "rows": (), "checks": (), "hardest": None, "hardest_why": "", "classes": (), "qualities": (),
    "groups_why": "", "overfitting": None, "best": None, "smallest_jump": None, "evaluations": 0,
    "relative": make_volatility(math.nan, degrees=0.0, interval=None, points=0, robust=math.nan),
    "absolute": make_volatility(math.nan, degrees=0.0, interval=None, points=0, robust=math.nan),
    "verdict": Verdict("not-enough"),
}  # fmt: skip


def test_every_row_check_and_figure_has_an_explanation() -> None:
    assert set(EXPLANATIONS) == {*LENS_NAMES, *CHECKS, *FIGURES, *TRIALS, *PROBED}


@pytest.mark.parametrize("identity", EXPLANATIONS)
def test_an_explanation_says_what_how_by_which_formula_whence_and_where_it_misleads(
    identity: str,
) -> None:
    parts = dict(sections(identity, make_causes()))

    assert list(parts)[:6] == [
        "What it is", "How it was measured here", "Formula", "Settings", "Source",
        "Where it misleads",
    ]  # fmt: skip
    assert all(len(text) > 15 for text in parts.values())


@pytest.mark.parametrize("identity", EXPLANATIONS)
def test_a_run_without_any_figure_is_explained_in_words(identity: str) -> None:
    text = " ".join(text for _, text in sections(identity, make_causes(**NOTHING)))

    assert "nan" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("identity", "numbers"),
    [
        ("larger-validation", ("0.325", "57 % [50, 65]", "40 evaluations", "500")),
        ("exact-batchnorm", ("71 % [62, 80]", "−1.2 %", "22 % of the training time")),
        ("hardest-samples", ("0 % (estimate below zero) [0, 31]",)),
        ("averaged-weights", ("no answer", "the preset leaves it off")),
        ("volatility", ("5.1 % [4.2, 6.6]", "0.016 [0.013, 0.021]", "19.8 degrees")),
        ("last-batch", ("doubtful", "holds 1 sample")),
        ("zero-learning-rate", ("not made for this run yet; k makes it",)),
        ("overfitting", ("epoch 6", "0.031", "p = 0.0040")),
        ("best", ("0.287", "epoch 5.5", "0.0090", "samples: 3")),
        ("jump", ("±0.012",)),
        ("hardest", ("5 hardest samples", "31 % [12, 50]", "1 %")),
        ("groups", ("10 classes", "brightness, contrast, sharpness")),
        ("verdict", ("strongest of 2",)),
    ],
)
def test_the_numbers_of_the_run_are_filled_in(identity: str, numbers: tuple[str, ...]) -> None:
    here = dict(sections(identity, make_causes()))["How it was measured here"]

    for number in numbers:
        assert number in here


def test_spikes_and_heavy_tails_are_owned_up_to() -> None:
    relative = make_volatility(spikes=(3, 9), too_narrow=True, robust=0.02)

    here = dict(sections("volatility", make_causes(relative=relative)))["How it was measured here"]

    assert "2 evaluations beyond" in here
    assert "too narrow" in here
    assert "2.0 %" in here


def test_made_causes_hold_every_row_and_kinds_of_checks() -> None:
    assert {row.id for row in make_rows()} == set(LENS_NAMES)
    assert {check.outcome for check in make_checks(frozen="failed")} == {
        "failed", "sound", "doubtful", "unknown",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("identity", "numbers"),
    [
        ("learning-rate-half", ("8 replicas × 8 evaluations", "53 % [40, 71]", "+1.2 %", "A note", "61 % [50, 80] from epoch 2.5")),
        ("dropout-off", ("not offered for this run: model.dropout is 0.",)),
        ("adam-epsilon", ("not probed on this run yet; p probes it",)),
        ("probe", ("3 arms × 8 replicas × 8 evaluations, from epoch 5", "12,800 steps in 3:02", "vmap", "103 % [76, 140]", "A remark.", "An older one")),
        ("noise-scale", ("32 gradients", "beyond batch size 310 [220, 480]")),
        ("proof", ("holds (20 evaluations)", "53 % [40, 71] (probe)", "49 % [36, 66]", "24 evaluations")),
    ],
)  # fmt: skip
def test_what_was_tried_is_explained_with_its_numbers(
    identity: str, numbers: tuple[str, ...]
) -> None:
    causes = make_causes(trials=make_trials())

    here = dict(sections(identity, causes))["How it was measured here"]

    for number in numbers:
        assert number in here


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": None, "note": ""}, "cannot be told: the gradient is not told from its noise; at least 220 images"),
        ({"high": None}, "beyond batch size 310 [220, ∞) a larger"),
        ({"value": 0.0, "low": 0.0}, "beyond batch size 0 [0, 480] a larger"),
    ],
)  # fmt: skip
def test_a_noise_scale_without_an_end_or_a_value_is_told_in_words(
    changes: dict[str, Any], words: str
) -> None:
    assert words in noise_words(replace(NOISE, **changes), 32)
