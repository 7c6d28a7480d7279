"""Stands in for CUDA graphs where there is no CUDA: captures operations of torch, and replays them in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from valtui_trainer.training.capturing import Capture, Work

aten = torch.ops.aten
WAITING = {
    aten._local_scalar_dense.default, aten.nonzero.default, aten.equal.default,
    aten.masked_select.default, aten._unique2.default,
}  # fmt: skip


class Tape:
    """A capturer whose captures are as blind as a CUDA graph.

    A replay does the same operations on the same memory, wherever Python's objects point by then; numbers
    that Python decided are fixed; only registered generators draw; capturing changes nothing, and fails
    where the host would wait for the device.

    Attributes:
        warm_ups: how often work was done to warm up.
        captures: how many there are.
        replays: how many there were.
        stuck: what keeps generators from drawing after a capture that failed.
    """

    def __init__(self) -> None:
        """Begin with nothing captured."""
        self.warm_ups = 0
        self.captures = 0
        self.replays = 0
        self.stuck: Stuck | None = None

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do `work`."""
        self.warm_ups += 1
        work()

    def capture(self, work: Work, generators: Sequence[torch.Generator]) -> Capture:
        """Capture `work`; raises RuntimeError where CUDA would."""
        states = [generator.get_state() for generator in generators]
        noted = Noted(generators)
        try:
            with noted:
                result = work()
        except Exception:
            self.stuck = Stuck(generators)
            raise
        finally:
            noted.put_back()
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
            if self.stuck is not None:
                self.stuck.__enter__()
        self.captures += 1

        def replay() -> None:
            self.replays += 1
            noted.replay()

        return Capture(result, replay)

    def recover(self, generators: Sequence[torch.Generator]) -> None:
        """Let generators draw again after a capture that failed."""
        if self.stuck is not None:
            self.stuck.__exit__(None, None, None)
            self.stuck = None


class NoWaits(TorchDispatchMode):
    """Fails where the host reads a value from the device, for which it would have to wait."""

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Do an operation, unless it waits."""
        refuse_to_wait(operation)
        return operation(*args, **(kwargs or {}))


class Stuck(TorchDispatchMode):
    """Fails where a generator draws that a failed capture was told of, or torch's own."""

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        """Take note of the generators."""
        super().__init__()
        self._seeds = {generator.initial_seed() for generator in generators}

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Do an operation, unless it draws from them."""
        source = (kwargs or {}).get("generator")
        draws = torch.Tag.nondeterministic_seeded in operation.tags
        if draws and (source is None or source.initial_seed() in self._seeds):
            raise RuntimeError("Offset increment outside graph capture encountered unexpectedly.")
        return operation(*args, **(kwargs or {}))


class Noted(TorchDispatchMode):
    """The operations of some work, in their order, with the tensors they took and gave."""

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        """Note nothing yet."""
        super().__init__()
        self._seeds = {generator.initial_seed() for generator in generators}
        self._operations: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []
        self._made: set[int] = set()
        self._before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Do an operation and note it."""
        kwargs = kwargs or {}
        refuse_to_wait(operation)
        if torch.Tag.nondeterministic_seeded in operation.tags:
            source = kwargs.get("generator")  # in a wrapper of its own, hence by its seed
            if source is None or source.initial_seed() not in self._seeds:
                raise RuntimeError("Attempt to capture a generator that is not registered")
        for tensor in tensors_of((args, kwargs)):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self._made | self._before.keys():
                self._before[storage.data_ptr()] = storage, storage.clone()
        found = operation(*args, **kwargs)
        for tensor in tensors_of(found):
            place = tensor.untyped_storage().data_ptr()
            if place not in self._before:
                self._made.add(place)
        self._operations.append((operation, args, kwargs, found))
        return found

    def put_back(self) -> None:
        """Bring all memory that was there before to what it held."""
        for storage, content in self._before.values():
            storage.copy_(content)
        self._before.clear()

    @torch.no_grad()
    def replay(self) -> None:
        """Do the operations again, their results into the same memory."""
        for operation, args, kwargs, before in self._operations:
            found = operation(*args, **kwargs)
            for old, new in zip(tensors_of(before), tensors_of(found), strict=True):
                if old.untyped_storage().data_ptr() != new.untyped_storage().data_ptr():
                    old.copy_(new)


def refuse_to_wait(operation: Any) -> None:
    """Raise for an operation whose result, or the size of whose result, the host has to wait for."""
    if operation in WAITING:
        raise RuntimeError(f"{operation}: operation not permitted when stream is capturing")


def tensors_of(nest: object) -> list[torch.Tensor]:
    """Return the tensors in a nest."""
    return [leaf for leaf in tree_leaves(nest) if isinstance(leaf, torch.Tensor)]
