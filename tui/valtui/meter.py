"""What the device is doing: load and memory, from NVML or psutil; called off the screen's thread."""

from __future__ import annotations

from collections.abc import Collection

from valtui.texts import counted, size
from valtui_trainer.supervise.neighbours import look


def read_meter(device: str, own: Collection[int] = ()) -> str:
    """Return one short text about `device`, `cpu` or `cuda:i`; `own` processes are not others."""
    return read_gpu(device, own) if device.startswith("cuda") else read_cpu()


def read_cpu() -> str:
    """Return the machine's processor load since the last call, and the memory in use."""
    import psutil

    load = psutil.cpu_percent()
    memory = psutil.virtual_memory()
    return f"cpu {psutil.cpu_count()} cores {load:.0f} %  {size(memory.total - memory.available)}"


def read_gpu(device: str, own: Collection[int] = ()) -> str:
    """Return a GPU's name, load and memory in use, who else is on it, and whether it is nearly full."""
    found = look(device, own)
    if found is None:
        return device
    gpu, others = found.gpu, found.others
    load = f" {gpu.load} %" if gpu.load is not None else ""
    text = f"{device} {gpu.name}{load}  {size(gpu.total - gpu.free)}"
    if others:
        held = sum(one.bytes for one in others)
        text += f"  {counted(len(others), 'other')}" + (f" {size(held)}" if held else "")
    return text + "  nearly full" * found.nearly_full
