"""Tries engines on copies of replicas: the time and memory of a step, and whether it does what the loop's does.

What follows from that is for `choose_engine` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from valtui_trainer.training.captured_steps import WARM_UP_STEPS as STEPS_BEFORE_CAPTURE
from valtui_trainer.training.capturing import CannotCaptureError
from valtui_trainer.training.devices import free_memory, peak_memory, release, synchronise
from valtui_trainer.training.ensemble import Engine, Ensemble
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.fit import USABLE
from valtui_trainer.training.lenses.untouched import same_generators
from valtui_trainer.training.models import reason
from valtui_trainer.training.obstacles import refuse_what_cannot_be
from valtui_trainer.training.replica import Replica, trained
from valtui_trainer.training.stacking import CannotStackError
from valtui_trainer.training.turns import shortest

MOST_TRIED = 4
"""How many replicas are copied: where four are faster stacked, eight are, and copies take time and memory."""

WARM_UP_STEPS = STEPS_BEFORE_CAPTURE + 1
TIMED_STEPS = 10
MOVING_STEPS = 2

OUT_OF_MEMORY = torch.OutOfMemoryError.__name__

TOLERANCES = {"float32": 0.02, "bfloat16": 0.1}
"""How far what engines find may be apart: TF32 carries three digits, bfloat16 two."""

Engines = Mapping[Engine, Callable[[Sequence[Replica]], Ensemble]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What an engine was found to need.

    Attributes:
        seconds: of a step of all copies, the least of several samples.
        memory: bytes at the peak, those of the copies included; 0 on the CPU.
    """

    seconds: float
    memory: int


@dataclass(frozen=True, slots=True)
class Ready:
    """An engine with copies that it trains as the loop would.

    Attributes:
        ensemble: of the copies, warmed up.
        figures: what several steps found, as `figures_of` returns it.
        memory: as a trial's.
    """

    ensemble: Ensemble
    figures: torch.Tensor
    memory: int


def try_engines(
    engines: Engines, replicas: Sequence[Replica], batches: Batches
) -> dict[Engine, Trial | str]:
    """Return what each of `engines` needs for copies of `replicas`; or why it is not for them, in words.

    Nothing of the replicas is changed. The first is the one that the others are held against: where it
    fails, no other is tried. They take turns at being timed, as many at once as there is memory for.
    """
    try:
        with same_generators(batches.device):
            return tried_in_turn(engines, replicas, batches)
    finally:
        forget(batches.device)


def tried_in_turn(
    engines: Engines, replicas: Sequence[Replica], batches: Batches
) -> dict[Engine, Trial | str]:
    """Return the same, and leave torch's generators where they come to be."""
    found: dict[Engine, Trial | str] = {}
    ready: dict[Engine, Ready] = {}
    expected: torch.Tensor | None = None
    release(batches.device)
    free = room = USABLE * free_memory(batches.device)
    growth = len(replicas) / min(len(replicas), MOST_TRIED)
    for name in engines:
        made = made_ready(name, engines, replicas, batches, expected)
        if ready and is_crowded(made, room):
            del made
            found |= timed(ready, batches)
            ready.clear()
            release(batches.device)
            room = free
            made = made_ready(name, engines, replicas, batches, expected)
        if isinstance(made, str):
            found[name] = made
        elif expected is not None and growth * made.memory > free:
            found[name] = "there is too little memory for it"
        else:
            ready[name] = made
            room -= made.memory
            expected = made.figures if expected is None else expected
        if expected is None:
            break
        del made
        release(batches.device)
    return found | timed(ready, batches)


def is_crowded(made: Ready | str, room: float) -> bool:
    """Tell whether an engine lacks memory, as the copies of others may be the reason."""
    return OUT_OF_MEMORY in made if isinstance(made, str) else made.memory > room


def made_ready(
    name: Engine,
    engines: Engines,
    replicas: Sequence[Replica],
    batches: Batches,
    expected: torch.Tensor | None,
) -> Ready | str:
    """Return the engine `name` with copies of `replicas`; or why it is not for them, and no copy then.

    Args:
        name: of the engine.
        engines: that it is one of.
        replicas: that it might train; nothing of theirs is changed.
        batches: the training set.
        expected: the loop's figures; None: there is nothing to agree with.
    """
    try:
        return attempted(name, engines, replicas, batches, expected)
    except (CannotCaptureError, CannotStackError) as error:
        return str(error)
    except Exception as error:  # whatever it fails on, memory for copies too, the loop does not
        return f"it cannot be tried on this model ({reason(error)})"
    finally:
        release(batches.device)  # once the frame that holds copies is gone


def attempted(
    name: Engine,
    engines: Engines,
    replicas: Sequence[Replica],
    batches: Batches,
    expected: torch.Tensor | None,
) -> Ready | str:
    """Return the same.

    Raises:
        Exception: whatever making and stepping the copies fails on.
    """
    refuse_what_cannot_be(name, replicas[0], batches)
    before = held_memory(batches.device)
    ensemble = engines[name](twins(replicas))
    figures = figures_of(ensemble, batches)
    memory = peak_memory(batches.device) - before
    tolerance = TOLERANCES[replicas[0].preset.precision]
    if expected is not None and not torch.allclose(
        figures, expected, rtol=tolerance, atol=1e-3, equal_nan=True
    ):
        return "this model has other losses, or takes other steps"
    return ensemble.trouble or Ready(ensemble, figures, memory)


def twins(replicas: Sequence[Replica]) -> list[Replica]:
    """Return copies of `replicas` to try things with."""
    return [replica.twin(max(WARM_UP_STEPS, TIMED_STEPS)) for replica in replicas[:MOST_TRIED]]


def figures_of(ensemble: Ensemble, batches: Batches) -> torch.Tensor:
    """Return what several steps of each replica find (K, 5), once those of each size of batch are warmed up.

    Mean, smallest and largest loss and gradient norm of steps whose learning rate is zero; then how far
    steps at the preset's move the weights, over the learning rate.
    """
    preset = ensemble.replicas[0].preset
    ensemble.train_mode()
    ensemble.begin_epoch(batches)
    for position in positions(len(batches), preset.batch_size, preset.drop_last):
        for _ in range(WARM_UP_STEPS):
            ensemble.step(batches, position, 0.0)
        ensemble.figures()
    for _ in range(TIMED_STEPS):
        ensemble.step(batches, 0, 0.0)
    figures = ensemble.figures()
    before = [[weight.detach().clone() for weight in trained(r.model)] for r in ensemble.replicas]
    for _ in range(MOVING_STEPS):
        ensemble.step(batches, 0, preset.learning_rate)
    moved = [
        torch.nn.utils.get_total_norm(
            [w.detach() - b for w, b in zip(trained(r.model), old, strict=True)]
        )
        for r, old in zip(ensemble.replicas, before, strict=True)
    ]
    ensemble.figures()
    moves = torch.stack(moved).to(figures.dtype) / preset.learning_rate
    return torch.cat([figures, moves[:, None]], dim=1)


def positions(size: int, batch_size: int, drop_last: bool) -> list[int]:
    """Return where in an epoch of `size` images a batch of each size begins: the full one's, the rest's."""
    rest = 0 if drop_last or size <= batch_size else size % batch_size
    return [0, size - rest] if rest else [0]


def timed(ready: Mapping[Engine, Ready], batches: Batches) -> dict[Engine, Trial]:
    """Return what each engine needs, timed by turns."""
    works = [partial(steps, one.ensemble, batches) for one in ready.values()]
    return {
        name: Trial(seconds / TIMED_STEPS, one.memory)
        for (name, one), seconds in zip(ready.items(), shortest(works), strict=True)
    }


def steps(ensemble: Ensemble, batches: Batches) -> None:
    """Take TIMED_STEPS steps that change no weight, and wait for them."""
    for _ in range(TIMED_STEPS):
        ensemble.step(batches, 0, 0.0)
    ensemble.figures()
    synchronise(batches.device)


def held_memory(device: torch.device) -> int:
    """Return how many bytes torch holds on a CUDA device, and begin anew to look for the most."""
    if device.type != "cuda":
        return 0
    synchronise(device)
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_reserved(device)


def forget(device: torch.device) -> None:
    """Give back the memory of trials, which does not count for the peak."""
    release(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
