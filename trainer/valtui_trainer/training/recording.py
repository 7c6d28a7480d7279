"""Records work on a device, to have it done again and again in one launch: CUDA graphs.

What is recorded here is for `graphed` to say; another recorder can stand in where there is no CUDA.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol
from weakref import WeakSet

import torch

Work = Callable[[], torch.Tensor]


class CannotRecordError(Exception):
    """A step of these replicas cannot be recorded; the text says why."""


class Recording(NamedTuple):
    """Work that was recorded.

    Attributes:
        result: what the work returned; each replay writes it anew, in the same memory.
        replay: does the work once more, in the same memory throughout; waits for nothing.
    """

    result: torch.Tensor
    replay: Callable[[], None]


class Recorder(Protocol):
    """Records work that reads and writes tensors which stay where they are."""

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do `work`, so that what is made once (kernels, plans, workspace) is there when it is recorded."""
        ...

    def record(self, work: Work, generators: Sequence[torch.Generator]) -> Recording:
        """Record `work`, which is not done by that: no tensor that was there before, no generator changes.

        Args:
            work: draws from `generators` only, and waits for nothing.
            generators: each replay draws on from where they are then.

        Raises:
            Exception: whatever the work or the device says against it; nothing has changed then either.
        """
        ...


class CudaRecorder:
    """Records CUDA graphs, which share one pool of memory: replayed on one stream, never two at once.

    A graph may overwrite what an earlier one left in the pool, but for tensors that somebody held when
    it was recorded.
    """

    def __init__(self, device: torch.device) -> None:
        """Prepare a stream of its own, as a capture must not be on the default one."""
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: WeakSet[torch.cuda.CUDAGraph] = WeakSet()

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do `work` on the stream that will record, where its workspaces are kept."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            work()
        current.wait_stream(self._stream)

    def record(self, work: Work, generators: Sequence[torch.Generator]) -> Recording:
        """Record `work` as a CUDA graph.

        Raises:
            RuntimeError: the work waits for the device, or does what a graph cannot hold.
        """
        if not self._graphs:  # a pool that lost its last graph is closed
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        current = torch.cuda.current_stream(self._device)
        try:
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                result = work()
        finally:
            torch.cuda.set_stream(current)  # which a capture that fails does not bring back
        self._graphs.add(graph)
        return Recording(result, graph.replay)
