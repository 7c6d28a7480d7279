"""`valtui compare`: the runs of a session side by side, as a table or as one JSON document.

The shape of the document is a contract; `schema` counts its incompatible changes.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from valtui import texts
from valtui.cli import output
from valtui.cli.parsing import Parser, add_json, add_session, home_of
from valtui_trainer.presets.keys import show_value
from valtui_trainer.session.listing import find_session
from valtui_trainer.session.safe import safe

if TYPE_CHECKING:
    from valtui.feed import SessionFeed
    from valtui.figures import RunFigures
    from valtui.pairs import Pair, Side
    from valtui_trainer.measure.better import Told
    from valtui_trainer.measure.comparison import Mean
    from valtui_trainer.measure.interval import Interval
    from valtui_trainer.measure.volatility import Volatility

Entry = dict[str, Any]

NOTES = (
    "val loss: mean over the last 10 evaluations; ± is half the 95 % Student-t interval over n seeds.",
    "volatility: the jumps between evaluations that are left after the trend, with the 90 % interval;",
    "▲ counts spikes, which make that interval too narrow.",
    "ratio: relative volatility against the first run's, with the 90 % F interval.",
)


def add_arguments(parser: Parser) -> None:
    """Declare what `compare` takes."""
    add_session(parser, run=False)
    add_json(parser)
    parser.add_argument(
        "--md", action="store_true", help="print Markdown, for pasting into an issue"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Read the session and compare its runs."""
    session = find_session(home_of(arguments), arguments.session)
    from valtui.feed import SessionFeed

    feed = SessionFeed(session)
    feed.drain()
    figures = figures_of(feed)
    from valtui import pair_words
    from valtui.pairs import pairs_of
    from valtui_trainer.session.about import read_about

    pairs = pairs_of(feed.runs)
    if arguments.json:
        output.document(describe(feed, figures, pairs))
        return 0
    if arguments.md:
        for line in markdown_lines(feed, figures, pairs, read_about(session).name):
            output.line(line)
        return 0
    output.line(feed.spec.question or feed.spec.title)
    output.line()
    write_table(figures)
    output.line()
    if pairs:
        output.line(pair_words.title(pairs))
        for pair in pairs:
            output.line(f"- {pair_words.say(pair).sentence}")
        output.line()
    for note in (*NOTES, *(pair_words.NOTE if pairs else ())):
        output.line(note)
    return 0


def figures_of(feed: SessionFeed) -> list[RunFigures]:
    """Return the figures of all runs; losses that are not finite are no cause for numpy to warn."""
    import numpy as np

    from valtui.figures import compare

    with np.errstate(all="ignore"):
        return compare(feed.runs) if feed.runs else []


def write_table(figures: list[RunFigures]) -> None:
    """Write the comparison, a row a run."""
    output.table(header_of(figures), [row_of(one) for one in figures])


def header_of(figures: list[RunFigures]) -> list[str]:
    """Return the names of the comparison's columns."""
    keys = list(figures[0].differs) if figures else []
    accuracy = "accuracy" if all(one.balanced for one in figures) else "balanced accuracy"
    return [
        "run", *keys, "state", "val loss", "best", "volatility", "in %", "ratio", accuracy, "images/s"
    ]  # fmt: skip


def markdown_lines(
    feed: SessionFeed, figures: list[RunFigures], pairs: list[Pair], name: str = ""
) -> list[str]:
    """Return the comparison as Markdown."""
    from valtui import pair_words
    from valtui.cli.markdown import escaped, table

    said = [f"- {escaped(safe(pair_words.say(pair).sentence))}" for pair in pairs]
    return [
        f"**{escaped(safe(': '.join(filter(None, (name, feed.spec.question or feed.spec.title)))))}**",
        "",
        *table(header_of(figures), [[safe(cell) for cell in row_of(one)] for one in figures]),
        "",
        *([escaped(pair_words.title(pairs)), "", *said, ""] if pairs else []),
        *(escaped(note) for note in (*NOTES, *(pair_words.NOTE if pairs else ()))),
    ]


def row_of(one: RunFigures) -> list[str]:
    """Return the cells of one run."""
    return [
        one.id,
        *(show_value(value, key) for key, value in one.differs.items()),
        texts.state(one),
        texts.level(one.level),
        texts.best(one),
        texts.absolute(one.absolute),
        texts.percent(one.relative),
        texts.ratio(one),
        texts.level(one.accuracy),
        texts.rate(one.images_per_second) + (" (shared)" if one.shared_device else ""),
    ]


def describe(feed: SessionFeed, figures: list[RunFigures], pairs: list[Pair]) -> Entry:
    """Return the comparison as JSON has it."""
    return {
        "schema": output.SCHEMA,
        "session": feed.spec.id,
        "study": feed.spec.study,
        "question": feed.spec.question,
        "reference": figures[0].id if figures else None,
        "runs": [describe_run(one, feed) for one in figures],
        "pairs": [describe_pair(pair) for pair in pairs],
    }


def describe_run(one: RunFigures, feed: SessionFeed) -> Entry:
    """Return one run of the comparison."""
    return {
        "id": one.id,
        "preset": one.preset,
        "state": one.status.state,
        "reason": one.status.reason,
        "seeds": list(feed.run(one.id).spec.seeds),
        "evaluations": one.evaluations,
        "differs": one.differs,
        "val_loss_last_window": describe_mean(one.level),
        "accuracy_last_window": describe_mean(one.accuracy),
        "accuracy_kind": "plain" if one.balanced else "balanced",
        "best": None
        if one.best is None
        else {
            "step": one.best.step,
            "epoch": one.best.epoch if feed.run(one.id).unit == "epoch" else None,
            "val_loss": one.best.loss,
            "look_alikes": one.best.look_alikes,
        },
        "volatility": describe_volatility(one.absolute),
        "volatility_relative": describe_volatility(one.relative),
        "volatility_ratio_to_reference": None
        if one.ratio is None
        else {"value": one.ratio.value, "interval_90_f": bounds(one.ratio.interval)},
        "volatility_ratio_note": one.ratio_note,
        "images_per_second": one.images_per_second,
        "shares_device": one.shared_device,
        "fork": None
        if one.fork is None
        else {"run": one.fork.run, "step": one.fork.step, "epoch": one.fork.epoch},
    }


def describe_pair(pair: Pair) -> Entry:
    """Return two presets; the intervals hold at 95 % for all pairs together (Bonferroni)."""
    from valtui.pair_words import say

    found = pair.found
    return {
        "lower": describe_side(pair.lower),
        "higher": describe_side(pair.higher),
        "outcome": "not-compared" if found is None else found.outcome,
        "sentence": say(pair).sentence,
        "with_best": pair.best,
        "val_loss_difference": None if found is None else found.difference,
        "common_samples": None if found is None else found.samples,
        "over_samples": None if found is None else describe_told(found.over_samples),
        "over_seeds": None if found is None else describe_told(found.over_seeds),
        "over_both": None if found is None else describe_told(found.over_both),
        "seeds_needed_each": None if found is None else found.seeds_needed,
    }


def describe_side(side: Side) -> Entry:
    """Return one preset of a pair, with the seeds that count."""
    return {
        "id": side.id,
        "runs": list(side.runs),
        "seeds": list(side.seeds),
        "seeds_not_finite": list(side.not_finite),
        "last_epoch": side.epoch,
        "ended": not side.going,
    }


def describe_told(found: Told | None) -> Entry | None:
    """Return how well a difference is known on one level."""
    if found is None:
        return None
    return {
        "told": found.told,
        "interval_95_all_pairs_student_t": bounds(found.interval),
        "standard_error": found.error,
        "degrees_of_freedom": found.degrees,
    }


def describe_mean(found: Mean) -> Entry:
    """Return a mean over seeds; no interval at n = 1."""
    return {
        "mean": found.mean,
        "interval_95_student_t_over_seeds": bounds(found.interval),
        "n_seeds": found.n,
    }


def describe_volatility(found: Volatility) -> Entry:
    """Return a volatility: in loss units, or as a fraction of the loss for the relative one."""
    return {
        "value": found.value,
        "interval_90_chi2": bounds(found.interval),
        "degrees_of_freedom": found.degrees,
        "evaluations": found.points,
        "constant": found.constant,
        "robust_value": found.robust,
        "spikes": len(found.spikes),
        "interval_too_narrow": found.too_narrow,
    }


def bounds(found: Interval | None) -> list[float] | None:
    """Return an interval as [low, high]."""
    return None if found is None else [found.low, found.high]
