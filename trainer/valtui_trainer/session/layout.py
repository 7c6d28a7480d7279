"""Where everything in a home and a session folder lies, and how its names are made."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import time
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from valtui_trainer.session.errors import SessionError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
FEW_BYTES = 2_000_000_000
START = "start.pt"
"""The checkpoint that a probe, a proof or a run beside starts from, linked into its own folder."""

SESSION_ID = re.compile(r"([0-9]{8}T[0-9]{6}Z)-[a-z0-9.+~-]{1,40}-[0-9a-f]{6}")
ID_TIME = "%Y%m%dT%H%M%SZ"
UTC_TIME = "%Y-%m-%dT%H:%M:%SZ"


def home(override: str | Path | None = None) -> Path:
    """Return the folder of sessions and caches: `override`, $VALTUI_HOME, the user's config, or XDG state."""
    chosen = override or os.environ.get("VALTUI_HOME")
    if not chosen:
        from valtui_trainer.session.config import read_config

        chosen = read_config()[0].home
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_state_dir("valtui"))


def make_folder(path: Path) -> Path:
    """Make `path` and what is above it, for this user only, whatever the umask.

    Raises:
        SessionError: it cannot be made.
    """
    try:
        if not path.parent.exists():
            make_folder(path.parent)
        if not path.is_dir():
            path.mkdir(mode=FOLDER_MODE, exist_ok=True)
            path.chmod(FOLDER_MODE)
    except FileExistsError:
        raise SessionError(f"{path} is a file, where a folder is needed.") from None
    except OSError as error:
        raise SessionError(
            f"The folder {path} cannot be made ({error.strerror}). "
            "Choose another with --home or $VALTUI_HOME."
        ) from None
    return path


def prepare_home(path: Path) -> Path:
    """Return the home folder, made and proven writable.

    Raises:
        SessionError: it cannot be written, it is somebody else's, or the disk has no room.
    """
    for folder in (path, path / "sessions"):
        make_folder(folder)
        if os.geteuid() not in (0, folder.stat().st_uid):
            raise SessionError(
                f"{folder} belongs to another user. Choose a folder of your own with --home or "
                "$VALTUI_HOME."
            )
    probe = path / f".write-{secrets.token_hex(4)}"
    try:
        descriptor = os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE)
        try:
            os.posix_fallocate(descriptor, 0, 1 << 20)
        finally:
            os.close(descriptor)
            probe.unlink()
    except OSError as error:
        raise SessionError(
            f"Nothing can be written to {path} ({error.strerror}). "
            "Make room or rights there, or choose another folder with --home or $VALTUI_HOME."
        ) from None
    return path


def check_own(path: Path) -> None:
    """Refuse a session folder that is a link or belongs to somebody else.

    Raises:
        SessionError: saying which.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise SessionError(f"{path} is a symbolic link; valtui opens only real session folders.")
    if os.geteuid() not in (0, found.st_uid):
        raise SessionError(f"{path} belongs to another user; valtui opens only your own sessions.")


def slug(text: str) -> str:
    """Return `text` as lower-case letters, digits, dots and hyphens, at most 40 of them."""
    return re.sub(r"[^a-z0-9.+~]+", "-", text.lower()).strip("-.")[:40] or "run"


def session_id(title: str) -> str:
    """Return a new session id: time in UTC, what it is about, six random hex digits."""
    stamp = time.strftime(ID_TIME, time.gmtime())
    return f"{stamp}-{slug(title)}-{secrets.token_hex(3)}"


def session_time(name: str) -> float | None:
    """Return when the session of that id began, in seconds since 1970, or None if it is no id."""
    found = SESSION_ID.fullmatch(name)
    return seconds_of(found[1], ID_TIME) if found else None


def utc_now() -> str:
    """Return the wall clock in UTC, for people; only a session's age is computed from it."""
    return time.strftime(UTC_TIME, time.gmtime())


def utc_time(text: str) -> float | None:
    """Return what `utc_now` wrote, in seconds since 1970, or None if it did not write that."""
    return seconds_of(text, UTC_TIME)


def seconds_of(text: str, form: str) -> float | None:
    """Return a UTC time written in `form`, in seconds since 1970, or None if it is not."""
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def free_bytes(home: Path) -> int | None:
    """Return the bytes free for this user where `home` is or would be, or None if unknown."""
    for place in (home, *home.parents):
        try:
            return shutil.disk_usage(place).free
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def little_room(home: Path) -> str | None:
    """Return a sentence if few bytes are free where `home` is, and what makes room."""
    free = free_bytes(home)
    if free is None or free >= FEW_BYTES:
        return None
    return (
        f"only {free / 1e9:.1f} GB are free on the disk of {home}; "
        "`valtui sessions --prune 30d` makes room."
    )


class SessionPaths:
    """The files of one session folder."""

    def __init__(self, folder: Path) -> None:
        """Look at the session in `folder`; nothing is read or made."""
        self.folder = folder
        self.id = folder.name
        self.spec = folder / "session.json"
        self.supervisor_lock = folder / "supervisor.lock"
        self.supervisor_log = folder / "supervisor.log"
        self.events = folder / "events.jsonl"
        self.commands = folder / "commands"
        self.runs = folder / "runs"
        self.probes = folder / "probes"
        self.proofs = folder / "proofs"

    def validation(self, digest: str) -> Path:
        """Return the file that describes the validation split of that digest."""
        return self.folder / f"validation-{digest}.npz"

    def run(self, run: str) -> RunPaths:
        """Return the files of one run."""
        return RunPaths(self.runs / run)

    def probe(self, probe: str) -> ProbePaths:
        """Return the files of one probe."""
        return ProbePaths(self.probes / probe)

    def proof(self, proof: str) -> ProofPaths:
        """Return the files of one proof."""
        return ProofPaths(self.proofs / proof)

    def run_ids(self) -> list[str]:
        """Return the ids of the runs whose `run.json` is complete.

        Raises:
            SessionError: the folder cannot be read.
        """
        try:
            names = sorted(os.listdir(self.runs))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SessionError(f"{self.runs}: cannot be read ({error.strerror}).") from None
        return [name for name in names if (self.runs / name / "run.json").exists()]


class RunPaths:
    """The files of one run."""

    def __init__(self, folder: Path) -> None:
        """Look at the run in `folder`; nothing is read or made."""
        self.folder = folder
        self.id = folder.name
        self.spec = folder / "run.json"
        self.lock = folder / "run.lock"
        self.checkpoints = folder / "checkpoints"
        self.attempts = folder / "attempts"
        self.checks = folder / "checks"
        self.start = folder / START

    def attempt(self, number: int) -> AttemptPaths:
        """Return the files of one attempt."""
        return AttemptPaths(self.attempts / str(number), number)

    def attempt_numbers(self) -> list[int]:
        """Return the numbers of all attempts, in order."""
        try:
            return sorted(
                int(name) for name in os.listdir(self.attempts) if name.isascii() and name.isdigit()
            )
        except OSError:
            return []

    @property
    def profiled(self) -> AttemptPaths:
        """The attempt that a profile is made of, where one was asked for: the first."""
        return self.attempt(0)

    def last_attempt(self) -> AttemptPaths | None:
        """Return the newest attempt, or None before the first."""
        numbers = self.attempt_numbers()
        return self.attempt(numbers[-1]) if numbers else None


class ProbePaths:
    """The files of one probe."""

    def __init__(self, folder: Path) -> None:
        """Look at the probe in `folder`; nothing is read or made."""
        self.folder = folder
        self.id = folder.name
        self.spec = folder / "probe.json"
        self.start = folder / START
        self.lock = folder / "probe.lock"
        self.arms = folder / "arms"
        self.events = folder / "events.jsonl"
        self.heartbeat = folder / "heartbeat"
        self.log = folder / "trainer.log"
        self.result = folder / "result.json"

    def arm(self, arm: str) -> Path:
        """Return the evaluations of one arm, or of `base`."""
        return self.arms / arm / "val.jsonl"


class ProofPaths:
    """The files of one proof."""

    def __init__(self, folder: Path) -> None:
        """Look at the proof in `folder`; nothing is read or made."""
        self.folder = folder
        self.id = folder.name
        self.spec = folder / "proof.json"
        self.start = folder / START
        self.result = folder / "result.json"


class AttemptPaths:
    """The files of one attempt."""

    def __init__(self, folder: Path, number: int) -> None:
        """Look at attempt `number` in `folder`; nothing is read or made."""
        self.folder = folder
        self.number = number
        self.start = folder / "start.json"
        self.train = folder / "train.jsonl"
        self.val = folder / "val.jsonl"
        self.events = folder / "events.jsonl"
        self.losses = folder / "val_losses.f32"
        self.losses_header = folder / "val_losses.json"
        self.heartbeat = folder / "heartbeat"
        self.log = folder / "trainer.log"
        self.profile = folder / "profile.json.gz"
        self.profile_text = folder / "profile.txt"
        self.final = folder / "final.json"
        self.exit = folder / "exit.json"
