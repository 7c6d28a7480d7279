"""Which device a run gets, and how many runs fit at once; asked of NVML and the CPU count, not torch."""

from __future__ import annotations

import os
from dataclasses import dataclass

from valtui_trainer.presets.errors import PresetError

CPU_RUNS = 4
CONTEXT_BYTES = 600 << 20
SPARE = 1.2


@dataclass(frozen=True, slots=True)
class Gpu:
    """One visible CUDA device: its index as torch counts, name, bytes, and load in percent; None: not told."""

    index: int
    name: str
    free: int
    total: int
    load: int | None = None


def visible_gpus() -> list[Gpu]:
    """Return the CUDA devices that CUDA_VISIBLE_DEVICES leaves, as torch would number them."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [describe(index, handle) for index, handle in enumerate(visible_handles())]
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def visible_handles() -> list[object]:
    """Return NVML's handles of the visible devices; NVML is initialised by the caller."""
    import pynvml

    handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        return handles
    by_uuid = {text(pynvml.nvmlDeviceGetUUID(handle)): handle for handle in handles}
    found = (pick(word.strip(), handles, by_uuid) for word in allowed.split(","))
    return [handle for handle in found if handle is not None]


def describe(index: int, handle: object) -> Gpu:
    """Return what NVML says of one device; parts of GPUs (MIG) tell no load."""
    import pynvml

    free, total = memory_of(handle)
    try:
        load = int(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    except pynvml.NVMLError:
        load = None
    name = text(pynvml.nvmlDeviceGetName(handle)).removeprefix("NVIDIA ")
    return Gpu(index, name, free, total, load)


def memory_of(handle: object) -> tuple[int, int]:
    """Return the free and all bytes of a device; the machine's where it has no memory of its own."""
    import pynvml

    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    except pynvml.NVMLError:
        import psutil

        shared = psutil.virtual_memory()
        return shared.available, shared.total
    return int(memory.free), int(memory.total)


def pick(word: str, handles: list[object], by_uuid: dict[str, object]) -> object | None:
    """Return the device, or the part of one, that an entry of CUDA_VISIBLE_DEVICES means."""
    if word.isdigit():
        return handles[int(word)] if int(word) < len(handles) else None
    if word.startswith("MIG-"):
        return part_of_gpu(word)
    return next(
        (handle for uuid, handle in by_uuid.items() if word and uuid.startswith(word)), None
    )


def part_of_gpu(uuid: str) -> object | None:
    """Return a part of a GPU (MIG), or None where there is none of that UUID."""
    import pynvml

    try:
        found: object = pynvml.nvmlDeviceGetHandleByUUID(uuid)
    except pynvml.NVMLError:
        return None
    return found


def text(value: bytes | str) -> str:
    """Return NVML's text, which older versions give as bytes."""
    return value.decode() if isinstance(value, bytes) else value


def choose_device(wanted: str) -> str:
    """Return `cpu` or `cuda:i` for auto, cpu, cuda or cuda:i.

    Raises:
        PresetError: there is no such device here.
    """
    if wanted == "cpu":
        return "cpu"
    if wanted not in ("auto", "cuda") and not (
        wanted.startswith("cuda:") and wanted.removeprefix("cuda:").isdigit()
    ):
        raise PresetError(f"--device {wanted}: write auto, cpu, cuda, or cuda:0.")
    gpus = visible_gpus()
    if not gpus:
        if wanted == "auto":
            return "cpu"
        raise PresetError(
            f"--device {wanted}: there is no CUDA device here (no NVIDIA driver, or "
            "CUDA_VISIBLE_DEVICES hides it). Use --device cpu, or auto."
        )
    if wanted in ("auto", "cuda"):
        return f"cuda:{max(gpus, key=lambda gpu: gpu.free).index}"
    index = int(wanted.removeprefix("cuda:"))
    if index >= len(gpus):
        raise PresetError(f"--device {wanted}: only {len(gpus)} CUDA device(s) are visible here.")
    return f"cuda:{index}"


def cores() -> int:
    """Return the processors this process may use."""
    return len(os.sched_getaffinity(0))


def runs_at_once(device: str, runs: int, wanted: int | None) -> int:
    """Return how many runs may train at once; 0 leaves it to the memory of the CUDA device."""
    if wanted is not None:
        return wanted
    return max(1, min(CPU_RUNS, runs)) if device == "cpu" else 0


def threads_per_run(device: str, parallel: int) -> int:
    """Return the CPU threads of a run, at least one: its share of the cores, never all of them.

    Threads wait for each other many times a step: beside other work a run with a thread on each of two
    cores took 5 to 16 times as long as with one thread; alone, 0.6 to 0.9 of it.
    """
    if device != "cpu":
        return max(1, min(4, cores()))
    return max(1, min(cores() // max(1, parallel), cores() - 1))


def room_for_another(device: str, measured: list[int]) -> bool:
    """Tell whether the CUDA device bears one run more.

    Args:
        device: `cuda:i`, or `cpu`, which bears as many as a session of ours would train there.
        measured: peak bytes of the runs already there; 0 where a run has not measured yet.
    """
    if not measured:
        return True
    if not device.startswith("cuda:"):
        return len(measured) < CPU_RUNS
    if 0 in measured:
        return False
    index = int(device.removeprefix("cuda:"))
    free = next((gpu.free for gpu in visible_gpus() if gpu.index == index), 0)
    return free > SPARE * (max(measured) + CONTEXT_BYTES)
