"""The presets of a session, one after another: key, colour, state, figures, course. Draws what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from valtui.widgets.colours import COLOURS, series_css

STATE_SIGNS = {
    "QUEUED": "…", "STARTING": "◌", "RUNNING": "●", "WATCHED": "○", "PAUSED": "‖", "STOPPING": "◍", "BLOCKED": "!",
    "DONE": "✓", "STOPPED": "■", "FAILED": "✗", "KILLED": "✗", "LOST": "?",
}  # fmt: skip
BAR = 10
INDENT = 6
SHORTEST_COURSE = 6


@dataclass(frozen=True, slots=True)
class RunRow:
    """What one preset's lines say; every text is ready to be shown.

    Attributes:
        number: its key, from 1.
        overlaid: whether its lines stay when another preset is focused.
        wrong: whether the state asks for attention.
        progress: from 0 to 1; None where nobody knows the end.
    """

    number: int
    name: str
    state: str
    focused: bool
    overlaid: bool
    wrong: bool
    level: str
    volatility: str
    course: str
    progress: float | None
    doing: str


class RunList(Widget):
    """A list of presets; a click focuses one."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        *(f"chart--series-{number}" for number in range(1, COLOURS + 1)),
        "run-list--dim",
        "run-list--wrong",
        "run-list--focused",
    }
    DEFAULT_CSS = "RunList { height: auto; }\n" + series_css("RunList")

    class Chosen(Message):
        """A preset was clicked."""

        def __init__(self, number: int) -> None:
            """Say which, by its number from 1."""
            super().__init__()
            self.number = number

    def __init__(self, **options: str | None) -> None:
        """Begin empty."""
        super().__init__(**options)  # type: ignore[arg-type]
        self._rows: tuple[RunRow, ...] = ()
        self._drawn: list[Strip] = []
        self._styles_of: dict[str, Style] = {}

    def show(self, rows: Sequence[RunRow]) -> None:
        """Draw `rows`, if they differ from what is drawn."""
        if tuple(rows) == self._rows:
            return
        before = len(self._rows), self._lines_a_row(self.content_size.width)
        self._rows = tuple(rows)
        if before != (len(rows), self._lines_a_row(self.content_size.width)):
            self._drawn = []
            self.refresh(layout=True)
            return
        old, self._drawn = self._drawn, self._draw()
        if [line.cell_length for line in old] != [line.cell_length for line in self._drawn]:
            self.refresh()
            return
        changed = [y for y, line in enumerate(self._drawn) if line != old[y]]
        if changed:
            self.refresh(*(Region(0, y, self.content_size.width, 1) for y in changed))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return two lines for each preset, or three where the figures need a line of their own."""
        return max(1, self._lines_a_row(width) * len(self._rows))

    def region_of(self, number: int) -> Region:
        """Return where the lines of preset `number` are, in this widget."""
        height = self._lines_a_row(self.content_size.width)
        return Region(0, (number - 1) * height, self.content_size.width, height)

    def _lines_a_row(self, width: int) -> int:
        """Return how many lines a preset takes: its name and its figures share one if they fit."""
        needed = (
            INDENT
            + self._name_width()
            + self._level_width()
            + 2
            + max((cell_len(row.volatility) + 2 for row in self._rows), default=0)
        )
        return 2 if needed <= width else 3

    def _name_width(self) -> int:
        return max((cell_len(row.name) for row in self._rows), default=0)

    def _level_width(self) -> int:
        return max((cell_len(row.level) for row in self._rows), default=0)

    def on_click(self, event: events.Click) -> None:
        """Focus the preset under the pointer."""
        position = event.y // self._lines_a_row(self.content_size.width)
        if position < len(self._rows):
            self.post_message(self.Chosen(self._rows[position].number))

    def render_line(self, y: int) -> Strip:
        """Draw one line."""
        width = self.content_size.width
        if (
            not self._drawn or self._drawn[0].cell_length != width
        ):  # drawn before it is told its size
            self._drawn = self._draw()
        return self._drawn[y] if y < len(self._drawn) else Strip.blank(width, self.rich_style)

    def notify_style_update(self) -> None:
        """Draw all anew, in the new colours."""
        self._drawn, self._styles_of = [], {}
        super().notify_style_update()

    def _draw(self) -> list[Strip]:
        """Return the lines of all presets."""
        width, ground, console = self.content_size.width, self.rich_style, self.app.console
        lines = [line for row in self._rows for line in self._lines(row)]
        return [
            Strip(Segment.apply_style(line.render(console), ground)).adjust_cell_length(
                width, ground
            )
            for line in lines
        ]

    def _lines(self, row: RunRow) -> list[Text]:
        colour = self._style(f"chart--series-{(row.number - 1) % COLOURS + 1}")
        dim = self._style("run-list--dim")
        strong = self._style("run-list--focused") if row.focused else Style()
        wrong = self._style("run-list--wrong") if row.wrong else dim
        pointer = "▸" if row.focused else " "
        width = max(20, self.content_size.width)
        above = Text(no_wrap=True, overflow="ellipsis", end="")
        above.append(pointer, strong)
        above.append(f"{row.number} ", colour + Style(bold=True))
        above.append("━━ " if row.overlaid else "   ", colour)
        above.append(row.name, colour + strong)
        lines = [above]
        if self._lines_a_row(width) == 2:
            above.append(" " * (self._name_width() - cell_len(row.name) + 2))
        else:
            above = Text("   ", no_wrap=True, overflow="ellipsis", end="")
            lines.append(above)
        above.append(row.level + " " * (self._level_width() - cell_len(row.level)))
        above.append(f"  {row.volatility}", strong)
        below = Text(no_wrap=True, overflow="ellipsis", end="")
        below.append("   ")
        below.append(f"{STATE_SIGNS.get(row.state, '○')} {row.state.lower():<8} ", wrong)
        if row.progress is not None:
            filled = round(BAR * row.progress)
            below.append("━" * filled, colour)
            below.append("─" * (BAR - filled), dim)
            below.append(f" {100 * row.progress:3.0f} %  ", dim)
        below.append(row.doing, wrong)
        room = width - below.cell_len - 2
        if row.course and room >= SHORTEST_COURSE:
            shown = row.course[-room:]
            below.append(" " * (width - below.cell_len - len(shown)) + shown, colour)
        lines.append(below)
        for one in lines:
            one.truncate(width, overflow="ellipsis")
        return lines

    def _style(self, name: str) -> Style:
        style = self._styles_of.get(name)
        if style is None:
            style = self._styles_of[name] = self.get_component_rich_style(name, partial=True)
        return style
