"""Which engine trains replicas: one after another, replayed from CUDA graphs, or stacked.

Whatever is faster than the loop and finds the same (`trial`) is taken; whatever fails is not, and the reason
told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from valtui_trainer.training.capturing import CannotCaptureError
from valtui_trainer.training.ensemble import Engine, Ensemble
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.graphed import Graphed, GraphedStack
from valtui_trainer.training.obstacles import refuse_what_cannot_be
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.stacked import Stacked
from valtui_trainer.training.trial import MOST_TRIED, Trial, try_engines

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

COMPILED = "a compiled network is neither captured nor stacked"

WORTH = 1.1
"""How many times as fast as the loop an engine must be: below, the loop's exact bits are worth more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that was chosen.

    Attributes:
        engine: its name.
        why: part of a sentence; empty where there was nothing to choose.
        seconds: that a step of all replicas takes, at most: those beyond the copies that were tried count
            in proportion, though a stack takes less for them; None where nobody measured.
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
        CannotCaptureError: an engine of graphs was asked for, and a step of these cannot be captured.
        CannotStackError: one that stacks was asked for, and these replicas cannot be stacked.
    """
    on_cuda = batches.device.type == "cuda"
    if len(replicas) == 1 and engine == "graph-stack":
        engine = "graph"
    if engine in ("graph", "graph-stack") and not on_cuda:
        raise CannotCaptureError("graphs need CUDA")
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
    names = FOR_ONE if len(replicas) == 1 else tuple(ENGINES)
    found = try_engines({name: ENGINES[name] for name in names}, replicas, batches)
    loop = found["loop"]
    if isinstance(loop, str):
        return Choice("loop", f"no engine can be tried on this model ({loop})")
    seconds = {name: one.seconds for name, one in found.items() if isinstance(one, Trial)}
    why_not: dict[str, Engine] = {}
    for name, one in found.items():
        if isinstance(one, str):
            why_not.setdefault(one, name)
    fastest = min(seconds, key=lambda name: seconds[name])
    chosen: Engine = fastest if loop.seconds > WORTH * seconds[fastest] else "loop"
    count = min(len(replicas), MOST_TRIED)
    step = f"a step of {count}" if count > 1 else "a step"
    times = (f"{1e3 * took:.3g} ms {TRIED[name]}" for name, took in seconds.items())
    others = (f"; not {TRIED[name]}: {reason}" for reason, name in why_not.items())
    why = f"{step} takes {', '.join(times)}{''.join(others)}"
    gain = loop.seconds / seconds[chosen]
    return Choice(chosen, why, seconds[chosen] * len(replicas) / count, gain)
