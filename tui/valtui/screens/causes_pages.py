"""The panels of the causes screen, one at a time where there is little room, and the cursor through all of them."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from valtui.causes.types import Causes
from valtui.screens.base import KeysFooter
from valtui.screens.trial_commands import TrialCommands
from valtui.widgets.counterfactuals import Counterfactuals
from valtui.widgets.group_bars import GroupBars
from valtui.widgets.item_list import ItemList
from valtui.widgets.proof_list import ProofList
from valtui.widgets.sample_strip import SampleStrip
from valtui.widgets.selecting import Selecting

PAGES = ("rows", "proofs", "samples", "groups", "facts")
TITLES = {
    "rows": "volatility left, if …   (100 % = all of it)",
    "proofs": "proofs: volatility left of the run beside, against its control",
    "samples": "hardest samples, scored crosswise",
    "groups": "who carries the volatility",
    "facts": "checks, overfitting, best",
}

Panel = ItemList | Counterfactuals | ProofList | SampleStrip | GroupBars


class CausesPages(TrialCommands):
    """A screen of panels with a cursor; what they show is given to them by the screen itself."""

    def __init__(self) -> None:
        """Begin with empty panels."""
        super().__init__()
        self.page = "rows"
        self.selected = ""
        self._shown: Causes | None = None
        self._alarms, self._heads = ItemList(id="alarms"), ItemList(id="heads")
        self._under_way, self._trials = ItemList(id="under-way"), ItemList()
        self._table, self._facts, self._proofs = Counterfactuals(), ItemList(), ProofList()
        self._strip, self._groups = SampleStrip("hardest"), GroupBars()

    def compose(self) -> ComposeResult:
        """Lay out head, alarms, verdict, the probe under way, the panels and the foot."""
        yield Static(id="head", markup=False)
        yield self._alarms
        yield self._heads
        yield self._under_way
        with Horizontal(id="panels"):
            with Vertical(id="first"):
                yield VerticalScroll(self._table, self._trials, id="rows", can_focus=False)
                yield VerticalScroll(self._proofs, id="proofs", can_focus=False)
                yield VerticalScroll(self._facts, id="facts", can_focus=False)
            with Vertical(id="second"):
                yield VerticalScroll(self._strip, id="samples", can_focus=False)
                yield VerticalScroll(self._groups, id="groups", can_focus=False)
        yield KeysFooter("causes")

    def _order(self) -> list[tuple[Panel, str]]:
        """Return what the cursor can stand on, from top to bottom, page after page."""
        first: list[Panel] = [self._alarms, self._heads, self._under_way, self._table, self._trials]
        first.append(self._proofs)
        behind: list[Panel] = [self._strip, self._groups]
        rest: list[Panel] = [self._facts]
        widgets = [*first, *behind, *rest] if self._alone else [*first, *rest, *behind]
        return [(widget, key) for widget in widgets for key in widget.keys]

    @property
    def _alone(self) -> bool:
        """Whether one panel is shown at a time."""
        return self.has_class("-narrow") or self.has_class("-short")

    def _select(self, key: str) -> None:
        """Put the cursor on `key`, or on the first cause, and bring it into sight."""
        if self._shown is None or not self.is_attached:
            return
        order = self._order()
        if key not in [other for _, other in order]:
            rows = self._table.keys
            key = rows[0] if rows else "verdict"
        self.selected = key
        owner = next(widget for widget, other in order if other == key)
        for widget in {id(widget): widget for widget, _ in order}.values():
            widget.select(key if widget is owner else "")
        panel = owner.parent
        if isinstance(panel, VerticalScroll):
            if panel.id in PAGES and panel.id != self.page:
                self.page = panel.id
                self._turn_page()
            region = owner.region_of(key).translate(owner.virtual_region.offset)
            panel.scroll_to_region(region, animate=False)

    def action_move(self, direction: int) -> None:
        """Move the cursor up or down."""
        keys = [key for _, key in self._order()]
        if self._shown is None or not keys:
            return
        at = keys.index(self.selected) if self.selected in keys else 0
        self._select(keys[min(max(at + direction, 0), len(keys) - 1)])

    @property
    def _pages(self) -> list[str]:
        """The panels that there are: proofs only where there is one."""
        return [name for name in PAGES if name != "proofs" or self._proofs.keys]

    def action_page(self, direction: int) -> None:
        """Go to another panel; where one is shown at a time it takes the place of this one."""
        if self._shown is None:
            return
        pages = self._pages
        at = pages.index(self.page) if self.page in pages else 0
        self.page = pages[(at + direction) % len(pages)]
        self._turn_page()
        owners: dict[str, Panel] = {
            "rows": self._table, "proofs": self._proofs, "samples": self._strip,
            "groups": self._groups, "facts": self._facts,
        }  # fmt: skip
        keys = owners[self.page].keys
        if keys:
            self._select(keys[0])

    def _turn_page(self) -> None:
        pages = self._pages
        if self.page not in pages:
            self.page = pages[0]
        self.set_class("proofs" in pages, "-with-proofs")
        for name in PAGES:
            panel = self.query_one(f"#{name}")
            panel.set_class(name == self.page, "current")
            panel.border_title = Content(TITLES[name])
            at = pages.index(name) + 1 if name in pages else 0
            panel.border_subtitle = Content(f"[ {at} of {len(pages)} ]" if self._alone else "")
        on_the_left = self.page in ("rows", "proofs", "facts")
        self.query_one("#first").set_class(on_the_left, "current")
        self.query_one("#second").set_class(not on_the_left, "current")

    def on_selecting_chosen(self, event: Selecting.Chosen) -> None:
        """Put the cursor where the mouse clicked; explain at a second click."""
        if event.key == self.selected:
            self.action_explain()
        else:
            self._select(event.key)

    def action_explain(self) -> None:
        """Explain what the cursor stands on."""
        raise NotImplementedError
