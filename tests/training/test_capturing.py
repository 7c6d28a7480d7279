"""What a CUDA capture that is invalidated leaves behind is undone: against torch up to 2.12, played without CUDA."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar

import pytest
import torch

from valtui_trainer.training import capturing
from valtui_trainer.training.capturing import CudaCapturer


class Played:
    """What torch 2.9 to 2.12 keep of captures.

    Attributes:
        capturing: ids of the generators that are taken to be captured.
        allocated_to: pools that are taken to be allocated to.
        released: pools that a capture which failed has let go of.
        pools: how many there were.
    """

    def __init__(self) -> None:
        self.capturing: set[int] = set()
        self.allocated_to: set[int] = set()
        self.released: list[int] = []
        self.pools = 0

    def new_pool(self, *_: object) -> int:
        self.pools += 1
        return self.pools

    def end(self, _: int, pool: int) -> None:
        if pool not in self.allocated_to:
            raise RuntimeError("endAllocatePool: not currently recording to mempool_id")
        self.allocated_to.discard(pool)


class PlayedGraph:
    """A CUDA graph that holds nothing."""

    alive: ClassVar[weakref.WeakSet[PlayedGraph]] = weakref.WeakSet()

    def __init__(self) -> None:
        self.generators: list[torch.Generator] = []
        PlayedGraph.alive.add(self)

    def register_generator_state(self, generator: torch.Generator) -> None:
        self.generators.append(generator)

    def replay(self) -> None:
        """Do nothing."""


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    """Play captures, each of which an error within invalidates."""
    cuda = Played()
    PlayedGraph.alive.clear()

    class Capturing:
        def __init__(self, graph: PlayedGraph, pool: int | None = None, stream: object = None):
            self.graph, self.pool = graph, cuda.new_pool() if pool is None else pool

        def __enter__(self) -> None:
            if self.pool in cuda.allocated_to:
                raise RuntimeError("already recording to mempool_id")
            cuda.allocated_to.add(self.pool)
            cuda.capturing.update(map(id, self.graph.generators))

        def __exit__(self, *error: object) -> None:
            if error[0] is not None:
                raise RuntimeError("operation failed due to a previous error during capture")
            cuda.allocated_to.discard(self.pool)
            cuda.capturing.difference_update(map(id, self.graph.generators))

    for name, stand_in in {
        "CUDAGraph": PlayedGraph, "graph": Capturing, "graph_pool_handle": cuda.new_pool,
        "Stream": lambda _: None, "current_stream": lambda _: None, "set_stream": lambda _: None,
        "current_device": lambda: 0,
    }.items():  # fmt: skip
        monkeypatch.setattr(capturing.torch.cuda, name, stand_in)
    release = lambda _, pool: cuda.released.append(pool)  # noqa: E731
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", cuda.end, raising=False)
    monkeypatch.setattr(torch._C, "_cuda_releasePool", release, raising=False)
    gc.disable()
    yield cuda
    gc.enable()


class Tensors:
    """What the work holds."""


def fail(held: list[weakref.ref[Tensors]]) -> torch.Tensor:
    tensors = Tensors()
    held.append(weakref.ref(tensors))
    raise ValueError("the host waits for the device")


def test_after_a_capture_that_failed_generators_draw_and_the_next_capture_is_as_any(
    played: Played,
) -> None:
    capturer, generators = CudaCapturer(torch.device("cpu")), [torch.Generator()]
    first = capturer.capture(lambda: torch.ones(()), generators)

    with pytest.raises(ValueError, match="the host waits"):
        capturer.capture(lambda: fail([]), generators)
    stuck = set(played.capturing), set(played.allocated_to)
    capturer.recover(generators)

    assert stuck == ({id(generators[0])}, {played.released[0]})
    assert (played.capturing, played.allocated_to) == (set(), set())
    second = capturer.capture(lambda: torch.ones(()), generators)
    assert (float(first.result), float(second.result)) == (1, 1)
    assert (played.capturing, played.allocated_to) == (set(), set())


def test_where_torch_has_ended_the_capture_itself_its_pool_is_not_let_go_of_twice(
    played: Played,
) -> None:
    capturer, generators = CudaCapturer(torch.device("cpu")), [torch.Generator()]
    capturer.capture(lambda: torch.ones(()), generators)

    capturer.recover(generators)

    assert played.released == []


def test_a_capture_that_failed_holds_neither_its_graph_nor_what_the_work_held(
    played: Played,
) -> None:
    capturer = CudaCapturer(torch.device("cpu"))
    held: list[weakref.ref[Tensors]] = []

    with suppress(ValueError):
        capturer.capture(lambda: fail(held), [torch.Generator()])

    assert held[0]() is None
    assert len(PlayedGraph.alive) == 0
