"""`valtui show`: what a session is, how its runs stand, and how they ended."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import Any

import msgspec

from valtui import texts
from valtui.cli import output
from valtui.cli.parsing import Parser, add_json, add_session, home_of
from valtui.cli.presets import base_of
from valtui.cli.sessions import describe_status
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.keys import difference, show_value
from valtui_trainer.presets.library import Library
from valtui_trainer.session.about import read_about
from valtui_trainer.session.described import described, is_ours, varying
from valtui_trainer.session.documents import read_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import History, read_history
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.listing import find_run, find_session, runs_of, session_size, statuses
from valtui_trainer.session.records import Final, RunSpec, SessionSpec
from valtui_trainer.session.safe import safe
from valtui_trainer.session.state import RunStatus, supervisor_alive

Entry = dict[str, Any]


def add_arguments(parser: Parser) -> None:
    """Declare what `show` takes."""
    add_session(parser)
    add_json(parser)
    parser.add_argument(
        "--command", dest="repeat", action="store_true",
        help="print the command line that repeats each run, and nothing else",
    )  # fmt: skip


def execute(arguments: argparse.Namespace) -> int:
    """Show the session, or one of its runs; 2 if one of them cannot be read, after the others."""
    session = find_session(home_of(arguments), arguments.session)
    if arguments.repeat:
        return write_commands(session, arguments.run)
    found = describe(session, arguments.run)
    if arguments.json:
        output.document(found)
    else:
        write(found)
    output.flush()
    problems = [run["problem"] for run in found["runs"] if run["problem"]]
    for problem in problems:
        output.complain(problem)
    return 2 if problems else 0


def write_commands(session: SessionPaths, wanted: str | None) -> int:
    """Write the command that repeats a run, or those of all; 2 if one has none, after the others."""
    from valtui_trainer.supervise.repeating import command_of

    chosen = find_run(session, wanted).id if wanted is not None else None
    library, code = Library.open(), 0
    for _, spec in runs_of(session):
        if chosen not in (None, spec.id):
            continue
        try:
            output.line(command_of(spec, library))
        except PresetError as error:
            output.complain(str(error))
            code = 2
    return code


def describe(session: SessionPaths, wanted: str | None = None) -> Entry:
    """Return everything `show` says, as JSON has it."""
    spec = read_document(session.spec, SessionSpec)
    if spec is None:
        raise SessionError(
            f"{session.folder} holds no session.json: its start was broken off, or is under way."
        )
    runs = runs_of(session)
    table = differing([run_spec for _, run_spec in runs])
    if wanted is not None:
        chosen = find_run(session, wanted).id
        runs = [(paths, run_spec) for paths, run_spec in runs if paths.id == chosen]
    found = statuses(session)
    about = read_about(session)
    return {
        "schema": output.SCHEMA,
        "id": spec.id,
        "path": safe(str(session.folder)),
        "name": about.name,
        "note": about.note,
        "title": spec.title,
        "study": spec.study,
        "question": spec.question,
        "started": spec.created,
        "device": spec.device,
        "parallel": spec.parallel or None,
        "host": spec.host,
        "versions": spec.versions,
        "command": [safe(word) for word in spec.command],
        "supervised": supervisor_alive(session),
        "bytes": session_size(session),
        "runs": [describe_run(paths, one, table[one.id], found[one.id]) for paths, one in runs],
    }


def differing(specs: list[RunSpec]) -> dict[str, Entry]:
    """Return what is particular about each run: against each other, or a lone one against the base."""
    if len(specs) == 1:
        (spec,) = specs
        if not is_ours(spec):
            return {spec.id: described(spec)}
        return {spec.id: difference(spec.preset, base_of(Library.open()))}
    keys = varying(specs)
    return {
        spec.id: {key: value for key, value in described(spec).items() if key in keys}
        for spec in specs
    }


def describe_run(paths: RunPaths, spec: RunSpec, differs: Entry, status: RunStatus) -> Entry:
    """Return what is said about one run."""
    history, problem = History(), ""
    try:
        history = read_history(paths)
    except SessionError as error:  # one damaged run must not hide the others
        problem = safe(str(error))
    attempt = paths.last_attempt()
    final = None
    with suppress(SessionError):  # the state says that it is damaged
        final = read_document(attempt.final, Final) if attempt is not None else None
    return {
        "id": spec.id,
        "preset": spec.preset_name,
        **describe_status(status),
        "seeds": spec.seeds,
        "device": spec.device,
        "threads": spec.threads,
        "differs": differs,
        "settings": described(spec),
        "source": spec.source,
        "origin": safe(spec.origin),
        "start": msgspec.to_builtins(history.starts[-1]) if history.starts else None,
        "attempts": len(paths.attempt_numbers()),
        "train_points": len(history.train),
        "val_points": len(history.val),
        "damaged_lines_skipped": history.skipped,
        "problem": problem,
        "last_evaluation": last_evaluation(history),
        "warnings": [event.message for _, event in history.events if event.kind == "warning"],
        "profile": profile_of(paths, history),
        "final": msgspec.to_builtins(final) if final is not None else None,
    }


def profile_of(paths: RunPaths, history: History) -> Entry | None:
    """Return where the profile of a run lies, and what it says; None where none was written."""
    written = [event for _, event in history.events if event.kind == "profile"]
    if not written:
        return None
    return {
        "text": safe(str(paths.profiled.profile_text)),
        "trace": safe(str(paths.profiled.profile)),
        **{key: written[-1].data.get(key) for key in ("first", "steps", "milliseconds", "shares")},
    }


def last_evaluation(history: History) -> Entry | None:
    """Return the newest evaluation, a loss for each seed."""
    if not history.val:
        return None
    newest = history.val[-1][1]
    same = [record for _, record in history.val if record.step == newest.step]
    return {
        "step": newest.step,
        "epoch": newest.epoch,
        "val_loss": {str(record.seed): record.val_loss for record in same},
        "val_accuracy": {str(record.seed): record.val_accuracy for record in same},
    }


def write(found: Entry) -> None:
    """Write the description as text."""
    output.line(f"session   {found['id']}")
    for key in ("name", "note"):
        if found[key]:
            output.line(f"{key:<9} {found[key]}")
    if found["question"]:
        output.line(f"question  {found['question']}")
    where = ", ".join(filter(None, (found["host"], found["device"])))
    output.line(f"started   {found['started']} on {where}")
    output.line(f"command   {' '.join(found['command'])}")
    output.line(f"folder    {found['path']} ({texts.size(found['bytes'])})")
    for run in found["runs"]:
        output.line()
        write_run(run)


def write_run(run: Entry) -> None:
    """Write one run as text."""
    progress = f"step {run['step']}"
    if run["total_steps"]:
        progress += f" of {run['total_steps']} ({100 * run['progress']:.0f} %)"
    left = f", {texts.duration(run['seconds_left'])} left" if run["seconds_left"] else ""
    health = "" if run["health"] == "ok" else f", {run['health']}"
    output.line(f"{run['id']}  {run['state']}{health}  {progress}{left}")
    if run["reason"]:
        output.line(f"  reason      {run['reason']}")
    pairs = ", ".join(f"{key} {show_value(value, key)}" for key, value in run["differs"].items())
    output.line(
        f"  settings    {pairs or ('as the base' if run['source'] == 'preset' else 'none told')}; seeds {', '.join(map(str, run['seeds']))}"
    )
    if run["source"] != "preset":
        done = "recorded by" if run["source"] == "recorder" else "watched:"
        output.line(f"  {done:<12}{run['origin']}")
    start = run["start"]
    if start:
        write_start(start)
    output.line(
        f"  log         {run['val_points']} evaluations, {run['train_points']} training records, "
        f"{run['attempts']} attempt(s)"
    )
    if run["damaged_lines_skipped"]:
        output.line(f"  damaged     {run['damaged_lines_skipped']} lines were skipped")
    for warning in run["warnings"]:
        output.line(f"  warning     {warning}")
    if run["profile"]:
        output.line(f"  profile     {run['profile']['text']} (where the time goes)")
        output.line(f"              {run['profile']['trace']} (the trace, for Perfetto)")
    if run["last_evaluation"]:
        last = run["last_evaluation"]
        epochs = run["source"] == "preset" or (start and start["steps_per_epoch"])
        newest = f"epoch {last['epoch']:.2f}" if epochs else f"step {last['step']}"
        output.line(
            f"  newest      {newest}: val loss {by_seed(last['val_loss'])}, "
            f"accuracy {by_seed(last['val_accuracy'])}"
        )
    final = run["final"]
    if final and final["best_step"] is not None:
        output.line(
            f"  best        step {final['best_step']}: val loss {texts.number(final['best_val_loss'])}"
        )
    if final and final["test_loss"]:
        output.line(
            f"  test        loss {by_seed(final['test_loss'])}, "
            f"accuracy {by_seed(final['test_accuracy'] or {})}"
        )


def write_start(start: Entry) -> None:
    """Write what a run's process found; what another program did not tell is left out."""
    name = f" ({start['device_name']})" if start["device_name"] else ""
    if start["device"]:
        output.line(f"  device      {start['device']}{name}")
    if start["data_source"]:
        output.line(
            f"  data        {start['data_source']}: {start['train_size']} training, "
            f"{start['val_size']} validation, {start['test_size']} test images, "
            f"{'x'.join(map(str, start['image_shape']))}, {start['classes']} classes"
        )
        output.line(f"  digests     data {start['data_digest']}, split {start['split_digest']}")
    elif start["val_size"]:
        output.line(
            f"  data        {start['val_size']} validation samples, {start['classes']} classes"
        )
    if start["parameters"]:
        output.line(f"  parameters  {start['parameters']}")


def by_seed(values: dict[str, float | None]) -> str:
    """Return the values of all seeds, in order."""
    return ", ".join(texts.number(value) for value in values.values())
