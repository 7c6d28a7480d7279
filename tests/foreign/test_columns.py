"""What the columns of other tools' logs mean."""

from __future__ import annotations

import pytest

from valtui_trainer.foreign.columns import meaning
from valtui_trainer.foreign.points import Options
from valtui_trainer.session.errors import SessionError


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["epoch", "loss", "val_loss", "accuracy", "val_accuracy"],
         {"train_loss": "loss", "val_loss": "val_loss", "val_accuracy": "val_accuracy", "epoch": "epoch"}),
        (["Loss/train", "Loss/val", "step"], {"train_loss": "Loss/train", "val_loss": "Loss/val"}),
        (["epoch", "train/loss", "metrics/accuracy_top1", "val/loss", "lr/pg0"],
         {"train_loss": "train/loss", "val_loss": "val/loss", "learning_rate": "lr/pg0",
          "val_accuracy": "metrics/accuracy_top1"}),
        (["loss", "eval_loss", "eval_accuracy", "grad_norm", "learning_rate", "epoch", "step"],
         {"train_loss": "loss", "val_loss": "eval_loss", "val_accuracy": "eval_accuracy",
          "grad_norm": "grad_norm", "learning_rate": "learning_rate"}),
        (["train_loss_step", "train_loss_epoch", "valid_loss", "lr-Adam", "step"],
         {"train_loss": "train_loss_epoch", "val_loss": "valid_loss", "learning_rate": "lr-Adam"}),
        (["loss", "eval_loss", "step", "epoch", "train_loss", "train_runtime"],
         {"train_loss": "loss", "val_loss": "eval_loss"}),
        (["_step", "trainer/global_step", "val_loss"], {"step": "trainer/global_step"}),
        (["_step", "step", "val_loss"], {"step": "step"}),
        (["_step", "_timestamp", "test_loss"], {"step": "_step", "time": "_timestamp", "val_loss": "test_loss"}),
    ],
)  # fmt: skip
def test_the_names_that_tools_use_are_understood(
    names: list[str], expected: dict[str, str]
) -> None:
    found = meaning(names, Options())

    assert {key: found[key] for key in expected} == expected
    assert not found.doubts


def test_what_could_be_several_columns_is_said_and_a_choice_settles_it() -> None:
    names = ["epoch", "val/box_loss", "val/cls_loss"]

    doubtful = meaning(names, Options())
    chosen = meaning(names, Options(columns={"val_loss": "val/cls_loss"}))

    assert doubtful["val_loss"] == ""
    assert "--map val_loss=COLUMN" in doubtful.doubts[0]
    assert (chosen["val_loss"], chosen.doubts) == ("val/cls_loss", ())


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SessionError, match="no field of that name"):
        meaning(["a"], Options(columns={"validation": "a"}))


def test_a_log_of_validation_alone_tells_the_validation_loss() -> None:
    names = ["epoch_loss", "epoch_accuracy"]

    assert meaning(names, Options(), validates=True).columns == {
        "val_loss": "epoch_loss", "val_accuracy": "epoch_accuracy",
    }  # fmt: skip
    assert meaning(names, Options())["train_loss"] == "epoch_loss"
