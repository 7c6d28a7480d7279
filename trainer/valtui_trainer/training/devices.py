"""Open the device a run trains on: threads, determinism, memory."""

from __future__ import annotations

import torch

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
        return int(0.4 * free_memory(device))
    return 1 << 62
