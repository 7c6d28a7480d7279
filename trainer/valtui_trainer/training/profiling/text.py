"""The reading of a profile as a person reads it: a table of phases, and one of operators."""

from __future__ import annotations

from valtui_trainer.session.safe import safe
from valtui_trainer.training.profiling.reading import Cost, Operator, Reading, Window

LONGEST_NAME = 60


def in_words(reading: Reading, about: str) -> str:
    """Return the whole text; `about` says which run it is of."""
    on_device = reading.window.device != "cpu"
    lines = [
        f"Where the time of training goes: {about}",
        "",
        f"Recorded: {recorded(reading.window)}.",
        "What comes only now and then (records, evaluations) is spread over the steps between.",
        "Recording slows short steps down: the shares say more than the milliseconds.",
    ]
    if on_device:
        lines.append(
            "Shares are of the host's time, which runs ahead of the device and waits for it at records "
            "and in the rest; what the device works on, the kernels say."
        )
    lines.append("")
    lines += table(
        ["phase", "share", "ms a step", *(["ms of kernels"] if on_device else []), ""],
        [costing(cost, on_device) for cost in reading.costs],
    )
    of = "all kernels" if on_device else "the recorded time"
    lines += ["", f"The operators that took longest in themselves, as a share of {of}:", ""]
    lines += table(
        ["operator", "share", "ms a step", "calls a step"],
        [doing(operator) for operator in reading.operators],
    )
    return "\n".join(lines) + "\n"


def recorded(window: Window) -> str:
    """Return which steps were recorded, and why fewer than were to be."""
    last = window.first + window.steps - 1
    steps = f"the steps {window.first} to {last}" if window.steps > 1 else f"step {window.first}"
    if window.steps < window.wanted:
        return f"{steps}; {window.wanted} were to be, but no more were there in time"
    return steps


def costing(cost: Cost, on_device: bool) -> list[str]:
    """Return the row of one phase."""
    often = ""
    if cost.each is not None:
        often = f"{cost.each:.3g} ms each, every {cost.every:.4g} steps"
    kernels = [f"{cost.on_device:.3f}"] if on_device and cost.on_device is not None else []
    return [cost.phase, f"{100 * cost.share:.1f} %", f"{cost.milliseconds:.3f}", *kernels, often]


def doing(operator: Operator) -> list[str]:
    """Return the row of one operator."""
    return [
        safe(operator.name, LONGEST_NAME),
        f"{100 * operator.share:.1f} %",
        f"{operator.milliseconds:.3f}",
        f"{operator.calls:.4g}",
    ]


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return lines of columns: the first to the left, figures to the right, a remark behind them."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    figures = len(head) - (head[-1] == "")

    def line(cells: list[str]) -> str:
        found = [cells[0].ljust(widths[0])]
        found += [
            cell.rjust(width)
            for cell, width in zip(cells[1:figures], widths[1:figures], strict=True)
        ]
        return ("  " + "  ".join(found + cells[figures:])).rstrip()

    return [line(head), *map(line, rows)]
