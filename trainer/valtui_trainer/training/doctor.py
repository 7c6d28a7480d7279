"""The task `doctor`: what PyTorch says of itself and of the devices it can use."""

from __future__ import annotations

import sys
from typing import Any

import msgspec


def examine() -> dict[str, Any]:
    """Return versions, devices by name and memory, and why a device cannot compute, if so."""
    try:
        import torch
    except Exception as error:  # a broken installation raises whatever its libraries raise
        return {"torch": None, "problem": f"PyTorch cannot be loaded: {error}"}
    found: dict[str, Any] = {
        "torch": str(torch.__version__),
        "torchvision": torchvision_version(),
        "cuda": torch.version.cuda,
        "cuda_available": torch.cuda.is_available(),
        "threads": torch.get_num_threads(),
        "devices": [],
        "problem": None,
    }
    if not found["cuda_available"]:
        return found
    for number in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(number)
        device = {
            "index": number,
            "name": properties.name,
            "memory": properties.total_memory,
            "capability": f"{properties.major}.{properties.minor}",
            "problem": None,
        }
        try:
            (torch.ones(8, device=f"cuda:{number}") * 2).sum().item()
        except RuntimeError as error:
            device["problem"] = str(error).splitlines()[0]
        found["devices"].append(device)
    return found


def torchvision_version() -> str | None:
    """Return torchvision's version, or None where it does not load."""
    try:
        import torchvision
    except Exception:  # built for another PyTorch, it raises RuntimeError; missing, ImportError
        return None
    return str(torchvision.__version__)


def main() -> int:
    """Write what was found to standard output as JSON."""
    sys.stdout.buffer.write(msgspec.json.encode(examine()))
    return 0
