"""Whatever goes wrong in recording is said once and never reaches the training loop."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from valtui_trainer.session.safe import safe

LONGEST = 300

Arguments = ParamSpec("Arguments")


class Guarded(Protocol):
    """What hears of the mistakes of its own methods."""

    def trouble(self, what: str, error: BaseException) -> None:
        """Take note that `what` failed with `error`."""


Self = TypeVar("Self", bound=Guarded)


def guarded(
    method: Callable[Concatenate[Self, Arguments], None],
) -> Callable[Concatenate[Self, Arguments], None]:
    """Return `method` so that it never raises an exception; an interrupt from the keyboard passes."""

    @functools.wraps(method)
    def never_raises(self: Self, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> None:
        try:
            method(self, *arguments, **named)
        except Exception as error:
            with contextlib.suppress(Exception):
                self.trouble(method.__name__, error)

    return never_raises


def in_words(error: BaseException) -> str:
    """Return what an exception says, on one line."""
    if isinstance(error, OSError) and error.strerror:
        name = f" ({safe(str(error.filename))})" if error.filename else ""
        return f"{error.strerror}{name}"
    text = safe(" ".join(str(error).split()), LONGEST)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def say(text: str) -> None:
    """Print a sentence on stderr, if that can be printed to at all."""
    with contextlib.suppress(Exception):
        sys.stderr.write(f"valtui: {text}\n")
        sys.stderr.flush()
