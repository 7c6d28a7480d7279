"""What stands in for `pynvml`: a GPU with the processes and memory that a test says."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass

import pytest

GIB = 1 << 30


@dataclass
class Held:
    """A process on the GPU."""

    pid: int
    usedGpuMemory: int | None  # noqa: N815  NVML's own name


def stand_in(
    monkeypatch: pytest.MonkeyPatch,
    processes: list[Held],
    free: int = 60 * GIB,
    total: int = 80 * GIB,
    tells: bool = True,
) -> None:
    """Let there be one GPU; `tells` False: NVML names no processes."""

    class NVMLError(Exception):
        """NVML's own error."""

    def compute(handle: object) -> list[Held]:
        del handle
        if not tells:
            raise NVMLError("not supported")
        return processes

    fake = types.ModuleType("pynvml")
    members: dict[str, object] = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda handle: "GPU-1",
        "nvmlDeviceGetName": lambda handle: b"NVIDIA H100",
        "nvmlDeviceGetMemoryInfo": lambda handle: types.SimpleNamespace(free=free, total=total),
        "nvmlDeviceGetUtilizationRates": lambda handle: types.SimpleNamespace(gpu=97),
        "nvmlDeviceGetComputeRunningProcesses": compute,
        "nvmlDeviceGetGraphicsRunningProcesses": lambda handle: [],
    }
    for name, member in members.items():
        setattr(fake, name, member)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
