"""`valtui probe`: train arms beside the base from a checkpoint, and rank what each leaves of the volatility."""

from __future__ import annotations

import argparse
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from valtui import texts
from valtui.cli import output
from valtui.cli.asking import the_run
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, add_json, add_session, count, home_of, index, positive
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.layout import ProbePaths, RunPaths, SessionPaths
from valtui_trainer.session.listing import find_session

if TYPE_CHECKING:
    from valtui_trainer.session.probes import ProbeStatus
    from valtui_trainer.session.records import ArmLook, ProbeSpec, RunSpec
    from valtui_trainer.supervise.probe import ProbePlan

LOOK_SECONDS = 0.5
FAILED_STATES = ("FAILED", "LOST")


def add_arguments(parser: Parser) -> None:
    """Declare what `probe` takes."""
    add_session(parser)
    add_json(parser)
    parser.add_argument(
        "--arms",
        metavar="ARM,…",
        help="what to compare with the base, or `all` (default: three that the verdict suggests)",
    )
    parser.add_argument(
        "--minutes",
        metavar="N",
        type=positive_or_zero,
        default=10.0,
        help="budget of wall time (10)",
    )
    parser.add_argument(
        "--replicas", metavar="K", type=count, default=8, help="of the base and of each arm (8)"
    )
    parser.add_argument(
        "--evaluations", metavar="J", type=count, default=8, help="of each replica (8)"
    )
    parser.add_argument(
        "--checkpoint",
        metavar="STEP",
        type=index,
        help="start from this one (default: the newest; with a schedule that ends, "
        "the newest of its first three quarters)",
    )
    parser.add_argument("--pause", action="store_true", help="let the run wait meanwhile")
    parser.add_argument(
        "--plan", action="store_true", help="say cost and detectable effect; start nothing"
    )
    parser.add_argument("--last", action="store_true", help="show the newest probe; start nothing")
    parser.add_argument("--detach", action="store_true", help="start it and return at once")


def positive_or_zero(text: str) -> float:
    """Return `text` as a number; a budget of 0 is refused later, with its own sentence."""
    return 0.0 if text.strip() in ("0", "0.0") else positive(text)


def execute(arguments: argparse.Namespace) -> int:
    """Probe a run; 1 if the probe failed, 130 if it was cancelled here."""
    session = find_session(home_of(arguments), arguments.session)
    run = the_run(session, arguments.run)
    if arguments.last:
        return show_last(session, run, arguments.json)
    spec = run_spec(run)
    plan = plan_of(session, run, spec, arguments)
    tell = output.complain if arguments.json else output.line
    for sentence in in_words(plan):
        tell(sentence)
    if arguments.plan:
        if arguments.json:
            output.document({"schema": output.SCHEMA, **asdict(plan)})
        return 0
    from valtui_trainer.supervise.launch import other_host
    from valtui_trainer.supervise.probe import start_probe

    probe = start_probe(session, run, spec, plan, arguments.pause)
    host = other_host(session)
    if host:
        tell(f"Asked for; {host}, which trains this session, starts it.")
        return 0
    if arguments.detach:
        tell(f"Started; `valtui probe {session.id} {run.id} --last` shows what it finds.")
        return 0
    code = follow(session, probe, quiet=arguments.json)
    report(probe, arguments.json)
    return code


def run_spec(run: RunPaths) -> RunSpec:
    """Return what a run is.

    Raises:
        SessionError: `run.json` is missing or damaged.
    """
    from valtui_trainer.session.records import RunSpec

    spec = read_document(run.spec, RunSpec)
    if spec is None:
        raise SessionError(f"{run.spec} is missing.")
    return spec


def plan_of(
    session: SessionPaths, run: RunPaths, spec: RunSpec, arguments: argparse.Namespace
) -> ProbePlan:
    """Return the probe that was asked for.

    Raises:
        PresetError, SessionError: it cannot be done; the text says why.
    """
    from valtui_trainer.session.checkpoints import newest_start
    from valtui_trainer.supervise.probe import plan_probe, refuse_numbers

    refuse_numbers(arguments.minutes, arguments.replicas, arguments.evaluations)
    start = newest_start(run)
    if arguments.arms == "all":
        from valtui.causes.choosing import applicable_arms

        arms = applicable_arms(run, spec, start)
    elif arguments.arms:
        arms = tuple(word.strip() for word in arguments.arms.split(",") if word.strip())
        if not arms:
            raise PresetError("--arms names no arm.")
    else:
        arms = suggested_arms(session, run, spec)
    return plan_probe(
        session,
        run,
        spec,
        arms,
        minutes=arguments.minutes,
        replicas=arguments.replicas,
        evaluations=arguments.evaluations,
        step=arguments.checkpoint,
    )


def suggested_arms(session: SessionPaths, run: RunPaths, spec: RunSpec) -> tuple[str, ...]:
    """Return the arms that the verdict of the run suggests."""
    from valtui.causes import causes
    from valtui.causes.choosing import default_arms
    from valtui.causes.read_trials import trials_of
    from valtui.feed import SessionFeed

    session_feed = SessionFeed(session)
    session_feed.drain()
    feed = session_feed.run(run.id)
    return default_arms(causes(feed, trials=trials_of(session_feed, feed)), run, spec, feed.start)


def in_words(plan: ProbePlan) -> list[str]:
    """Return what a probe costs and can show, a sentence each."""
    took = f"about {texts.duration(plan.seconds)}" if plan.seconds else "an unknown time"
    return [
        (
            f"Probe of {plan.run}: the base and {', '.join(plan.arms)}; {plan.replicas} replicas each, "
            f"{plan.evaluations} evaluations, {plan.steps:,} steps in all, {took} (budget "
            f"{plan.minutes:g} min)."
        ),
        (
            f"It detects an arm that leaves {100 * plan.detectable:.0f} % of the volatility or less, "
            "4 times in 5 (95 % intervals)."
        ),
        *plan.notes,
    ]


def follow(session: SessionPaths, probe: ProbePaths, quiet: bool) -> int:
    """Wait for the probe's end and tell of its looks; Ctrl-C cancels it."""
    from valtui.cli.plain import Interrupts
    from valtui_trainer.session.probes import probe_status
    from valtui_trainer.supervise.probe import cancel_probe

    asked = False
    pause = threading.Event()
    told = 0
    phase = ""
    try:
        with Interrupts() as interrupts:
            while (status := probe_status(probe)).live:
                if interrupts.count and not asked:
                    asked = True
                    output.complain("cancelling; what was measured is kept …")
                    try:
                        cancel_probe(session, probe)
                    except SessionError:
                        if probe_status(probe).live:  # else it ended of itself meanwhile
                            raise
                if not quiet:
                    told = tell_looks(probe, told)
                    if status.phase != phase and status.step:
                        phase = status.phase
                        left = f", {texts.duration(status.left)} left" if status.left else ""
                        output.line(f"  {100 * status.progress:3.0f} %  {phase}{left}")
                        output.flush()
                pause.wait(LOOK_SECONDS)
    except KeyboardInterrupt:
        output.complain("not waiting; the probe ends by itself.")
        return 130
    if asked:
        return 130
    return 1 if status.state in FAILED_STATES else 0


def tell_looks(probe: ProbePaths, told: int) -> int:
    """Write the looks that came since `told` of them; return how many there are."""
    from valtui_trainer.session.probes import looks_so_far

    looks = looks_so_far(probe)
    for look in looks[told:]:
        output.line(f"  look at {look[0].replicas if look else 0} replicas:")
        for line in ranking(look):
            output.line(f"    {line}")
        output.flush()
    return len(looks)


def show_last(session: SessionPaths, run: RunPaths, json: bool) -> int:
    """Show the newest probe of a run.

    Raises:
        CommandError: it has none.
    """
    from valtui_trainer.session.probes import probes_of

    found = probes_of(session, run.id)
    if not found:
        raise CommandError(f"{run.id} has not been probed yet; `valtui probe` does it.", 2)
    report(found[-1][0], json)
    return 0


def report(probe: ProbePaths, json: bool) -> None:
    """Write what a probe found, as text or as one JSON document."""
    from valtui_trainer.session.probes import looks_so_far, probe_status
    from valtui_trainer.session.records import ProbeSpec

    spec = read_document(probe.spec, ProbeSpec)
    if spec is None:
        raise SessionError(f"{probe.spec} is missing.")
    status = probe_status(probe)
    if json:
        output.document(describe(probe, spec, status))
        return
    at = f"epoch {spec.fork.epoch:.3g} (step {spec.fork.step:,})"
    output.line(f"Probe of {spec.run} at {at}: {status.state.lower()}")
    if status.reason:
        output.line(f"  {status.reason}")
    result = status.result
    looks = result.looks if result is not None else looks_so_far(probe)
    for line in ranking(looks[-1] if looks else []):
        output.line(f"  {line}")
    if not looks and status.state in ("DONE", "CANCELLED", "OUT OF TIME", "LOST"):
        output.line("  no replica was whole, so there is no figure")
    if result is not None and result.noise_scale is not None:
        from valtui.causes.arm_texts import noise_words

        scale = result.noise_scale
        output.line(f"  gradient noise scale: {noise_words(scale, scale.batch_size)}")


def ranking(look: list[ArmLook]) -> list[str]:
    """Return a line for each arm, those that leave least first."""
    ordered = sorted(look, key=lambda one: (one.left is None, one.left or 0.0))
    wide = max((len(one.arm) for one in ordered), default=0)
    return [f"{one.arm:<{wide}}  {arm_words(one)}" for one in ordered]


def arm_words(one: ArmLook) -> str:
    """Return what one arm left, in words."""
    if one.left is None:
        return one.note or "no figure"
    interval = (
        ""
        if one.low is None or one.high is None
        else (f" [{100 * one.low:.0f}, {100 * one.high:.0f}]")
    )
    told = (
        ""
        if one.low is None or one.high is None
        else (
            "calmer" if one.high < 1 else "more volatile" if one.low > 1 else "not told from none"
        )
    )
    parts = [told, f"{one.replicas} replicas"]
    if one.mean_change is not None:
        parts.append(f"mean loss {texts.signed_percent(one.mean_change)}")
    if one.note:
        parts.append(one.note)
    return f"{100 * one.left:.0f} %{interval} of the volatility left ({', '.join(filter(None, parts))})"


def describe(probe: ProbePaths, spec: ProbeSpec, status: ProbeStatus) -> dict[str, Any]:
    """Return a probe as JSON has it."""
    from valtui_trainer.session.probes import looks_so_far

    return {
        "schema": output.SCHEMA,
        "probe": spec.id,
        "run": spec.run,
        "state": status.state,
        "reason": status.reason,
        "fork": spec.fork,
        "arms": spec.arms,
        "replicas": spec.replicas,
        "evaluations": spec.evaluations,
        "minutes": spec.minutes,
        "result": status.result,
        "looks": looks_so_far(probe),
    }
