"""Arms and remedies: each changes the one setting it names, keeps the spacing, or says why it cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from valtui_trainer.measure.verdict import CAUSE_OF_ARM, CAUSE_OF_LENS
from valtui_trainer.presets import arms
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.keys import difference
from valtui_trainer.presets.spacing import images_between, steps_per_epoch
from valtui_trainer.presets.types import Augmentation, Evaluation, Model, Optimizer, Preset

SETTINGS = {
    "learning-rate-half": {"learning_rate"},
    "learning-rate-quarter": {"learning_rate"},
    "batch-size-double": {"batch_size"},
    "batch-size-quadruple": {"batch_size"},
    "dropout-off": {"model.dropout"},
    "augmentation-off": {"augmentation"},
    "batchnorm-momentum-up": {"model.batchnorm_momentum"},
    "batchnorm-momentum-down": {"model.batchnorm_momentum"},
    "weight-decay-off": {"weight_decay"},
    "adam-epsilon": {"optimizer.epsilon"},
    "averaged-weights": {"evaluation.averaged_weights"},
    "exact-batchnorm": {"evaluation.exact_batchnorm"},
    "larger-validation": {"val_size"},
}
BATCH_ARMS = {"batch-size-double": 2, "batch-size-quadruple": 4}

presets = st.builds(
    Preset,
    batch_size=st.integers(1, 512),
    learning_rate=st.floats(1e-6, 1.0),
    weight_decay=st.sampled_from([0.0, 0.01]),
    val_size=st.sampled_from([None, 200]),
    eval_every=st.sampled_from([0.1, 0.25, 1, "2 epochs", "0.5 epochs", "50 steps", "8 steps"]),
    drop_last=st.booleans(),
    augmentation=st.sampled_from([Augmentation(), Augmentation(flip=True, rotation=10)]),
    evaluation=st.builds(Evaluation, exact_batchnorm=st.booleans(), averaged_weights=st.booleans()),
    optimizer=st.builds(
        Optimizer,
        name=st.sampled_from(["adam", "adamw", "sgd"]),
        epsilon=st.sampled_from([1e-8, 1e-4, 1e-3]),
    ),
    model=st.builds(
        Model,
        name=st.sampled_from(["seed-cnn", "small-cnn", "resnet18"]),
        batchnorm=st.booleans(),
        batchnorm_momentum=st.sampled_from([0.01, 0.1, 0.5, 1.0]),
        dropout=st.sampled_from([0.0, 0.3]),
    ),
)


@given(preset=presets, identity=st.sampled_from(sorted(arms.ARMS)))
def test_an_arm_changes_the_setting_that_it_names_and_no_other(
    preset: Preset, identity: str
) -> None:
    reason = arms.why_not(preset, identity)
    if reason:
        assert reason.endswith(".")
        with pytest.raises(PresetError, match=f"^{identity} does not apply: "):
            arms.change(preset, identity)
        return

    changed = difference(arms.change(preset, identity), preset)

    assert changed, "it changes something"
    own = {key for key in changed if key.split(".")[0] != "eval_every"}
    assert all(
        key in SETTINGS[identity] or key.partition(".")[0] in SETTINGS[identity] for key in own
    )
    if "eval_every" in changed:
        assert identity in BATCH_ARMS
        assert "step" in str(preset.eval_every)


@given(preset=presets, identity=st.sampled_from(sorted(BATCH_ARMS)), batches=st.integers(1, 1000))
def test_a_batch_arm_is_evaluated_as_many_images_apart(
    preset: Preset, identity: str, batches: int
) -> None:
    if arms.why_not(preset, identity):
        return
    changed = arms.change(preset, identity)
    size = batches * changed.batch_size

    if isinstance(preset.eval_every, str) and "step" in preset.eval_every:
        assert images_between(changed, size) == pytest.approx(images_between(preset, size))
    else:
        assert changed.eval_every == preset.eval_every, "epochs are images"
    assert changed.batch_size == BATCH_ARMS[identity] * preset.batch_size


@pytest.mark.parametrize("size", [300, 900, 4000])
def test_an_epoch_is_as_many_images_whatever_the_rest_batch(size: int) -> None:
    preset = Preset(batch_size=128, eval_every=1)

    assert images_between(preset, size) == size
    assert images_between(arms.change(preset, "batch-size-quadruple"), size) == size


def test_dropout_and_momentum_that_a_preset_sets_are_never_given_back_to_the_models_own() -> None:
    preset = Preset(model=Model(name="resnet18", dropout=0.3, batchnorm_momentum=0.5))

    assert 0 < arms.change(preset, "dropout-off").model.dropout < 1e-6
    assert arms.change(preset, "batchnorm-momentum-down").model.batchnorm_momentum != 0.1


def test_fifty_steps_are_no_whole_number_of_steps_at_four_times_the_batch() -> None:
    preset = Preset(eval_every="50 steps")

    assert arms.change(preset, "batch-size-double").eval_every == "25 steps"
    reason = arms.why_not(preset, "batch-size-quadruple")
    assert "50 steps" in reason
    assert "multiple of 4 steps" in reason


@pytest.mark.parametrize(
    ("identity", "preset", "words"),
    [
        ("dropout-off", Preset(), "model.dropout is 0."),
        ("dropout-off", Preset(model=Model(name="vgg11")), "which no setting changes"),
        ("augmentation-off", Preset(), "nothing is augmented"),
        ("batchnorm-momentum-up", Preset(), "has no BatchNorm"),
        ("batchnorm-momentum-down", Preset(model=Model(name="small-cnn")), "has no BatchNorm"),
        ("exact-batchnorm", Preset(), "has no BatchNorm"),
        (
            "batchnorm-momentum-up",
            Preset(model=Model(name="small-cnn", batchnorm=True, batchnorm_momentum=1.0)),
            "is 1 already",
        ),
        ("weight-decay-off", Preset(), "weight_decay is 0"),
        ("adam-epsilon", Preset(optimizer=Optimizer(name="sgd")), "SGD, which has no epsilon"),
        ("adam-epsilon", Preset(optimizer=Optimizer(epsilon=1e-3)), "is 0.001 already"),
        ("larger-validation", Preset(), "all validation images there are are used"),
        ("averaged-weights", Preset(evaluation=Evaluation(averaged_weights=True)), "on already"),
        (
            "exact-batchnorm",
            Preset(
                model=Model(name="small-cnn", batchnorm=True),
                evaluation=Evaluation(exact_batchnorm=True),
            ),
            "on already",
        ),
        ("batch-size-double", Preset(eval_every="1 step"), "no whole number of steps"),
    ],
)
def test_where_an_arm_would_change_nothing_it_says_why(
    identity: str, preset: Preset, words: str
) -> None:
    assert words in arms.why_not(preset, identity)
    assert identity not in arms.applicable(preset)


def test_momentum_rises_to_one_at_the_most() -> None:
    preset = Preset(model=Model(name="small-cnn", batchnorm=True, batchnorm_momentum=0.3))

    assert arms.change(preset, "batchnorm-momentum-up").model.batchnorm_momentum == 1.0
    down = arms.change(preset, "batchnorm-momentum-down").model.batchnorm_momentum
    assert down == pytest.approx(0.06)


def test_an_unknown_arm_is_refused_with_one_that_comes_near() -> None:
    with pytest.raises(
        PresetError, match=r"'learning-rate-halve'.*did you mean.*learning-rate-half"
    ):
        arms.find("learning-rate-halve")


def test_the_causes_of_arms_are_those_of_the_verdict() -> None:
    assert {arm: arms.ARMS[arm].cause for arm in arms.PROBED} == CAUSE_OF_ARM
    remedies = {arm.id: arm.cause for arm in arms.ARMS.values() if arm.remedy}
    for lens, cause in CAUSE_OF_LENS.items():
        assert remedies.get(lens, cause) == cause


def test_every_setting_that_an_arm_names_is_there() -> None:
    assert set(SETTINGS) == set(arms.ARMS)


@given(preset=presets)
def test_what_applies_are_arms_that_a_probe_can_train(preset: Preset) -> None:
    found = arms.applicable(preset)

    assert set(found) <= set(arms.PROBED)
    assert {"learning-rate-half", "learning-rate-quarter"} <= set(found)
    assert all(steps_per_epoch(arms.change(preset, arm), 10**6) > 0 for arm in found)
