"""Captures work on a device, to have it done again and again in one launch: CUDA graphs.

What is captured here is for `graphed` to say; another capturer can stand in where there is no CUDA.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol
from weakref import WeakSet

import torch

Work = Callable[[], torch.Tensor]


class CannotCaptureError(Exception):
    """A step of these replicas cannot be captured; the text says why."""


class Capture(NamedTuple):
    """Work that was captured.

    Attributes:
        result: what the work returned; each replay writes it anew, in the same memory.
        replay: does the work once more, in the same memory throughout; waits for nothing.
    """

    result: torch.Tensor
    replay: Callable[[], None]


class Capturer(Protocol):
    """Captures work that reads and writes tensors which stay where they are."""

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do `work`, so that what is made once (kernels, plans, workspace) is there when it is captured."""
        ...

    def capture(self, work: Work, generators: Sequence[torch.Generator]) -> Capture:
        """Capture `work`, which is not done by that: no tensor that was there before, no generator changes.

        Args:
            work: draws from `generators` only, and waits for nothing.
            generators: each replay draws on from where they are then.

        Raises:
            Exception: whatever the work or the device says against it. No tensor has changed then
                either, but until `recover` neither `generators` nor earlier captures may be used.
        """
        ...

    def recover(self, generators: Sequence[torch.Generator]) -> None:
        """Undo what a capture that failed has left behind, of those and torch's own generators too.

        Raises:
            Exception: whatever the device says; nothing can be drawn on it any more.
        """
        ...


class CudaCapturer:
    """Captures CUDA graphs, which share one pool of memory: replayed on one stream, never two at once.

    A graph may overwrite what an earlier one left in the pool, but for tensors that somebody held when
    it was captured.
    """

    def __init__(self, device: torch.device) -> None:
        """Prepare a stream of its own, as a capture must not be on the default one."""
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: WeakSet[torch.cuda.CUDAGraph] = WeakSet()

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do `work` on the stream that will capture, where its workspaces are kept."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            work()
        current.wait_stream(self._stream)

    def capture(self, work: Work, generators: Sequence[torch.Generator]) -> Capture:
        """Capture `work` as a CUDA graph.

        Raises:
            RuntimeError: the work waits for the device, or does what a graph cannot hold.
        """
        if not self._graphs:  # a pool that lost its last graph is closed
            self._pool = torch.cuda.graph_pool_handle()
        graph = graph_drawing_from(generators)
        current = torch.cuda.current_stream(self._device)
        failed: Exception | None = None
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                try:
                    result = work()
                except Exception as error:
                    failed = error
                    raise
        except Exception as error:
            # What the work failed on says more than that its capture could not be ended.
            failed = failed or error
        finally:
            torch.cuda.set_stream(current)  # which a capture that fails does not bring back
        if failed is None:
            self._graphs.add(graph)
            return Capture(result, graph.replay)
        try:
            raise failed
        finally:
            # Lest it and this frame, with the graph and what the work held, keep each other.
            del failed

    def recover(self, generators: Sequence[torch.Generator]) -> None:
        """End a capture that CUDA declared invalid for torch, too.

        Up to 2.12 torch takes its generators to be captured still, and the pool to be allocated to.
        """
        with suppress(RuntimeError):  # where torch has done so itself
            index = torch.cuda.current_device()
            torch._C._cuda_endAllocateToPool(index, self._pool)
            torch._C._cuda_releasePool(index, self._pool)
        self._graphs.clear()  # so that what is captured next takes a new pool
        current = torch.cuda.current_stream(self._device)
        try:
            # The end of a capture that succeeds frees the generators that it was told of.
            with torch.cuda.graph(graph_drawing_from(generators), stream=self._stream):
                torch.zeros(1, device=self._device)
        finally:
            torch.cuda.set_stream(current)


def graph_drawing_from(generators: Sequence[torch.Generator]) -> torch.cuda.CUDAGraph:
    """Return an empty graph whose replays draw on from where `generators` are."""
    graph = torch.cuda.CUDAGraph()
    for generator in generators:
        graph.register_generator_state(generator)
    return graph
