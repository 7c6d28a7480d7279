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
    refused: tuple[str, ...] = (),
) -> None:
    """Let there be one GPU, with one part of its own, `MIG-1`.

    Args:
        monkeypatch: of the test.
        processes: on the GPU.
        free: bytes.
        total: bytes.
        tells: False: NVML names no processes.
        refused: functions of NVML that this GPU has not.
    """

    class NVMLError(Exception):
        """NVML's own error."""

    def compute(handle: object) -> list[Held]:
        del handle
        if not tells:
            raise NVMLError("not supported")
        return processes

    def by_uuid(uuid: str) -> int:
        if uuid != "MIG-1":
            raise NVMLError("not found")
        return 0

    def refuse(*_: object) -> None:
        raise NVMLError("not supported")

    fake = types.ModuleType("pynvml")
    members: dict[str, object] = {
        "NVMLError": NVMLError,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda handle: "GPU-1",
        "nvmlDeviceGetHandleByUUID": by_uuid,
        "nvmlDeviceGetName": lambda handle: b"NVIDIA H100",
        "nvmlDeviceGetMemoryInfo": lambda handle: types.SimpleNamespace(free=free, total=total),
        "nvmlDeviceGetUtilizationRates": lambda handle: types.SimpleNamespace(gpu=97),
        "nvmlDeviceGetComputeRunningProcesses": compute,
        "nvmlDeviceGetGraphicsRunningProcesses": lambda handle: [],
    }
    for name, member in members.items():
        setattr(fake, name, refuse if name in refused else member)
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
