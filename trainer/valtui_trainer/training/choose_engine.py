"""Which engine trains replicas: one after another, replayed from CUDA graphs, or stacked.

Whatever is faster than the loop and finds the same is taken; whatever fails is not, and the reason told.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from valtui_trainer.training.ensemble import Engine, Ensemble
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.graphed import Graphed, GraphedStack
from valtui_trainer.training.lenses.untouched import same_generators
from valtui_trainer.training.models import reason
from valtui_trainer.training.obstacles import cannot_be_recorded, cannot_be_stacked
from valtui_trainer.training.recorded_steps import WARM_UP_STEPS as STEPS_BEFORE_RECORDING
from valtui_trainer.training.recording import CannotRecordError
from valtui_trainer.training.replica import Replica, trained
from valtui_trainer.training.stacked import Stacked
from valtui_trainer.training.stacking import CannotStackError

Wanted = Literal["auto", "loop", "graph", "stack", "graph-stack"]
ENGINES: dict[Engine, type[Ensemble]] = {
    "loop": Ensemble,
    "graph": Graphed,
    "stack": Stacked,
    "graph-stack": GraphedStack,
}
TRIED: dict[Engine, str] = {
    "loop": "launched kernel by kernel",
    "graph": "replayed from CUDA graphs",
    "stack": "stacked",
    "graph-stack": "stacked and replayed from CUDA graphs",
}
FOR_ONE: tuple[Engine, ...] = ("loop", "graph")
"""Those for one replica, which is never stacked."""

ONE = "there is one replica"
ON_CPU = "on the CPU each is to the bit what it would be alone, and most nets are no faster stacked"
"""A rule, measured by `python -m bench replicas`: only tiny nets gain."""

COMPILED = "a compiled network is neither recorded nor stacked"

MOST_TRIED = 4
"""How many are tried: where four are faster stacked, eight are, and copies take time and memory."""

WARM_UP_STEPS = STEPS_BEFORE_RECORDING + 1
TIMED_STEPS = 10
MOVING_STEPS = 2
WORTH = 1.1
"""How many times as fast as the loop an engine must be: below, the loop's exact bits are worth more."""

TOLERANCES = {"float32": 0.02, "bfloat16": 0.1}
"""How far what engines find may be apart: TF32 carries three digits, bfloat16 two."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that was chosen.

    Attributes:
        engine: its name.
        why: part of a sentence; empty where there was nothing to choose.
        seconds: that a step of all replicas takes; None where nobody measured.
        gain: how many times as fast as the loop it is, as far as was measured.
    """

    engine: Engine
    why: str = ""
    seconds: float | None = None
    gain: float = 1.0

    def of(self, replicas: Sequence[Replica]) -> Ensemble:
        """Return `replicas` in an ensemble of this engine."""
        return ENGINES[self.engine](replicas, self.why)


def make_ensemble(
    replicas: Sequence[Replica], batches: Batches, engine: Wanted = "auto"
) -> Ensemble:
    """Return the ensemble that trains `replicas` on `batches`; arguments and errors as of `choose`."""
    return choose(replicas, batches, engine).of(replicas)


def choose(replicas: Sequence[Replica], batches: Batches, engine: Wanted = "auto") -> Choice:
    """Return which engine shall train `replicas` on `batches`.

    "auto": on CUDA all are tried for a few steps on copies of the replicas, whose own state and
    generators are left as they are. One replica is never stacked.

    Raises:
        CannotRecordError: an engine of graphs was asked for, and a step of these cannot be recorded.
        CannotStackError: one that stacks was asked for, and these replicas cannot be stacked.
    """
    on_cuda = batches.device.type == "cuda"
    if len(replicas) == 1 and engine == "graph-stack":
        engine = "graph"
    if engine in ("graph", "graph-stack") and not on_cuda:
        raise CannotRecordError("graphs need CUDA")
    if engine in ("graph", "graph-stack") or (engine == "stack" and len(replicas) > 1):
        refuse_what_cannot_be(engine, replicas[0], batches)
        return Choice(engine)
    if engine == "auto" and replicas[0].preset.compile:
        return Choice("loop", COMPILED)
    if engine == "auto" and on_cuda:
        return tried(replicas, batches)
    if len(replicas) == 1:
        return Choice("loop", ONE)
    return Choice("loop", ON_CPU if engine == "auto" else "")


def engine_in_words(ensemble: Ensemble) -> str:
    """Return which engine trains an ensemble, and why, a sentence."""
    count = len(ensemble.replicas)
    who = f"{count} replicas take each step" if count > 1 else "One replica takes each step"
    if count == 1:
        how = TRIED[ensemble.name]
    else:
        how = "in one go" if "stack" in ensemble.name else "one after another"
        how += f", {TRIED['graph']}" if "graph" in ensemble.name else ""
    why = f": {ensemble.reason}" if ensemble.reason else ""
    return f"{who} {how}{why}."


def tried(replicas: Sequence[Replica], batches: Batches) -> Choice:
    """Return the fastest engine that finds what the loop finds, and is worth it; the loop otherwise."""
    seconds: dict[Engine, float] = {}
    why_not: dict[str, Engine] = {}
    expected: torch.Tensor | None = None
    names = FOR_ONE if len(replicas) == 1 else tuple(ENGINES)
    with same_generators(batches.device):
        for name in names:
            found = trial(name, replicas, batches, expected)
            if isinstance(found, Trial):
                seconds[name] = found.seconds
                expected = found.figures if expected is None else expected
            elif expected is None:
                return Choice("loop", f"no engine can be tried on this model ({found})")
            else:
                why_not.setdefault(found, name)
    fastest = min(seconds, key=lambda name: seconds[name])
    chosen: Engine = fastest if seconds["loop"] > WORTH * seconds[fastest] else "loop"
    count = min(len(replicas), MOST_TRIED)
    step = f"a step of {count}" if count > 1 else "a step"
    times = (f"{1e3 * took:.3g} ms {TRIED[name]}" for name, took in seconds.items())
    others = (f"; not {TRIED[name]}: {reason}" for reason, name in why_not.items())
    why = f"{step} takes {', '.join(times)}{''.join(others)}"
    gain = seconds["loop"] / seconds[chosen]
    return Choice(chosen, why, seconds[chosen] * len(replicas) / count, gain)


@dataclass(frozen=True, slots=True)
class Trial:
    """What an engine was found to do: the seconds of a step, and figures (K, 5) of several."""

    seconds: float
    figures: torch.Tensor


def trial(
    name: Engine, replicas: Sequence[Replica], batches: Batches, expected: torch.Tensor | None
) -> Trial | str:
    """Return what the engine `name` does with copies of `replicas`; or why it is not for them.

    Args:
        name: of the engine.
        replicas: that it might train; nothing of theirs is changed.
        batches: the training set.
        expected: the loop's figures; None: there is nothing to agree with.
    """
    try:
        refuse_what_cannot_be(name, replicas[0], batches)
        ensemble = ENGINES[name](twins(replicas))
        seconds, figures = measured(ensemble, batches)
        trouble = ensemble.trouble
        del ensemble
    except (CannotRecordError, CannotStackError) as error:
        return str(error)
    except Exception as error:  # whatever it fails on, memory for copies too, the loop does not
        return f"it cannot be tried on this model ({reason(error)})"
    finally:
        forget(batches.device)
    tolerance = TOLERANCES[replicas[0].preset.precision]
    if expected is not None and not torch.allclose(
        figures, expected, rtol=tolerance, atol=1e-3, equal_nan=True
    ):
        return "this model has other losses, or takes other steps"
    return trouble or Trial(seconds, figures)


def twins(replicas: Sequence[Replica]) -> list[Replica]:
    """Return copies of `replicas` to try things with."""
    return [replica.twin(max(WARM_UP_STEPS, TIMED_STEPS)) for replica in replicas[:MOST_TRIED]]


def measured(ensemble: Ensemble, batches: Batches) -> tuple[float, torch.Tensor]:
    """Return the seconds of a step, and what several steps of each replica find (K, 5).

    Mean, smallest and largest loss and gradient norm of steps whose learning rate is zero; then how far
    steps at the preset's move the weights, over the learning rate.
    """
    ensemble.train_mode()
    ensemble.begin_epoch(batches)
    for _ in range(WARM_UP_STEPS):
        ensemble.step(batches, 0, 0.0)
    ensemble.figures()
    wait(batches.device)
    began = time.perf_counter()
    for _ in range(TIMED_STEPS):
        ensemble.step(batches, 0, 0.0)
    wait(batches.device)
    seconds = (time.perf_counter() - began) / TIMED_STEPS
    figures = ensemble.figures()
    rate = ensemble.replicas[0].preset.learning_rate
    before = [[weight.detach().clone() for weight in trained(r.model)] for r in ensemble.replicas]
    for _ in range(MOVING_STEPS):
        ensemble.step(batches, 0, rate)
    moved = [
        torch.nn.utils.get_total_norm(
            [w.detach() - b for w, b in zip(trained(r.model), old, strict=True)]
        )
        for r, old in zip(ensemble.replicas, before, strict=True)
    ]
    moves = torch.stack(moved).to(figures.dtype) / rate
    return seconds, torch.cat([figures, moves[:, None]], dim=1)


def wait(device: torch.device) -> None:
    """Wait for what is queued on the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget(device: torch.device) -> None:
    """Give back the memory of a trial, which does not count for the peak."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def refuse_what_cannot_be(engine: Engine, replica: Replica, batches: Batches) -> None:
    """Refuse an engine that is not for replicas like this one.

    Raises:
        CannotRecordError: a step cannot be recorded.
        CannotStackError: it cannot be stacked.
    """
    if "graph" in engine and (why_not := cannot_be_recorded(replica, batches)):
        raise CannotRecordError(why_not)
    if "stack" in engine and (why_not := cannot_be_stacked(replica.model)):
        raise CannotStackError(why_not)
