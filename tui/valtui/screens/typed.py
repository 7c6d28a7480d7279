"""What a person types over a list, to find one of its lines."""

from __future__ import annotations

from textual import events


def typed_after(typed: str, event: events.Key) -> str | None:
    """Return what is typed after `event`, where `typed` was; None where the key is no part of a name."""
    if event.key == "backspace":
        return typed[:-1]
    if event.character and event.character.isprintable() and event.character != " ":
        return typed + event.character
    return None
