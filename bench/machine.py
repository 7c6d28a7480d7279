"""Which machine, device and versions a figure belongs to."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from pathlib import Path


def describe(device: str) -> str:
    """Return one line about the machine whose `device` was measured."""
    model = next(
        (line.partition(":")[2].strip() for line in cpu_info() if line.startswith("model name")),
        platform.machine(),
    )
    names = ("torch", "textual", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    cores = len(os.sched_getaffinity(0))
    where = device if device == "cpu" else f"{device} ({gpu_name()})"
    return (
        f"{time.strftime('%Y-%m-%d')}, {where}, {model}, {cores} cores, "
        f"Python {platform.python_version()}, {versions}"
    )


def cpu_info() -> list[str]:
    """Return the lines of /proc/cpuinfo, or none."""
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def gpu_name() -> str:
    """Return the name of the first CUDA device."""
    import torch

    return torch.cuda.get_device_name(0)
