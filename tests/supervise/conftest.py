"""What the tests of plans share: a request on a machine of a known size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from valtui_trainer.presets.library import Library
from valtui_trainer.supervise import devices
from valtui_trainer.supervise.plan import Plan, Request, make_plan


@pytest.fixture
def ask(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    """Plan a request on a machine of 8 cores without CUDA, in an empty working folder."""
    del home
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices, "visible_gpus", list)
    monkeypatch.setattr(devices, "cores", lambda: 8)
    return lambda *names, **options: make_plan(Request(names, **options), Library.open())
