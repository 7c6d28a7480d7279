"""The screens on sessions of made-up hostile text: they stay up and show only what shows."""

from __future__ import annotations

import itertools
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostile.folders import hostile_session
from hostile.test_command_line import numbers
from hostile.witness import folder_names, shows, texts
from screens.conftest import sees
from support.open_files import close_all
from valtui.app import ValtuiApp


def shows_all(text: str) -> bool:
    """Tell whether a screen holds only characters that show."""
    return all(map(shows, text.replace("\n", " ")))


@given(
    st.lists(texts, min_size=1, max_size=12),
    st.lists(folder_names, min_size=1, max_size=3, unique=True),
)
@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_live_compare_and_output_show_nothing_that_does_not_show(
    tmp_path: Path, found: list[str], folders: list[str]
) -> None:
    home = tmp_path / str(next(numbers))
    cycle = itertools.cycle(found)
    session = hostile_session(home, lambda: next(cycle), folders, steps=60)
    close_all()

    async with ValtuiApp(home, session).run_test(size=(160, 50), notifications=True) as pilot:
        assert shows_all(await sees(pilot, "validation loss", "vol "))
        await pilot.press("v")
        assert shows_all(await sees(pilot, "compare", "val loss, accuracy: mean"))
        await pilot.press("escape", "o")
        assert shows_all(await sees(pilot, "attempt 0", "escape: back"))
        assert pilot.app.is_running
