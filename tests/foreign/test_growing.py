"""A log that is watched while it grows comes to the same records as one that is read at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from valtui_trainer.foreign.follow import Follower
from valtui_trainer.foreign.points import Options
from valtui_trainer.foreign.request import groups_at, make_session, read_watch
from valtui_trainer.session.history import read_history
from valtui_trainer.session.listing import runs_of

Rows = list[dict[str, float | str]]


def by_batch() -> Rows:
    """Return a training that counts its batches anew each epoch, evaluated after each."""
    return [
        row
        for epoch in range(4)
        for row in (
            *({"epoch": epoch, "batch": at, "loss": 1 / (epoch + at + 1)} for at in range(4)),
            {"epoch": epoch, "val_loss": 1 / (epoch + 1), "val_accuracy": epoch / 9},
        )
    ]


def by_word() -> Rows:
    """Return a training whose rows say in a word of which part they are."""
    return [
        {"split": split, "epoch": epoch, "step": 5 * epoch, "loss": loss / (epoch + 1)}
        for epoch in range(6)
        for split, loss in (("train", 1.0), ("valid", 2.0))
    ]


def by_tag() -> Rows:
    """Return a training that logs a figure a row, the mean of an epoch beside the loss of steps."""
    return [
        row
        for step in range(1, 16)
        for row in (
            {"step": step, "train/loss_step": 1 / step},
            {"step": step, "grad_norm": float(step)},
            *([{"step": step, "train/loss_epoch": 2 / step}] * (step % 3 == 0)),
            *([{"step": step, "val/loss": 3 / step}] * (step % 3 == 0)),
        )
    ]


def resumed() -> Rows:
    """Return a training that went on from a checkpoint."""
    steps = [*range(1, 9), *range(5, 12)]
    return [
        {"step": step, "train_loss": 1 / n, "val_loss": 2 / n} for n, step in enumerate(steps, 1)
    ]


def text_of(rows: Rows, csv: bool) -> str:
    """Return rows as a CSV or as JSON lines."""
    if not csv:
        return "".join(json.dumps(row) + "\n" for row in rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
    return "".join(",".join(cells) + "\n" for cells in table)


def records(home: Path, path: Path, text: str, cuts: list[int]) -> list[tuple[object, ...]]:
    """Return what counts in the end of a log that is looked at whenever it has grown up to a cut."""
    path.write_text("")
    session = make_session(home, path, groups_at(path), Options(), chosen=True)
    watch = read_watch(session)
    assert watch is not None
    follower = Follower(session, watch)
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        with path.open("a") as file:
            file.write(text[begin:end])
        follower.first_look(60)
    follower.close()
    history = read_history(runs_of(session)[0][0])
    train = [(one.step, one.epoch, one.train_loss, one.grad_norm) for one in history.train]
    return train + [(one.step, one.epoch, one.val_loss, one.val_accuracy) for _, one in history.val]


@settings(max_examples=40, deadline=None)
@given(
    make=st.sampled_from([by_batch, by_word, by_tag, resumed]),
    csv=st.booleans(),
    shares=st.lists(st.floats(0, 1), max_size=5),
)
def test_a_log_read_in_bites_comes_to_what_it_is_read_as_at_once(
    make: Callable[[], Rows],
    csv: bool,
    shares: list[float],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = tmp_path_factory.mktemp("log")
    text = text_of(make(), csv)
    path = place / ("log.csv" if csv else "log.jsonl")

    at_once = records(place / "home", path, text, [])
    in_bites = records(place / "home", path, text, sorted(int(one * len(text)) for one in shares))

    assert len(at_once) >= 10
    assert in_bites == at_once
