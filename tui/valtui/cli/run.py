"""`valtui run`: turns words into a plan, has it checked, starts it, and hands over to who shows it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from valtui.cli import output
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, add_no_mouse, count, fraction, home_of, niceness, positive
from valtui.cli.screen import on_terminal, show

if TYPE_CHECKING:
    from valtui_trainer.session.layout import SessionPaths
    from valtui_trainer.supervise.plan import Plan


def add_arguments(parser: Parser) -> None:
    """Declare what `run` takes."""
    parser.add_argument(
        "names", metavar="STUDY|PRESET", nargs="*", help="one study, or presets, by name or path"
    )
    parser.add_argument(
        "--set",
        dest="assignments",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a setting for all presets, such as batch_size=64 or model.dropout=0.25; repeatable",
    )
    parser.add_argument(
        "--grid",
        metavar="KEY=V1,V2,…",
        action="append",
        default=[],
        help="train every preset with each of these values; several grids: with every combination",
    )
    parser.add_argument("--seeds", metavar="N", type=count, help="seeds of each preset")
    parser.add_argument("--epochs", metavar="N", type=positive, help="passes over the training set")
    parser.add_argument("--data", metavar="NAME|PATH", help="a data set by name, .npz, or folder")
    parser.add_argument(
        "--device", default="auto", metavar="DEVICE", help="auto (default), cpu, cuda or cuda:0"
    )
    parser.add_argument("--parallel", metavar="N", type=count, help="runs that train at once")
    parser.add_argument(
        "--allow-code", action="store_true", help="let presets name your own code, module:Class"
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="record where the time of some of each run's first steps goes, for Perfetto and in words",
    )
    parser.add_argument(
        "--memory-fraction",
        metavar="F",
        type=fraction,
        help="most of the GPU's memory that each run may take, such as 0.5",
    )
    parser.add_argument(
        "--nice",
        metavar="N",
        type=niceness,
        help="by how much runs yield to other processes, 0 to 19 (default: 5 on the CPU, else 0)",
    )
    parser.add_argument(
        "--detach", action="store_true", help="start, print the session's id, and return"
    )
    parser.add_argument(
        "--plain", action="store_true", help="plain lines, one an evaluation, and no screen"
    )
    add_no_mouse(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Plan, check, start and watch."""
    from valtui_trainer.presets.library import Library
    from valtui_trainer.session.layout import prepare_home
    from valtui_trainer.supervise.plan import Request, make_plan

    request = Request(
        names=tuple(arguments.names),
        assignments=tuple(arguments.assignments),
        grid=tuple(arguments.grid),
        seeds=arguments.seeds,
        epochs=arguments.epochs,
        data=arguments.data,
        device=arguments.device,
        parallel=arguments.parallel,
        allow_code=arguments.allow_code,
        profile=arguments.profile,
        memory_fraction=arguments.memory_fraction,
        nice=arguments.nice,
        command=("valtui", *arguments.words),
    )
    plan = make_plan(request, Library.open())
    if arguments.memory_fraction is not None and plan.session.device == "cpu":
        output.complain("note: --memory-fraction has no effect on the CPU.")
    home = prepare_home(home_of(arguments))
    if arguments.detach:
        output.line(start(plan, home).id)
        return 0
    if on_terminal() and not arguments.plain:
        return show(home, plan=plan, mouse=not arguments.no_mouse)
    if sys.stderr.isatty():
        output.complain("checking data, models and device …")
    session = start(plan, home)
    from valtui.cli.plain import follow

    return follow(session)


def start(plan: Plan, home: Path) -> SessionPaths:
    """Check `plan` with a child that has torch, and start it.

    Raises:
        CommandError: something would keep its runs from starting; nothing was made.
    """
    from valtui.notify.begin import begin_notifying
    from valtui_trainer.supervise.begin import begin, warnings
    from valtui_trainer.supervise.neighbours import crowding
    from valtui_trainer.supervise.validate import validate

    answer = validate(plan.runs, home)
    if answer.problems:
        raise CommandError("\n".join(answer.problems), 2)
    for note in answer.notes:
        output.complain(f"note: {note}")
    crowded = crowding(plan.session.device)
    if crowded:
        output.complain(f"note: {crowded}")
    session = begin(plan, home)
    begin_notifying(session)
    for warning in warnings(home):
        output.complain(f"note: {warning}")
    return session
