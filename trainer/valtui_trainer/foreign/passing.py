"""Rows that were given already, which are passed over where a tool writes its log anew."""

from __future__ import annotations

from array import array


class Passing:
    """Remembers the rows of one log, eight bytes a row.

    A tool that saves its whole log each time, or writes it anew with a further column, gives the same rows
    again, perhaps with more in them. From the first row that differs on, all is new.
    """

    def __init__(self) -> None:
        """Know no row yet."""
        self._names: set[str] = set()
        self._before: frozenset[str] = frozenset()
        self._rows = array("q")
        self._passed: int | None = None

    def begin_anew(self) -> None:
        """Expect the rows that were given so far once more."""
        self._before = frozenset(self._names)
        self._passed = 0

    def is_known(self, values: dict[str, float]) -> bool:
        """Tell whether the next row was given already; it is known from now on."""
        self._names |= values.keys()
        if self._passed is not None:
            if self._passed < len(self._rows) and self._rows[self._passed] == key(
                values, self._before
            ):
                self._passed += 1
                return True
            del self._rows[self._passed :]
            self._passed = None
        self._rows.append(key(values, self._names))
        return False


def key(values: dict[str, float], names: set[str] | frozenset[str]) -> int:
    """Return what tells a row from others by its values under `names`."""
    return hash(
        tuple(sorted((name, repr(value)) for name, value in values.items() if name in names))
    )
