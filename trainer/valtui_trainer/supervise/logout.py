"""Whether the log-in manager ends this process, and the runs it starts, when the user logs out.

Two things end them, each by itself. systemd-logind kills what lies in the session's scope where
`KillUserProcesses` says so; lingering does not save it. And the user manager, with all that lies in
`user@UID.service`, ends at the last log-out unless the user lingers; `KillUserProcesses` is not asked.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CGROUP = Path("/proc/self/cgroup")
PATIENCE_SECONDS = 2.0
MANAGER = re.compile(r"/user@(\d+)\.service(?:/|$)")
SESSION = re.compile(r"/(session-[^/]+\.scope)(?:/|$)")
OWNER = re.compile(r"/user-(\d+)\.slice/")

SCOPE = "start with `systemd-run --user --scope valtui …`"
LINGER = "`loginctl enable-linger`"


@dataclass(frozen=True, slots=True)
class LogOut:
    """What a log-out does to what is started here.

    Attributes:
        kills: it ends the runs.
        found: what says so, in a few words.
        advice: what keeps them alive; empty where nothing ends them.
    """

    kills: bool
    found: str
    advice: str = ""


def log_out_kills() -> str | None:
    """Return a sentence on why a log-out ends runs started here, with the remedy, or None."""
    known = examine()
    if not known.kills:
        return None
    return f"Runs end when you log out ({known.found}). To keep them: {known.advice}."


def examine() -> LogOut:
    """Look where this process lies and ask the log-in manager; never raises.

    Without systemd nothing is asked, and no process is started.
    """
    try:
        paths = CGROUP.read_text(errors="replace")
    except OSError:
        paths = ""
    manager, session = MANAGER.search(paths), SESSION.search(paths)
    if manager is not None:
        return of_manager(int(manager.group(1)))
    if session is not None:
        owner = OWNER.search(paths)
        return of_session(session.group(1), int(owner.group(1)) if owner else os.getuid())
    return LogOut(False, "in no log-in session")


def of_manager(uid: int) -> LogOut:
    """Judge what lies under the user manager of `uid`."""
    unit = f"user@{uid}.service"
    linger = lingers(uid)
    if linger is None:
        return LogOut(False, f"{unit}, its lingering is not known")
    if linger:
        return LogOut(False, f"{unit}, lingers")
    return LogOut(True, f"{unit}, no linger", LINGER)


def of_session(scope: str, uid: int) -> LogOut:
    """Judge what lies in the scope of a log-in session of `uid`."""
    setting = kill_setting(name_of(uid))
    if setting is None:
        return LogOut(False, f"{scope}, KillUserProcesses is not known")
    kills, found = setting
    if not kills:
        return LogOut(False, f"{scope}, {found}")
    if lingers(uid):
        return LogOut(True, f"{scope}, {found}", SCOPE)
    return LogOut(True, f"{scope}, {found}, no linger", f"{LINGER} once, then {SCOPE}")


def kill_setting(user: str) -> tuple[bool, str] | None:
    """Return whether the session processes of `user` are killed, and what decides; None: unknown."""
    answer = ask("show", "KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers")
    if "KillUserProcesses" not in answer:
        return None
    excluded = answer.get("KillExcludeUsers", "").split() or ["root"]  # logind's own default
    only = answer.get("KillOnlyUsers", "").split()
    if user in excluded:
        return False, "KillExcludeUsers names you"
    if only:
        return user in only, f"KillOnlyUsers {'names you' if user in only else 'names others'}"
    said = answer["KillUserProcesses"]
    return said == "yes", f"KillUserProcesses={said}"


def lingers(uid: int) -> bool | None:
    """Return whether the user manager of `uid` outlives the last log-out; None: unknown."""
    said = ask("show-user", "Linger", of=str(uid)).get("Linger")
    return None if said not in ("yes", "no") else said == "yes"


def ask(verb: str, *properties: str, of: str | None = None) -> dict[str, str]:
    """Return what `loginctl VERB` says of `properties`; nothing where it does not answer in time."""
    tool = shutil.which("loginctl")
    if tool is None:
        return {}
    wanted = [f"--property={name}" for name in properties]
    try:
        ended = subprocess.run(
            [tool, verb, *([of] if of else []), *wanted],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    if ended.returncode != 0:
        return {}
    pairs = (line.partition("=") for line in ended.stdout.decode(errors="replace").splitlines())
    return {name: value.strip() for name, _, value in pairs}


def name_of(uid: int) -> str:
    """Return the user's name, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
