"""`valtui prove`: train an arm or remedy beside its control from one checkpoint, until it is decided."""

from __future__ import annotations

import argparse
import threading
from typing import TYPE_CHECKING, Any

from valtui import texts
from valtui.cli import output
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, add_json, home_of, index
from valtui.cli.probe import run_spec
from valtui_trainer.session.layout import ProofPaths, RunPaths, SessionPaths
from valtui_trainer.session.listing import find_run, find_session

if TYPE_CHECKING:
    from valtui_trainer.measure.proof import Outcome, ProofState
    from valtui_trainer.session.records import ProofSpec, RunSpec
    from valtui_trainer.supervise.prove import Prediction, ProofPlan

LOOK_SECONDS = 1.0
OUTCOMES = {
    "holds": "it holds",
    "does-not-hold": "it does not hold",
    "undecided": "undecided",
    "open": "not decided yet",
}


def add_arguments(parser: Parser) -> None:
    """Declare what `prove` takes."""
    parser.add_argument("session", metavar="SESSION", help="an id or part of one")
    parser.add_argument("run", metavar="RUN", help="one of its runs, by id or part of one")
    parser.add_argument("arm", metavar="ARM", help="an arm or remedy, such as learning-rate-half")
    add_json(parser)
    parser.add_argument(
        "--checkpoint",
        metavar="STEP",
        type=index,
        help="start from this one (default: the newest; with a schedule that ends, the newest of its "
        "first three quarters)",
    )
    parser.add_argument("--detach", action="store_true", help="start it and return at once")


def execute(arguments: argparse.Namespace) -> int:
    """Prove an arm; 1 if a run beside failed, 130 if it was interrupted."""
    session = find_session(home_of(arguments), arguments.session)
    run = find_run(session, arguments.run)
    spec = run_spec(run)
    from valtui_trainer.supervise.launch import other_host
    from valtui_trainer.supervise.prove import plan_proof, start_proof

    plan = plan_proof(session, run, spec, arguments.arm, arguments.checkpoint)
    promised = promise(session, run, spec, arguments.arm)
    tell = output.complain if arguments.json else output.line
    for sentence in in_words(plan, promised):
        tell(sentence)
    proof = start_proof(session, run, spec, plan, promised)
    host = other_host(session)
    if host:
        tell(f"Asked for; {host}, which trains this session, starts it.")
        return 0
    if arguments.detach:
        tell(f"Started; `valtui open {session.id}` shows it.")
        return 0
    code = follow(session, proof, quiet=arguments.json)
    report(session, proof, arguments.json)
    return code


def promise(session: SessionPaths, run: RunPaths, spec: RunSpec, arm: str) -> Prediction | None:
    """Return what probe or lens promised of an arm, if one did."""
    from valtui.causes import causes
    from valtui.causes.choosing import prediction
    from valtui.feed import RunFeed

    feed = RunFeed(run, spec)
    while feed.poll_evaluations() or feed.evaluations_behind:
        continue
    return prediction(session, causes(feed), arm)


def in_words(plan: ProofPlan, promised: Prediction | None) -> list[str]:
    """Return what a proof trains, and what was predicted, a sentence each."""
    took = f"about {texts.duration(plan.seconds)}" if plan.seconds else "an unknown time"
    control = (
        f"beside {plan.control_run}"
        if plan.needs_control
        else f"against {plan.run}'s own evaluations"
    )
    sentences = [
        (
            f"Proof of {plan.arm} on {plan.run}: {plan.arm_run} {control}, {len(plan.seeds)} seeds each, "
            f"up to {plan.evaluations} evaluations, {took}."
        ),
    ]
    if promised is not None:
        from valtui.causes.trials import interval_of

        left = f"{100 * promised.left:.0f} %"
        ends = texts.percent_interval(interval_of(promised.low, promised.high))
        by = promised.by.split()[0]
        sentences.append(
            f"Predicted by the {by}: {' '.join(filter(None, (left, ends)))} of the volatility left."
        )
    else:
        sentences.append("Nothing was predicted: no probe or lens has measured it.")
    return [*sentences, *plan.notes]


def state_of(session: SessionPaths, proof: ProofSpec) -> ProofState:
    """Return how a proof stands by what is logged."""
    import numpy as np

    from valtui_trainer.measure.proof import prove
    from valtui_trainer.session.proofs import sides

    arm, control = sides(session, proof)
    with np.errstate(all="ignore"):
        return prove(arm, control, proof.predicted_high)


def proof_spec(proof: ProofPaths) -> ProofSpec:
    """Return what a proof is.

    Raises:
        CommandError: `proof.json` is missing.
    """
    from valtui_trainer.session.documents import read_document
    from valtui_trainer.session.records import ProofSpec

    spec = read_document(proof.spec, ProofSpec)
    if spec is None:
        raise CommandError(f"{proof.spec} is missing.")
    return spec


def follow(session: SessionPaths, proof: ProofPaths, quiet: bool) -> int:
    """Wait until a proof is decided or its runs have ended; Ctrl-C stops the runs beside."""
    from valtui.cli.plain import FAILURES, Interrupts
    from valtui_trainer.session.listing import statuses
    from valtui_trainer.supervise.begin import command

    spec = proof_spec(proof)
    beside = [name for name in (spec.arm_run, spec.control_run) if name != spec.run]
    asked = False
    told = 0
    pause = threading.Event()
    try:
        with Interrupts() as interrupts:
            while True:
                known = {name: one for name, one in statuses(session).items() if name in beside}
                ended = len(known) == len(beside) and all(one.ended for one in known.values())
                found = state_of(session, spec)
                if not quiet:
                    for look in found.looks[told:]:
                        output.line(f"  after {look.evaluations} evaluations: {look_words(look)}")
                        output.flush()
                    told = len(found.looks)
                refusal = refused(session, beside)
                if refusal:
                    raise CommandError(refusal)
                lost = any(one.state in FAILURES for one in known.values())
                if ended or lost or (found.outcome != "open" and not asked):
                    break
                if interrupts.count and not asked:
                    asked = True
                    output.complain("stopping the runs beside …")
                    for name in beside:
                        command(session, "stop", name)
                pause.wait(LOOK_SECONDS)
    except KeyboardInterrupt:
        output.complain("not waiting; the runs stop by themselves.")
        return 130
    if asked:
        return 130
    failed = [name for name, one in known.items() if one.state in FAILURES]
    for name in failed:
        output.complain(f"{name}: {known[name].reason}")
    return 1 if failed and found.outcome == "open" else 0


def refused(session: SessionPaths, runs: list[str]) -> str:
    """Return why the supervisor did not start one of `runs`, a sentence; empty where it did not refuse."""
    from valtui_trainer.session.records import Event
    from valtui_trainer.session.tail import Tail

    for event in Tail(session.events, Event).read():
        said = event.kind == "command" and event.data.get("command") == "start"
        if said and event.message.startswith("refused"):
            named = [run for run in runs if run in event.message or event.data.get("run") == run]
            if named and not session.run(named[0]).spec.exists():
                return f"{named[0]} was not started; {event.message}."
    return ""


def look_words(look: Any) -> str:
    """Return what one look at a proof says."""
    if look.left is None:
        return "nothing can be measured"
    ends = texts.percent_interval(look.left.interval)
    return f"{100 * look.left.value:.0f} % {ends} of the volatility left".replace("  ", " ")


def report(session: SessionPaths, proof: ProofPaths, json: bool) -> None:
    """Write how a proof stands, as text or as one JSON document."""
    from valtui_trainer.measure.proof import LOOKS
    from valtui_trainer.session.proofs import proof_result

    spec = proof_spec(proof)
    found = state_of(session, spec)
    written = proof_result(proof)
    outcome = written.outcome if written is not None else found.outcome
    if json:
        output.document(describe(spec, found, outcome))
        return
    told = f"; so far {look_words(found.latest)}" if outcome == "open" and found.latest else ""
    at = f" after {found.decided_at} evaluations" if found.decided_at else ""
    output.line(f"{spec.arm} on {spec.run}: {OUTCOMES[outcome]}{at}{told}.")
    if found.decided_at and found.decided_at < LOOKS[-1]:
        output.line(
            f"  The runs beside may go on to {LOOKS[-1]} evaluations; s on the live screen, or "
            f"`valtui stop {session.id} {spec.arm_run}`, ends one."
        )
    if found.less_than_predicted:
        output.line("  It calms, but less than was predicted.")


def describe(spec: ProofSpec, found: ProofState, outcome: Outcome) -> dict[str, Any]:
    """Return a proof as JSON has it."""

    def look(one: Any) -> dict[str, Any]:
        left = one.left
        interval = left.interval if left is not None else None
        return {
            "evaluations": one.evaluations,
            "left": left.value if left is not None else None,
            "interval_96_7": [interval.low, interval.high] if interval is not None else None,
        }

    return {
        "schema": output.SCHEMA,
        "proof": spec,
        "outcome": outcome,
        "decided_at": found.decided_at,
        "less_than_predicted": found.less_than_predicted,
        "looks": [look(one) for one in found.looks],
        "latest": look(found.latest) if found.latest is not None else None,
    }
