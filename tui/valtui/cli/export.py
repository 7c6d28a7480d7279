"""`valtui export`: a session's log as CSV, Parquet or TensorBoard event files, or the weights of its runs."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from pathlib import Path

from valtui.cli import output
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, home_of, index
from valtui_trainer.session.layout import RunPaths, SessionPaths
from valtui_trainer.session.listing import find_run, find_session, runs_of

WEIGHT_SUFFIXES = (".pt", ".pth")


PACKAGES = {"parquet": "pyarrow", "tensorboard": "tensorboard"}


def add_arguments(parser: Parser) -> None:
    """Declare what `export` takes."""
    parser.add_argument("session", metavar="SESSION", help="an id or part of one")
    parser.add_argument("path", metavar="PATH", help="a folder; for one run's weights also a .pt")
    parser.add_argument(
        "--to", choices=("csv", "parquet", "tensorboard", "weights"), required=True,
        help="csv, parquet, tensorboard or weights",
    )  # fmt: skip
    parser.add_argument("--run", metavar="RUN", help="weights: of this run alone")
    parser.add_argument("--seed", metavar="N", type=index, help="weights: of this seed alone")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")


def execute(arguments: argparse.Namespace) -> int:
    """Export what was asked for."""
    session = find_session(home_of(arguments), arguments.session)
    path = Path(arguments.path).expanduser()
    if arguments.to == "weights":
        return export_weights(session, path, arguments)
    if arguments.run is not None or arguments.seed is not None:
        raise CommandError("--run and --seed go with --to weights; the CSV holds all of them.", 2)
    return export_log(session, path, arguments.to, arguments.force)


def export_log(session: SessionPaths, folder: Path, to: str, force: bool) -> int:
    """Write the log as tables or event files.

    Raises:
        CommandError: a package is missing, or the folder cannot be written.
    """
    require(PACKAGES.get(to, ""), to)
    write, targets, unit = writer_of(session, folder, to)
    if folder.exists() and not folder.is_dir():
        names = ", ".join(target.name for target in targets)
        raise CommandError(f"{folder} is a file; name a folder for {names}.", 2)
    refuse_overwriting(targets, force)
    try:
        written = write(session, folder)
    except OSError as error:
        raise CommandError(f"{folder} cannot be written ({error.strerror}).") from None
    for name, count in written.items():
        output.line(f"{folder / name}  {count} {unit}")
    return 0


def writer_of(
    session: SessionPaths, folder: Path, to: str
) -> tuple[Callable[[SessionPaths, Path], dict[str, int]], list[Path], str]:
    """Return what writes a log, the files or folders that it writes, and what it counts."""
    if to == "tensorboard":
        from valtui.export import tensorboard

        return tensorboard.export_tensorboard, tensorboard.folders_of(session, folder), "scalars"
    if to == "parquet":
        from valtui.export import parquet

        return parquet.export_parquet, [folder / name for name in parquet.FILES], "rows"
    from valtui.export import csv

    return csv.export_csv, [folder / name for name in csv.FILES], "rows"


def require(package: str, extra: str) -> None:
    """Refuse where a package that is needed is missing.

    Raises:
        CommandError: with the line that installs it.
    """
    if package and importlib.util.find_spec(package) is None:
        raise CommandError(
            f'writing this needs the package {package}: `pip install "valtui[{extra}]"`.', 2
        )


def export_weights(session: SessionPaths, path: Path, arguments: argparse.Namespace) -> int:
    """Write the weights of each run's best checkpoint."""
    from valtui.export.weights import best_checkpoint
    from valtui_trainer.supervise.weights import write_weights

    targets = weight_targets(session, path, arguments)
    failed = False
    for run, out in targets:
        chosen = best_checkpoint(run)
        if chosen is None:
            output.complain(f"{run.id} has no checkpoint yet.")
            failed = True
            continue
        out.parent.mkdir(parents=True, exist_ok=True)
        answer = write_weights(chosen.path, out.absolute(), arguments.seed)
        for written in answer.written:
            output.line(f"{written}  {run.id}, {chosen.why} checkpoint, step {chosen.step}")
        if answer.problem:
            output.complain(answer.problem)
            failed = True
    return 1 if failed else 0


def weight_targets(
    session: SessionPaths, path: Path, arguments: argparse.Namespace
) -> list[tuple[RunPaths, Path]]:
    """Return which runs are exported, and the file of each.

    Raises:
        CommandError: the path does not fit, a seed is not there, or a file would be overwritten.
    """
    runs = runs_of(session)
    if arguments.run is not None:
        chosen = find_run(session, arguments.run).id
        runs = [(run, spec) for run, spec in runs if run.id == chosen]
    one_file = path.suffix in WEIGHT_SUFFIXES
    if one_file and len(runs) != 1:
        raise CommandError(
            f"{path} is one file, but the session has {len(runs)} runs. "
            "Name a folder, or one run with --run.",
            2,
        )
    targets, files = [], []
    for run, spec in runs:
        if arguments.seed is not None and arguments.seed not in spec.seeds:
            seeds = ", ".join(map(str, spec.seeds))
            raise CommandError(f"{run.id} has no seed {arguments.seed}; its seeds: {seeds}.", 2)
        out = path if one_file else path / f"{run.id}.pt"
        targets.append((run, out))
        several = len(spec.seeds) > 1 and arguments.seed is None
        files += (
            [out.with_name(f"{out.stem}-seed-{seed}{out.suffix}") for seed in spec.seeds]
            if several
            else [out]
        )
    refuse_overwriting(files, arguments.force)
    return targets


def refuse_overwriting(files: list[Path], force: bool) -> None:
    """Refuse to replace files unless `force`.

    Raises:
        CommandError: naming the first that is there.
    """
    there = [path for path in files if path.exists() or path.is_symlink()]
    if there and not force:
        raise CommandError(f"{there[0]} is there already; --force overwrites it.", 2)
