"""What the device is doing: load and memory, from NVML or psutil; called off the screen's thread."""

from __future__ import annotations

from valtui.texts import size


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
    import pynvml

    from valtui_trainer.supervise.devices import text

    index = int(device.partition(":")[2] or 0)
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        load = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        name = text(pynvml.nvmlDeviceGetName(handle)).removeprefix("NVIDIA ")
    except pynvml.NVMLError:
        return device
    return f"{device} {name} {load} %  {size(int(memory.used))}"
