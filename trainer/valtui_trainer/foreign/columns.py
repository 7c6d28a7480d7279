"""What other tools' names mean: their column for each of our fields, as far as it is beyond doubt."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from valtui_trainer.foreign.points import Options
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.safe import safe

VAL = ("val", "valid", "validation", "eval", "dev")
TEST = ("test",)
TRAIN = ("train", "training", "trn")
ACCURACY = (
    "accuracy", "acc", "acc1", "top1", "top_1", "accuracy_top1", "acc_top1", "multiclassaccuracy",
    "categorical_accuracy", "sparse_categorical_accuracy", "binary_accuracy",
)  # fmt: skip
RATES = ("learning_rate", "lr", "train_lr", "train_learning_rate", "lr_pg0", "lr_0", "lr_group0")
NORMS = ("grad_norm", "train_grad_norm", "gradient_norm", "grad_2.0_norm_total")
STEPS = (
    "step", "global_step", "trainer_global_step", "train_global_step", "iteration", "iter", "iterations",
    "steps", "batch", "batch_idx", "batch_index", "batch_id", "n_iter", "it", "update", "updates", "_step",
)  # fmt: skip
"""wandb's own `_step` counts calls of its log; any other column says more."""
OF_WHOLE_TRAINING = "train_runtime"
"""Beside it, Hugging Face's last entry tells the mean loss of a whole training as `train_loss`."""
EPOCHS = ("epoch", "epochs", "_epoch", "train_epoch")
TIMES = ("_timestamp", "timestamp", "wall_time", "time")
FIELDS = ("train_loss", "val_loss", "val_accuracy", "learning_rate", "grad_norm", "train_eval_loss")
NAMED = (*FIELDS, "step", "epoch", "time")
"""What `--map` may name."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which column is what; a field that no column stands for is not there.

    Attributes:
        columns: by our field.
        doubts: sentences on fields that several columns could be.
    """

    columns: dict[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> str:
        """Return the column of a field, or an empty name."""
        return self.columns.get(name, "")


@functools.lru_cache(4096)
def plain(name: str) -> str:
    """Return a column's name in small letters, with one kind of separator."""
    if name == "_step":
        return name
    return re.sub(r"[\s/\\|:.-]+", "_", name.strip().lower()).strip("_")


def meaning(names: Iterable[str], options: Options, validates: bool = False) -> Meaning:
    """Return what the columns `names` mean; what a person said holds above all.

    Args:
        names: of the columns.
        options: what a person said.
        validates: whether the whole log is of validation, as Keras writes one beside that of training; what
            does not say of which part it is, is of that.

    Raises:
        SessionError: a person named a column or a field that is not there.
    """
    known = list(dict.fromkeys(names))
    short = {name: plain(name) for name in known}
    found: dict[str, str] = {}
    doubts: list[str] = []
    untold = bare(("loss", "epoch_loss", "loss_epoch"), short)
    wanted = {
        "val_loss": losses(VAL, short) or losses(TEST, short) or (untold if validates else []),
        "train_loss": (untold if OF_WHOLE_TRAINING in short.values() else [])
        or losses(TRAIN, short)
        or ([] if validates else untold),
        "val_accuracy": accuracies(VAL, short)
        or accuracies(TEST, short)
        or bare(("metrics_accuracy_top1", "metrics_accuracy"), short)
        or (bare(tuple(f"epoch_{one}" for one in ACCURACY), short) if validates else []),
        "learning_rate": bare(RATES, short) or starting(("lr_", "learning_rate_"), short),
        "grad_norm": bare(NORMS, short),
        "step": bare(STEPS, short),
        "epoch": bare(EPOCHS, short),
        "time": bare(TIMES, short),
    }
    for name, columns in wanted.items():
        if len(columns) == 1:
            found[name] = columns[0]
        elif columns:
            told = ", ".join(safe(one, 60) for one in columns[:6])
            doubts.append(f"{name} could be {told}; choose one with --map {name}=COLUMN.")
    by_hand = {**options.columns, **({"step": options.step} if options.step else {})}
    for name, column in by_hand.items():
        if name not in NAMED:
            raise SessionError(
                f"--map {safe(name)}={safe(column)}: valtui has no field of that name; "
                f"there are {', '.join(NAMED)}."
            )
        found[name] = next((one for one in with_part(name, column) if one in short), column)
        doubts = [one for one in doubts if not one.startswith(f"{name} ")]
    return Meaning(found, tuple(doubts))


def with_part(name: str, column: str) -> list[str]:
    """Return under what names a column may stand for a field, where a word in each row says its part."""
    parts = {"train_loss": ("train",), "val_loss": ("val", "test"), "val_accuracy": ("val", "test")}
    return [f"{part}/{column}" for part in parts.get(name, ())]


def losses(part: tuple[str, ...], short: dict[str, str]) -> list[str]:
    """Return the columns that are the loss of a part; the mean of an epoch before that of a step."""
    return first_of(
        [
            f"{one}_{word}"
            for word in ("loss", "loss_epoch", "cross_entropy", "ce_loss")
            for one in part
        ]
        + [f"loss_{one}" for one in part]
        + [f"{one}_loss_step" for one in part]
        + [f"{one}_epoch_loss" for one in part]
        + [f"epoch_loss_{one}" for one in part]
        + [f"loss_loss_{one}" for one in part],
        short,
    ) or several([re.compile(rf"^({'|'.join(part)})_\w*loss$")], short)


def accuracies(part: tuple[str, ...], short: dict[str, str]) -> list[str]:
    """Return the columns that are the accuracy of a part."""
    return first_of(
        [f"{one}_{word}" for word in ACCURACY for one in part]
        + [f"{word}_{one}" for word in ACCURACY for one in part]
        + [f"{one}_{word}_epoch" for word in ACCURACY for one in part],
        short,
    )


def bare(names: tuple[str, ...], short: dict[str, str]) -> list[str]:
    """Return the columns of the first of `names` that there is."""
    return first_of(list(names), short)


def first_of(names: list[str], short: dict[str, str]) -> list[str]:
    """Return the columns whose plain name is the first of `names` that any has."""
    for name in names:
        columns = [column for column, theirs in short.items() if theirs == name]
        if columns:
            return columns
    return []


def starting(beginnings: tuple[str, ...], short: dict[str, str]) -> list[str]:
    """Return the first column that begins so, as `lr-Adam` does."""
    found = [column for column, theirs in short.items() if theirs.startswith(beginnings)]
    return found[:1]


def several(patterns: list[re.Pattern[str]], short: dict[str, str]) -> list[str]:
    """Return all columns that fit one of the patterns."""
    return [column for column, theirs in short.items() if any(p.match(theirs) for p in patterns)]
