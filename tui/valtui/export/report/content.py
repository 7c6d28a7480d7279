"""What goes into a report, gathered by whoever asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from valtui.causes.types import Causes
from valtui.curves import RunCurves
from valtui.feed import SessionFeed
from valtui.figures import RunFigures
from valtui.pairs import Pair


@dataclass(frozen=True, slots=True)
class Documents:
    """What the commands print with `--json`, to be put into the page as it is."""

    show: Any
    compare: Any
    causes: Any


@dataclass(frozen=True, slots=True)
class Content:
    """A session, measured.

    Attributes:
        name, note: what a person wrote on it; empty where nothing.
        header, rows: the comparison as a table of texts.
        remarks: what its columns mean.
        written: when the page was made, in UTC.
        version: of valtui.
    """

    feed: SessionFeed
    figures: Sequence[RunFigures]
    pairs: Sequence[Pair]
    causes: Sequence[Causes]
    curves: Sequence[RunCurves]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str]
    documents: Documents
    written: str
    version: str
    name: str = ""
    note: str = ""
