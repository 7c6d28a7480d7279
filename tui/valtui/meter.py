"""What the device is doing: load and memory, from NVML or psutil; called off the screen's thread."""

from __future__ import annotations

from valtui.texts import size
from valtui_trainer.supervise.devices import visible_gpus


def read_meter(device: str) -> str:
    """Return one short text about `device`, `cpu` or `cuda:i`."""
    return read_gpu(device) if device.startswith("cuda") else read_cpu()


def read_cpu() -> str:
    """Return the machine's processor load since the last call, and the memory in use."""
    import psutil

    load = psutil.cpu_percent()
    memory = psutil.virtual_memory()
    return f"cpu {psutil.cpu_count()} cores {load:.0f} %  {size(memory.total - memory.available)}"


def read_gpu(device: str) -> str:
    """Return a GPU's name, load and memory in use."""
    number = device.partition(":")[2] or "0"
    if not number.isdecimal():
        return device
    index = int(number)
    gpu = next((gpu for gpu in visible_gpus() if gpu.index == index), None)
    if gpu is None:
        return device
    return f"{device} {gpu.name} {gpu.load} %  {size(gpu.total - gpu.free)}"
