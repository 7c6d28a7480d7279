"""The line of keys: what it says, and what a click on it does."""

from __future__ import annotations

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding

from valtui.widgets.key_line import KeyItem, KeyLine

ITEMS = [
    KeyItem("a", "a", "first"),
    KeyItem("b", "⏎", "second", enabled=False),
    KeyItem("c", "c", "third"),
]


class Shown(App[None]):
    """An app with three keys, one of which cannot be used now."""

    BINDINGS = [Binding(key, f"pressed('{key}')", key) for key in "abc"]  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.pressed: list[str] = []
        self.bells = 0

    def compose(self) -> ComposeResult:
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(KeyLine).show(ITEMS)

    def action_pressed(self, key: str) -> None:
        self.pressed.append(key)

    def bell(self) -> None:
        self.bells += 1


def text_of(line: KeyLine) -> str:
    drawn = line.render()
    assert isinstance(drawn, Text)
    return drawn.plain


async def test_each_key_stands_before_what_it_does() -> None:
    async with Shown().run_test(size=(60, 5)) as pilot:
        line = pilot.app.query_one(KeyLine)

        assert text_of(line) == " a first  ⏎ second  c third "
        assert line.width_needed == len(text_of(line))


async def test_a_click_presses_the_key_under_it() -> None:
    app = Shown()
    async with app.run_test(size=(60, 5)) as pilot:
        text = text_of(app.query_one(KeyLine))
        for label in ("first", "third"):
            await pilot.click(KeyLine, offset=(text.index(label), 0))
        await pilot.click(KeyLine, offset=(50, 0))
        await pilot.pause()

        assert app.pressed == ["a", "c"]


async def test_a_key_that_cannot_be_used_now_is_dim_and_rings_the_bell() -> None:
    app = Shown()
    async with app.run_test(size=(60, 5)) as pilot:
        line = app.query_one(KeyLine)
        await pilot.click(KeyLine, offset=(text_of(line).index("second"), 0))
        await pilot.pause()

        dim = [bool(segment.style and segment.style.dim) for segment in line.render_line(0)]
        assert app.pressed == []
        assert app.bells == 1
        assert any(dim)
        assert not all(dim)
