"""Open the device a run trains on: threads, determinism, memory."""

from __future__ import annotations

import os

import torch

from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.allocator import keep_freed_memory

NOT_TO_THE_BIT = (
    "On CUDA the order of some sums is not fixed: two runs of one seed may differ in the last bits."
)


def open_device(name: str, threads: int) -> torch.device:
    """Return the torch device `name` (`cpu` or `cuda:i`), set up for a run.

    On the CPU the number of threads is fixed, so that the same seed gives the same bits, and freed
    memory stays with the process. On CUDA the fastest kernels are taken, whose sums may differ in the
    last bits from run to run.
    """
    torch.set_num_threads(threads)
    device = torch.device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    else:
        keep_freed_memory()
    return device


def open_for(spec: RunSpec) -> torch.device:
    """Return the device of a run, set up as the run says: threads, priority, share of its memory."""
    if spec.nice > os.getpriority(os.PRIO_PROCESS, 0):
        os.setpriority(os.PRIO_PROCESS, 0, spec.nice)
    device = open_device(spec.device, spec.threads)
    if device.type == "cuda" and spec.memory_fraction is not None:
        torch.cuda.set_per_process_memory_fraction(spec.memory_fraction, device)
    return device


def memory_in_words(device: torch.device) -> str:
    """Return how much memory this process holds, on its device and beside it, in words."""
    import psutil

    beside = f"{psutil.Process().memory_info().rss / 1e6:,.0f} MB of memory"
    if device.type != "cuda":
        return beside
    return f"{torch.cuda.memory_reserved(device) / 1e6:,.0f} MB of {device} and {beside}"


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return `tensor`, which lies on the CPU, on `device`, without waiting for what that has to do."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def synchronise(device: torch.device) -> None:
    """Wait for what is queued on `device`, so that its time is not taken for that of what comes next."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def release(device: torch.device) -> None:
    """Give the memory that nobody holds any more back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def peak_memory(device: torch.device) -> int:
    """Return the most bytes torch has held on a CUDA device, 0 on the CPU."""
    return torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0


def free_memory(device: torch.device) -> int:
    """Return how many bytes are free on a CUDA device, as many as one can count elsewhere."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free
    return 1 << 62


def memory_for_data(device: torch.device) -> int:
    """Return how many bytes of images may lie on the device: less than half of what is free."""
    if device.type == "cuda":
        allowed = torch.cuda.get_per_process_memory_fraction(device)
        total = torch.cuda.get_device_properties(device).total_memory
        return int(0.4 * min(free_memory(device), allowed * total))
    return 1 << 62
