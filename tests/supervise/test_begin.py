"""What is said when something is started from here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from valtui_trainer.session import layout
from valtui_trainer.supervise.begin import warnings


def test_a_start_says_when_little_room_is_left(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_200_000_000))

    assert warnings(home) == [
        f"only 1.2 GB are free on the disk of {home}; `valtui sessions --prune 30d` makes room."
    ]


def test_a_start_says_nothing_where_all_is_well(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 40))

    assert warnings(home) == []
