"""Ask a child process with torch one question and read its one answer, both JSON."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TypeVar

import msgspec

from valtui_trainer.supervise.launch import ALIKE

T = TypeVar("T")


def ask(task: str, question: msgspec.Struct, answer: type[T], patience: float = 1800) -> T | str:
    """Return the answer of `python -m valtui_trainer TASK`, or a sentence on why there is none.

    Args:
        task: `validate`, `weights` or `check`.
        question: what the child reads on its standard input.
        answer: type of what it writes on its standard output.
        patience: seconds until it is given up.
    """
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-m", "valtui_trainer", task],
            input=msgspec.json.encode(question),
            capture_output=True,
            timeout=patience,
            start_new_session=True,
            env={**os.environ, **ALIKE},
        )
    except subprocess.TimeoutExpired:
        return f"it took over {patience / 60:.0f} minutes"
    try:
        return msgspec.json.decode(child.stdout, type=answer)
    except msgspec.DecodeError:
        lines = child.stderr.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with code {child.returncode} and said nothing"
