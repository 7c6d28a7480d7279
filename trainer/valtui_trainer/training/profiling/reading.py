"""What a recorded window says: the time of each phase in a step of training, and the dearest operators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.autograd.profiler_util import FunctionEvent

from valtui_trainer.training.profiling.phases import (
    AT_EVALUATIONS,
    AT_RECORDS,
    BACKWARD,
    EVALUATION,
    PHASES,
    RECORD,
    REPLAY,
    REST,
    WINDOW,
    phase_of,
)

MOST_OPERATORS = 10
IN_AUTOGRAD = "autograd::engine"
"""How what a backward does is called; on CUDA it is done by a thread of its own, under no label."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which steps were recorded, and how often there is more to do than a step.

    Attributes:
        first: the number of the first step, from 1.
        steps: how many.
        log_every: steps between two training records.
        between: steps between two evaluations.
        wanted: how many steps were to be recorded.
        device: `cpu` or `cuda`.
    """

    first: int
    steps: int
    log_every: int
    between: float
    wanted: int
    device: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What a phase costs.

    Attributes:
        phase: one of PHASES.
        milliseconds: of the host, for each step of training: what comes only now and then is spread.
        share: of the training time, 0 to 1.
        each: milliseconds of one record or evaluation, None for what is in every step.
        every: steps between two of them.
        on_device: milliseconds of kernels for each step, where there is a device beside the host.
    """

    phase: str
    milliseconds: float
    share: float
    each: float | None = None
    every: float | None = None
    on_device: float | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """What one of torch's operators costs in itself, without those that it calls.

    Attributes:
        milliseconds: for each recorded step, of the host, or of kernels where there is a device.
        share: of the window, or of all kernels that an operator launched.
        calls: for each recorded step.
    """

    name: str
    milliseconds: float
    share: float
    calls: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a window says.

    Attributes:
        window: that it is of.
        costs: of the phases that there are, in the order of PHASES.
        operators: the dearest first.
    """

    window: Window
    costs: tuple[Cost, ...]
    operators: tuple[Operator, ...]


@dataclass(slots=True)
class Spent:
    """What was seen of a phase: milliseconds of the host and of kernels, and how often it was begun."""

    host: float = 0.0
    device: float = 0.0
    calls: int = 0


def read(events: Sequence[FunctionEvent], window: Window) -> Reading:
    """Return what the events of a trace say of `window`."""
    on_host = [event for event in events if event.device_type == DeviceType.CPU]
    labels = sorted(
        (event for event in on_host if phase_of(event.name)),
        key=lambda event: (event.time_range.start, -event.time_range.end),
    )
    spent = by_phase(labels)
    if window.device != "cpu":
        for event in on_host:
            milliseconds = sum(kernel.duration for kernel in event.kernels) / 1e3
            if milliseconds and not event.is_user_annotation:
                spent[around(event)].device += milliseconds
    if REPLAY in spent:
        spent[REPLAY].device += replayed(events)
    whole = [event for event in labels if phase_of(event.name) == WINDOW]
    return Reading(window, costs_of(spent, window), operators_of(on_host, whole, window))


def replayed(events: Iterable[FunctionEvent]) -> float:
    """Return the milliseconds on the device that no operator launched: those of graphs' kernels."""
    total = 0.0
    for event in events:
        if event.is_user_annotation or phase_of(event.name):
            continue  # which span what was launched under them, on the device too
        if event.device_type == DeviceType.CPU:
            total -= sum(kernel.duration for kernel in event.kernels)
        else:
            total += event.time_range.end - event.time_range.start
    return max(0.0, total) / 1e3


def by_phase(labels: Sequence[FunctionEvent]) -> dict[str, Spent]:
    """Return what was spent under each label, in no label within it; labels in the order they begin."""
    spent: dict[str, Spent] = defaultdict(Spent)
    open_labels: list[tuple[float, str]] = []
    for event in labels:
        begin, end = event.time_range.start, event.time_range.end
        while open_labels and open_labels[-1][0] <= begin:
            open_labels.pop()
        milliseconds = (end - begin) / 1e3
        if open_labels:
            spent[open_labels[-1][1]].host -= milliseconds
        phase = phase_of(event.name) or REST
        spent[phase].host += milliseconds
        spent[phase].calls += 1
        open_labels.append((end, phase))
    return spent


def around(event: FunctionEvent) -> str:
    """Return the phase that an operator is in."""
    phase = phase_of(event.name)
    if phase is not None:
        return phase
    if event.cpu_parent is not None:
        return around(event.cpu_parent)
    return BACKWARD if event.name.startswith(IN_AUTOGRAD) else WINDOW


def costs_of(spent: dict[str, Spent], window: Window) -> tuple[Cost, ...]:
    """Return the cost of each phase in a step of training."""
    found = []
    for phase in PHASES:
        seen = spent.get(WINDOW if phase == REST else phase)
        if seen is None:
            continue
        times, every = float(window.steps), 1.0
        if phase in AT_RECORDS:
            times, every = float(spent[RECORD].calls), float(window.log_every)
        elif phase in AT_EVALUATIONS:
            times, every = float(spent[EVALUATION].calls), window.between
        each = max(0.0, seen.host) / times
        now_and_then = phase in AT_RECORDS + AT_EVALUATIONS
        found.append(
            Cost(
                phase,
                each / every,
                0.0,
                each if now_and_then else None,
                every if now_and_then else None,
                seen.device / times / every if window.device != "cpu" else None,
            )
        )
    total = sum(cost.milliseconds for cost in found) or 1.0
    return tuple(
        Cost(c.phase, c.milliseconds, c.milliseconds / total, c.each, c.every, c.on_device)
        for c in found
    )


def operators_of(
    on_host: Sequence[FunctionEvent], whole: Sequence[FunctionEvent], window: Window
) -> tuple[Operator, ...]:
    """Return the operators that took longest within the window, whose label is `whole`."""
    if not whole:
        return ()
    begin, end = whole[0].time_range.start, whole[0].time_range.end
    spent: dict[str, Spent] = defaultdict(Spent)
    for event in on_host:
        within = begin <= event.time_range.start and event.time_range.end <= end
        if not within or event.is_user_annotation or phase_of(event.name):
            continue
        one = spent[event.name]
        one.host += event.self_cpu_time_total / 1e3
        one.device += sum(kernel.duration for kernel in event.kernels) / 1e3
        one.calls += 1
    if window.device == "cpu":
        times = {name: one.host for name, one in spent.items()}
        total = (end - begin) / 1e3
    else:
        times = {name: one.device for name, one in spent.items()}
        total = sum(times.values())
    dearest = sorted(times, key=lambda name: times[name], reverse=True)[:MOST_OPERATORS]
    return tuple(
        Operator(
            name,
            times[name] / window.steps,
            times[name] / (total or 1.0),
            spent[name].calls / window.steps,
        )
        for name in dearest
    )
