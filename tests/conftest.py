"""What all tests share: a home of their own, and tiny real data."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.open_files import close_all
from support.real_runs import kill_all
from support.tiny import write_digits, write_presets

TRAIN = frozenset({"end_to_end", "faults", "recorder", "supervise"})
"""Folders whose tests start trainers, as those do that ask for a `place`."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where processes share the tests: no two trainers at once, and the tests of a file together."""
    for item in items:
        trains = item.path.parent.name in TRAIN or "place" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("train" if trains else item.path.stem))


@pytest.fixture(autouse=True)
def close_files() -> Iterator[None]:
    """Close what helpers left open for the test."""
    yield
    close_all()


@pytest.fixture(autouse=True)
def hear_signals() -> Iterator[None]:
    """Hear the signals that a trainer within this process has made it deaf to; children inherit that."""
    hear()
    yield
    hear()


def hear() -> None:
    """Set the signals of a trainer back to what a process begins with."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own, and no configuration of the user's."""
    monkeypatch.setenv("VALTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few hundred real digits as an `.npz`."""
    return write_digits(tmp_path_factory.mktemp("digits") / "digits.npz")


@pytest.fixture
def place(
    tmp_path: Path, home: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The current folder, with tiny presets; what a test leaves running is killed after it."""
    write_presets(tmp_path, digits)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    kill_all(home)
