"""Keys act in the order in which they were typed, also where many arrive at once, as over a slow line.

Textual hands a key to the focused widget, and what that has no use for goes up from queue to queue until
the app looks for a binding; meanwhile the next letter is in the field already. So `backspace` and a letter
that arrive together change places, and `enter` comes after what was typed behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Any, TypeVar

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

PATIENCE = 0.25
"""Seconds that a key waits at most for a widget, a screen or the app to take up what came before."""

Answer = TypeVar("Answer")


class KeysInOrder(App[Answer]):
    """An app that takes up a key, or what was pasted, when all that the one before led to is done."""

    def __init__(self, **options: Any) -> None:
        """Wait for keys."""
        super().__init__(**options)
        self._typed_ahead: deque[events.Key | events.Paste] = deque()
        self._typing: asyncio.Task[None] | None = None

    async def on_event(self, event: events.Event) -> None:
        """Put what was typed in a row; hand on everything else at once."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        self._typed_ahead.append(event)
        if self._typing is None or self._typing.done():
            self._typing = asyncio.create_task(self._take_up(), name="take up what is typed")

    async def _take_up(self) -> None:
        try:
            while self._typed_ahead:
                target = self.focused or self.screen
                await super().on_event(self._typed_ahead.popleft())
                for _ in range(
                    2
                ):  # the key, then the message or the change of focus that it led to
                    for pump in target.ancestors_with_self:
                        await passed(pump)
        except Exception as error:
            self._handle_exception(error)

    def on_unmount(self) -> None:
        """Leave what was typed behind the end."""
        if self._typing is not None and self._typing is not asyncio.current_task():
            self._typing.cancel()


async def passed(pump: MessagePump) -> None:
    """Wait until `pump` has taken up all that is in its queue now."""
    done = asyncio.Event()
    if pump.call_later(done.set):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), PATIENCE)
