"""First frames on a real pty, warm, cold and uncompiled; in turns, each against the bare app of its round."""

from __future__ import annotations

import os
import statistics
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.screen.cases import SIZES, VALTUI, bare_app, open_session, words
from bench.screen.recorded import Recorded, shows, shows_curves
from bench.sessions import make_session

WARM_ROUNDS = 5
OTHER_ROUNDS = 3
ROOT = Path(__file__).parents[2]
LOADED = (
    "_distutils_hack", "markdown_it", "mdurl", "msgspec", "numpy", "platformdirs", "psutil", "pygments",
    "rich", "scipy", "textual", "typing_extensions.py",
)  # fmt: skip
"""What the screen loads of site-packages."""


@dataclass(frozen=True, slots=True)
class Case:
    """Something to start, and what tells that its first frame is there.

    Attributes:
        files: data that it reads, beyond the modules.
    """

    name: str
    arguments: list[str]
    seen: Callable[[bytes], bool]
    files: Path | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A first frame: seconds until it, and the memory in MB a second later."""

    seconds: float
    memory: float


def cases(folder: Path) -> list[Case]:
    """Return the cases, the bare app first; their data lie in `folder`."""
    usual, _ = make_session(folder, runs=4, points=20_000, total=20_000, eval_every=50, live=False)
    long, _ = make_session(
        folder, runs=1, points=1_000_000, total=1_000_000, eval_every=100, live=False
    )
    return [
        Case("bare Textual app (one text)", bare_app(folder), shows("bare")),
        Case("`valtui --version`", [*VALTUI, "--version"], shows("valtui ")),
        Case("home", [*VALTUI, "--home", str(folder / "empty")], shows("studies")),
        Case("4 runs x 20,000 points", open_session(folder, usual.id), shows_curves, usual.folder),
        Case("1 M training records", open_session(folder, long.id), shows_curves, long.folder),
    ]


def first_frame(
    case: Case, size: tuple[int, int], caches: Path, with_memory: bool = False
) -> Frame:
    """Start a case and end it; return its first frame."""
    terminal = Recorded(case.arguments, size, caches)
    try:
        seconds = terminal.record_until(case.seen)
        if not with_memory or terminal.process.poll() is not None:
            return Frame(seconds, 0.0)
        terminal.record_for(1.0)
        return Frame(seconds, terminal.memory() if terminal.process.poll() is None else 0.0)
    finally:
        terminal.close()


def forget(folders: Iterable[Path]) -> None:
    """Tell the kernel to drop its copies of the files in `folders`; those that others have mapped stay."""
    for folder in folders:
        for place in [folder] if folder.is_file() else folder.rglob("*"):
            if place.is_file():
                with place.open("rb") as file:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def modules(caches: Path) -> list[Path]:
    """Return the folders and files that hold what Python loads for the screen."""
    paths = sysconfig.get_paths()
    packages = [Path(paths["purelib"]) / name for name in LOADED]
    return [
        Path(sys.executable).resolve(), *(path for path in packages if path.exists()),
        *(path for path in Path(paths["stdlib"]).iterdir() if path.name != "site-packages"),
        ROOT / "tui", ROOT / "trainer", caches,
    ]  # fmt: skip


def rounds(
    all_cases: list[Case],
    size: tuple[int, int],
    times: int,
    prepare: Callable[[Case], Path],
    with_memory: bool = False,
) -> list[list[Frame]]:
    """Return the frames of each case, a round a time; `prepare` gives the folder for compiled modules."""
    found: list[list[Frame]] = [[] for _ in all_cases]
    for _ in range(times):
        for case, frames in zip(all_cases, found, strict=True):
            frames.append(first_frame(case, size, prepare(case), with_memory))
    return found


def rows(
    all_cases: list[Case], found: list[list[Frame]], how: str, size: tuple[int, int]
) -> list[str]:
    """Return the rows of the table: medians with their spread, and ratios to the bare app's round."""
    lines = []
    for case, frames in zip(all_cases, found, strict=True):
        seconds = sorted(1000 * frame.seconds for frame in frames)
        ratios = sorted(
            frame.seconds / bare.seconds for frame, bare in zip(frames, found[0], strict=True)
        )
        memory = statistics.median(frame.memory for frame in frames)
        lines.append(
            f"| {case.name} | {how} | {words(size)} | {statistics.median(seconds):.0f} ms "
            f"[{seconds[0]:.0f}, {seconds[-1]:.0f}] | {statistics.median(ratios):.2f} "
            f"[{ratios[0]:.2f}, {ratios[-1]:.2f}] | {f'{memory:.0f} MB' if memory else '–'} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> list[str]:
    """Return the table."""
    lines = [
        "| first frame of | files | size | from the process's start | to the bare app's | memory |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        caches = folder / "caches"
        all_cases = cases(folder)

        def warm(case: Case) -> Path:
            return caches

        def cold(case: Case) -> Path:
            forget([*modules(caches), *([case.files] if case.files else [])])
            return caches

        def uncompiled(case: Case) -> Path:
            return Path(tempfile.mkdtemp(dir=folder))

        rounds(all_cases, SIZES[0], 1, warm)
        for size in SIZES:
            found = rounds(all_cases, size, WARM_ROUNDS, warm, with_memory=size == SIZES[0])
            lines += rows(all_cases, found, "warm", size)
        for how, prepare in (("cold", cold), ("uncompiled", uncompiled)):
            found = rounds(all_cases, SIZES[0], OTHER_ROUNDS, prepare)
            lines += rows(all_cases, found, how, SIZES[0])
    return lines


if __name__ == "__main__":
    main()
