"""Rows of other tools' logs as records: where they stand, what replaces what, and nothing is invented."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from valtui_trainer.foreign.columns import meaning
from valtui_trainer.foreign.points import Options, Point
from valtui_trainer.foreign.translate import Restart, Translator
from valtui_trainer.session.records import Train, Val


def translated(*tables: dict[str, float]) -> list[object]:
    """Return what rows of a log with the usual columns become."""
    names = dict.fromkeys(name for table in tables for name in table)
    translator = Translator(meaning(names, Options()), seed=0)
    found: list[object] = list(translator.translate(Point(dict(table)) for table in tables))
    return found + list(translator.flush())


def test_rows_of_one_step_are_one_evaluation() -> None:
    (record,) = translated({"step": 5, "val_loss": 0.5}, {"step": 5, "val_accuracy": 0.9})

    assert isinstance(record, Val)
    assert (record.step, record.val_loss, record.val_accuracy) == (5, 0.5, 0.9)


def test_a_step_that_goes_back_is_a_restart() -> None:
    found = translated(
        *({"step": step, "train_loss": 1.0, "val_loss": 1.0} for step in (1, 2, 3, 2, 3))
    )

    kinds = [type(one) for one in found]
    assert kinds.count(Restart) == 1
    assert [one for one in found if isinstance(one, Restart)] == [Restart(1)]
    assert [one.step for one in found if isinstance(one, Val)] == [1, 2, 3, 2, 3]


def test_a_restart_at_step_zero_replaces_what_was_logged_there() -> None:
    found = translated(*({"step": step, "val_loss": 1.0} for step in (0, 1, 0, 1)))

    assert [one for one in found if isinstance(one, Restart)] == [Restart(-1)]


def places(*tables: dict[str, float]) -> list[tuple[str, int]]:
    """Return where rows stand: R for what a restart leaves, T for training, V for validation."""
    letters = {Restart: "R", Train: "T", Val: "V"}
    found = [one for one in translated(*tables) if isinstance(one, Restart | Train | Val)]
    return [(letters[type(one)], one.step) for one in found]


def test_a_step_that_begins_anew_each_epoch_goes_on_where_the_epoch_before_ended() -> None:
    found = places(
        *(
            {
                "epoch": epoch,
                "batch": batch,
                **({"val_loss": 1.0} if batch == 2 else {}),
                "loss": 1.0,
            }
            for epoch in range(3)
            for batch in range(3)
        )
    )

    assert [step for kind, step in found if kind == "T"] == list(range(9))
    assert [step for kind, step in found if kind == "V"] == [2, 5, 8]
    assert not [step for kind, step in found if kind == "R"]


def test_validation_that_names_the_last_batch_of_its_epoch_stands_there() -> None:
    rows_of = [
        [{"epoch": epoch, "iter": at, "loss": 1.0} for at in (0, 5, 9)]
        + [{"epoch": epoch, "iter": 9, "val_loss": 1.0}]
        for epoch in range(3)
    ]
    found = places(*(row for rows in rows_of for row in rows))

    assert [step for kind, step in found if kind == "V"] == [9, 19, 29]
    assert [step for kind, step in found if kind == "T"] == [0, 5, 9, 10, 15, 19, 20, 25, 29]


def test_a_training_that_goes_back_to_an_earlier_epoch_began_again_there() -> None:
    course = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1), (1, 0), (1, 1), (2, 0)]
    found = places(*({"epoch": e, "batch": b, "loss": 1.0} for e, b in course))

    assert found == [
        *(("T", step) for step in range(6)), ("R", 1), ("T", 2), ("T", 3), ("T", 4),
    ]  # fmt: skip


def test_a_count_of_all_steps_beside_epochs_stays_as_it_is() -> None:
    found = places(
        {"epoch": 0, "step": 10, "loss": 1.0}, {"epoch": 1, "step": 10, "val_loss": 1.0},
        {"epoch": 1, "step": 20, "loss": 1.0}, {"epoch": 2, "step": 20, "val_loss": 1.0},
    )  # fmt: skip

    assert [place for kind, place in found if kind == "T"] == [10, 20]
    assert [place for kind, place in found if kind == "V"] == [10, 20]


def by_epoch(*rows: tuple[float, float, str]) -> list[dict[str, float]]:
    """Return rows of (epoch, step, part), `train`, `val` or `both`."""
    return [
        {"epoch": epoch, "step": step}
        | ({"loss": 1.0} if part != "val" else {})
        | ({"val_loss": 1.0} if part != "train" else {})
        for epoch, step, part in rows
    ]


def test_a_step_that_merely_repeats_in_the_next_epoch_is_no_new_count() -> None:
    summary_then_first_batch = by_epoch(
        *(
            row
            for epoch in range(4)
            for row in (
                *((epoch, 10 * epoch + at, "train") for at in range(10)),
                (epoch, 10 * epoch + 10, "both"),
            )
        )
    )
    twice_evaluated = by_epoch(
        (0, 0, "val"), (0, 9, "train"), (0, 10, "val"), (1, 10, "val"), (1, 19, "train"),
        (1, 20, "val"), (2, 20, "val"), (2, 29, "train"),
    )  # fmt: skip

    assert [at for kind, at in places(*summary_then_first_batch) if kind == "V"] == [10, 20, 30, 40]
    assert [at for kind, at in places(*twice_evaluated) if kind == "V"] == [0, 10, 20]
    assert [at for kind, at in places(*twice_evaluated) if kind == "T"] == [9, 19, 29]


def test_a_training_that_is_resumed_under_the_next_epoch_began_again_at_its_step() -> None:
    found = places(
        *by_epoch(*((at // 1000, at, "train") for at in range(100, 2801, 100))),
        *by_epoch(*((3, at, "train") for at in range(2600, 3501, 100))),
    )

    assert [at for kind, at in found if kind == "R"] == [2599]
    assert found[-1] == ("T", 3500)


def test_a_row_of_settings_moves_nothing() -> None:
    found = places(
        {"epochs": 10, "steps": 1000, "lr": 0.1}, *({"epoch": e, "val_loss": 1.0} for e in range(4))
    )

    assert found == [("V", epoch) for epoch in range(4)]


def test_an_accuracy_before_its_loss_joins_it_after_a_restart_too() -> None:
    found = translated(
        *({"step": step, "val_loss": 1.0} for step in (1, 2, 3)),
        {"step": 2, "val_accuracy": 0.5}, {"step": 2, "val_loss": 0.25},
    )  # fmt: skip

    assert isinstance(found[-1], Val)
    assert (found[-1].step, found[-1].val_loss, found[-1].val_accuracy) == (2, 0.25, 0.5)


def test_one_row_an_epoch_that_always_names_the_same_batch_stands_an_epoch_further() -> None:
    found = places(*by_epoch(*((epoch, 9, "both") for epoch in range(4))))

    assert [at for kind, at in found if kind == "V"] == [9, 19, 29, 39]


def test_an_evaluation_before_the_batches_of_its_epoch_stands_before_them() -> None:
    found = places(
        *by_epoch(
            *(
                row
                for epoch in range(5)
                for row in ((epoch, 0, "val"), *((epoch, at, "train") for at in range(10)))
            )
        )
    )

    assert [at for kind, at in found if kind == "V"] == [0, 10, 20, 30, 40]
    assert [at for kind, at in found if kind == "T"] == list(range(50))


def test_evaluations_counted_by_epoch_take_no_training_away_when_it_is_resumed() -> None:
    def course(first: int, last: int) -> list[dict[str, float]]:
        rows = []
        for step in range(first, last):
            rows.append({"step": step, "loss": 1.0})
            if step % 10 == 9:
                rows.append({"step": step // 10, "val_loss": 1.0})
        return rows

    found = places(*course(0, 50), *course(30, 80))

    assert [at for kind, at in found if kind == "R"] == [29]
    assert [at for kind, at in found if kind == "V"] == list(range(8))


def test_an_accuracy_that_counts_otherwise_than_the_loss_takes_nothing_away() -> None:
    found = translated(
        *(
            row
            for epoch in range(1, 4)
            for row in (
                {"step": 10 * epoch, "val_loss": 1.0},
                {"step": epoch, "val_accuracy": 0.5},
            )
        )
    )

    assert [one.step for one in found if isinstance(one, Val)] == [10, 20, 30]
    assert not [one for one in found if isinstance(one, Restart)]


def test_epochs_with_a_fraction_beside_whole_ones_take_nothing_away() -> None:
    found = places(
        *(
            row
            for epoch in range(3)
            for row in (
                *({"epoch": epoch + at / 10, "loss": 1.0} for at in range(10)),
                {"epoch": epoch, "val_loss": 1.0},
            )
        )
    )

    assert [at for kind, at in found if kind == "T"] == list(range(30))
    assert [at for kind, at in found if kind == "V"] == [0, 10, 20]


def test_a_row_without_a_step_stands_where_the_one_before_did() -> None:
    found = places(
        {"step": 10, "loss": 1.0}, {"val_loss": 1.0}, {"step": 20, "loss": 1.0}, {"val_loss": 0.5}
    )

    assert [place for kind, place in found if kind == "V"] == [10, 20]


def test_epochs_with_a_fraction_keep_their_rows_apart() -> None:
    found = translated(*({"epoch": at / 4, "val_loss": 1.0} for at in range(9)))

    assert [one.step for one in found if isinstance(one, Val)] == list(range(9))
    assert [one.epoch for one in found if isinstance(one, Val)] == [at / 4 for at in range(9)]


def test_figures_in_rows_of_their_own_join_the_training_record_of_their_step() -> None:
    found = translated(
        {"step": 1, "loss": 1.0}, {"step": 1, "learning_rate": 0.1}, {"step": 1, "grad_norm": 3.0},
        {"step": 2, "learning_rate": 0.05}, {"step": 2, "grad_norm": 2.0}, {"step": 2, "loss": 0.9},
        {"step": 3, "loss": 0.8},
    )  # fmt: skip

    assert [
        (one.step, one.train_loss, one.learning_rate, one.grad_norm)
        for one in found
        if isinstance(one, Train)
    ] == [(1, 1.0, 0.1, 3.0), (2, 0.9, 0.05, 2.0), (3, 0.8, 0.05, None)]


def test_training_and_validation_may_count_their_steps_apart() -> None:
    found = translated(
        {"step": 100, "train_loss": 1.0}, {"step": 1, "val_loss": 1.0},
        {"step": 200, "train_loss": 1.0}, {"step": 2, "val_loss": 1.0},
    )  # fmt: skip

    assert not any(isinstance(one, Restart) for one in found)


def test_without_steps_epochs_count_and_without_either_the_rows() -> None:
    epochs = translated({"epoch": 0, "val_loss": 1.0}, {"epoch": 1, "val_loss": 0.5})
    bare = translated({"val_loss": 1.0}, {"val_loss": 0.5})

    assert [(one.step, one.epoch) for one in epochs if isinstance(one, Val)] == [(0, 0.0), (1, 1.0)]
    assert [one.step for one in bare if isinstance(one, Val)] == [1, 2]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(-3, 30), st.floats(allow_nan=True)), st.floats(allow_nan=True),
            st.booleans(),
        ),
        max_size=40,
    )
)  # fmt: skip
def test_steps_rise_between_restarts_and_none_is_invented(
    given_rows: list[tuple[float, float, bool]],
) -> None:
    tables = [
        {"step": float(step), ("val_loss" if val else "train_loss"): loss}
        for step, loss, val in given_rows
    ]

    last = {Val: -1, Train: -1}
    for one in translated(*tables) if tables else []:
        if isinstance(one, Restart):
            last = {kind: min(step, one.step) for kind, step in last.items()}
            continue
        assert isinstance(one, Val | Train)
        assert one.step > last[type(one)]
        assert any(
            row[0] == one.step or round(row[0]) == one.step
            for row in given_rows
            if math.isfinite(row[0])
        )
        last[type(one)] = one.step
