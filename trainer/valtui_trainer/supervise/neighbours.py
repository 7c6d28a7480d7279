"""Who else is on a GPU, and whether it is nearly full: said before a start, and in the device meter."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from valtui_trainer.session.layout import SessionPaths
from valtui_trainer.session.listing import statuses
from valtui_trainer.session.safe import safe
from valtui_trainer.supervise.devices import Gpu, describe, text, visible_handles
from valtui_trainer.supervise.launch import other_host

NEARLY_FULL = 0.1
"""With a smaller share free, a GPU is nearly full."""

MOST_NAMED = 3
MIB, GIB = 1 << 20, 1 << 30


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A process on a GPU: its id, name and user ("" where they cannot be seen), and the bytes it holds."""

    pid: int
    name: str
    user: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Shared:
    """A GPU, and who else is on it, the largest first."""

    gpu: Gpu
    others: tuple[Neighbour, ...]

    @property
    def nearly_full(self) -> bool:
        """Tell whether little is free."""
        return self.gpu.free < NEARLY_FULL * self.gpu.total


def look(device: str, own: Collection[int] = ()) -> Shared | None:
    """Return what NVML says of `cuda:i`; None for another device, and where NVML says nothing.

    Args:
        device: as torch counts.
        own: processes that are not others.
    """
    index = device.removeprefix("cuda:")
    if device == index or not index.isdigit():
        return None
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        handles = visible_handles()
        if int(index) >= len(handles):
            return None
        handle = handles[int(index)]
        gpu = describe(int(index), handle)
        found = others(processes(handle), own)
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()
    return Shared(gpu, tuple(sorted(found, key=lambda one: -one.bytes)))


def others(found: list[Process], own: Collection[int]) -> list[Neighbour]:
    """Return the neighbours among processes.

    Within a container NVML names processes as the host does: as many that cannot be seen as there are
    own ones are taken for them.
    """
    seen = [neighbour(one) for one in found if one.pid not in own]
    missing = len(own) - sum(one.pid in own for one in found)
    hidden = [one for one in seen if not one.name]
    return [one for one in seen if one.name] + hidden[max(0, missing) :]


class Process:
    """What NVML tells of a process."""

    pid: int
    usedGpuMemory: int | None  # noqa: N815  NVML's own name


def processes(handle: object) -> list[Process]:
    """Return the processes on a device, that draw or compute; none where NVML does not tell."""
    import pynvml

    found: dict[int, Process] = {}
    for ask in (
        pynvml.nvmlDeviceGetComputeRunningProcesses,
        pynvml.nvmlDeviceGetGraphicsRunningProcesses,
    ):
        try:
            found.update({one.pid: one for one in ask(handle)})
        except pynvml.NVMLError:
            continue
    return list(found.values())


def neighbour(process: Process) -> Neighbour:
    """Return what can be seen of a process, which may have ended, or run in another container."""
    import psutil

    held = int(process.usedGpuMemory or 0)
    try:
        seen = psutil.Process(process.pid)
        return Neighbour(process.pid, text(seen.name()), text(seen.username()), held)
    except (psutil.Error, KeyError):  # a user without a name
        return Neighbour(process.pid, "", "", held)


def crowding(device: str, own: Collection[int] = ()) -> str:
    """Return who else is on a GPU and how little is free, a sentence; empty where there is nothing to say."""
    found = look(device, own)
    if found is None or not (found.others or found.nearly_full):
        return ""
    free = f"{amount(found.gpu.free)} of {amount(found.gpu.total)} are free"
    if not found.others:
        return f"{device} is nearly full: {free}; a run may not find the memory that it needs."
    named = ", ".join(map(in_words, found.others[:MOST_NAMED]))
    more = len(found.others) - MOST_NAMED
    also = f", and {more} more" if more > 0 else ""
    full = "nearly full" if found.nearly_full else "shared"
    return (
        f"{device} is {full}: {named}{also}; {free}. Times and images/s are those of a shared GPU."
    )


def crowding_beside(session: SessionPaths, device: str) -> str:
    """Return the same for what is started beside the runs of `session`, which are no others.

    Empty where another host trains the session: its GPU cannot be seen from here.
    """
    if other_host(session):
        return ""
    own = {status.pid for status in statuses(session).values() if status.pid is not None}
    return crowding(device, own)


def in_words(one: Neighbour) -> str:
    """Return who a neighbour is and what it holds."""
    name = f"{safe(one.name, 40)} of {safe(one.user, 40)}" if one.name else "a process"
    held = f" holds {amount(one.bytes)}" if one.bytes else ""
    return f"{name} (pid {one.pid}){held}"


def amount(size: int) -> str:
    """Return a number of bytes in words."""
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / MIB:.0f} MiB"
