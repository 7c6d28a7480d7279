"""`valtui causes`: why each run's validation loss jumps, as text or as one JSON document."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from valtui import texts
from valtui.cli import output
from valtui.cli.causes_trials import write_arms, write_probe, write_proofs
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, add_json, add_session, home_of
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.listing import find_run, find_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from valtui.causes import Causes, Group, Hardest
    from valtui.feed import RunFeed, SessionFeed

SIGNS = {"sound": "✓", "doubtful": "?", "failed": "✕", "unknown": "–"}
MOST_SAMPLES = 5
MOST_CLASSES = 3


def add_arguments(parser: Parser) -> None:
    """Declare what `causes` takes."""
    add_session(parser)
    add_json(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="make all checks now, from the newest checkpoint; with one epoch at a learning rate of zero",
    )
    parser.add_argument(
        "--window", action="store_true", help="look at the last 10 evaluations alone"
    )
    parser.add_argument(
        "--epochs", metavar="FROM:TO", type=epochs, help="look at these epochs alone, such as 5:12"
    )


def epochs(text: str) -> tuple[float, float]:
    """Return `FROM:TO` as two numbers."""
    low, colon, high = text.partition(":")
    try:
        first, last = float(low), float(high)
    except ValueError:
        first, last = 1.0, 0.0
    if not colon or not first < last:
        raise argparse.ArgumentTypeError(f"{text!r} must be two epochs, such as 5:12")
    return first, last


def execute(arguments: argparse.Namespace) -> int:
    """Say why the runs of a session jump; 1 if a check could not be made."""
    session = find_session(home_of(arguments), arguments.session)
    if arguments.window and arguments.epochs:
        raise CommandError("--window and --epochs choose evaluations both; give one of them.", 2)
    chosen = find_run(session, arguments.run).id if arguments.run is not None else None
    from valtui.feed import SessionFeed

    feed = SessionFeed(session)
    feed.drain()
    runs = [run for run in feed.runs if chosen in (None, run.id)]
    if not runs:
        raise SessionError(f"{session.folder} holds no run: its start was broken off.")
    code = check_all(feed, runs) if arguments.check else 0
    found = [causes_of(feed, run, arguments) for run in runs]
    if arguments.json:
        from valtui.causes.document import describe

        output.document(describe(feed.spec.id, found))
        return code
    for number, one in enumerate(found):
        if number:
            output.line()
        write(one, feed.spec.id)
    return code


def causes_of(feed: SessionFeed, run: RunFeed, arguments: argparse.Namespace) -> Causes:
    """Return the causes of one run over the evaluations that were asked for."""
    from valtui.causes import causes, trials_of

    trials = trials_of(feed, run)
    if arguments.epochs:
        low, high = arguments.epochs
        return causes(run, "range", low, high, trials)
    return causes(run, "window" if arguments.window else "run", trials=trials)


def check_all(feed: SessionFeed, runs: list[RunFeed]) -> int:
    """Make the checks of `runs`, one after the other; return 1 if one could not be made."""
    from valtui_trainer.supervise.check import check

    code = 0
    for run in runs:
        sys.stderr.write(f"valtui: checking {run.id} …\n")
        sys.stderr.flush()
        answer = check(feed.paths, run.id)
        if answer.problem:
            output.complain(f"{run.id}: {answer.problem}")
            code = 1
    return code


def write(found: Causes, session: str) -> None:
    """Write the causes of one run of a session as text."""
    from valtui.causes.rows import ranks
    from valtui.causes.texts import LENS_NAMES, left
    from valtui.causes.types import span_words

    seeds = f"{len(found.seeds)} seed{'s' if len(found.seeds) > 1 else ''}"
    output.line(
        f"{found.run}  {texts.counted(found.evaluations, 'evaluation')} ({span_words(found)}), {seeds}, "
        f"{texts.samples_words(found.samples)}"
    )
    output.line(f"  {found.sentence}")
    output.line(
        f"  volatility  {texts.percent(found.relative)} of the loss, {texts.absolute(found.absolute)} "
        "in loss, from one evaluation to the next (90 %)"
    )
    waits = (
        "; the measurement is not sound, so this waits" if found.verdict.kind == "unsound" else ""
    )
    output.line(f"  volatility left if the validation loss were taken{waits}")
    places = ranks(found)
    for row in found.rows:
        answered = row.left is not None
        place = str(places.get(row.id, " "))
        told = left(row.left) if row.left is not None else row.why
        extra = [f"a {row.kind}"] if row.kind != "cause" else []
        if answered and row.mean_change is not None:
            extra.append(f"mean loss {texts.signed_percent(row.mean_change)}")
        if answered and row.cost:
            extra.append(f"cost {texts.cost(row.cost)} of the training time")
        note = f"  ({', '.join(extra)})" if extra else ""
        output.line(f"    {place} {LENS_NAMES[row.id]:<36} {told}{note}")
    write_arms(found, session)
    output.line("    rows overlap and need not sum to 100 %")
    write_probe(found)
    write_proofs(found)
    write_samples(found)
    if found.overfitting is not None:
        over = found.overfitting
        output.line(
            f"  overfitting since {texts.at(found.unit, over.epoch)} (step {over.step}): "
            f"+{texts.number(over.rise, 2)} since, p = {texts.number(over.p, 2)}"
        )
    elif found.overfitting_why:
        output.line(f"  overfitting: {found.overfitting_why}")
    if found.best is not None:
        best = found.best
        flattered = (
            f", flattered by its choice by {texts.number(best.optimism, 2)}"
            if best.optimism
            else ""
        )
        output.line(
            f"  best evaluation {texts.number(best.loss)} at {texts.at(found.unit, best.epoch)}{flattered}; "
            f"{len(best.look_alikes)} others cannot be told from it"
        )
    if found.smallest_jump is not None:
        output.line(
            f"  smallest jump that this set can show: {texts.number(found.smallest_jump, 2)} (z = 2)"
        )
    output.line("  checks")
    for check in found.checks:
        output.line(f"    {SIGNS[check.outcome]} {check.check}: {check.message}")
    if not found.checks:
        output.line("    none was made yet; --check makes them")
    for note in found.notes:
        output.line(f"  note: {note}")


def write_samples(found: Causes) -> None:
    """Write who carries the volatility: the hardest samples, and the groups that carry most."""
    from valtui.causes.texts import group_words

    if found.hardest is not None:
        hard = found.hardest
        carry = "carries" if hard.count == 1 else "carry"
        output.line(
            f"  the hardest {hard.count} of {texts.counted(found.samples, 'sample')} {carry} "
            f"{share_of(hard)} of the squared volatility, chosen and scored "
            f"crosswise ({texts.share(hard.permuted)} where none is hard)"
        )
        output.line("    shares of single ones are in-sample, so too high:")
        for one in hard.samples[:MOST_SAMPLES]:
            output.line(
                f"    no. {one.index}, class {one.label}: {texts.share(one.share)}, mean loss "
                f"{texts.number(one.mean_loss, 2)}"
            )
    elif found.hardest_why:
        output.line(f"  hardest samples: {found.hardest_why}")
    groups = [
        *found.classes[:MOST_CLASSES],
        *(max(quarter, key=lambda one: one.share) for quarter in by_kind(found.qualities)),
    ]
    for group in groups:
        kind = "class " if group.kind == "class" else ""
        output.line(
            f"    {kind}{group.name}: {share_of(group)} "
            f"({group_words(group.share, group.size, found.samples)})"
        )
    if found.groups_why:
        output.line(f"  classes: {found.groups_why}")


def by_kind(groups: Sequence[Group]) -> list[list[Group]]:
    """Return `groups` apart by their kind."""
    kinds = dict.fromkeys(group.kind for group in groups)
    return [[group for group in groups if group.kind == kind] for kind in kinds]


def share_of(found: Hardest | Group) -> str:
    """Return a share of the squared volatility with its interval."""
    return f"{texts.share(found.share)} {texts.percent_interval(found.interval)}".rstrip()
