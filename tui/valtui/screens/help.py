"""All keys, from the place where they are declared, and what the panels mean."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from valtui.keys import KEYS, Key, user_keymap
from valtui_trainer.session.safe import safe

PANELS = (
    (
        "train loss",
        "Mean over the steps since the last record, in train mode. Several seeds: their mean, and a band from the lowest to the highest.",
    ),
    (
        "validation loss",
        "Mean cross-entropy over the whole validation set, in eval mode. ◆ the lowest so far, ▲ a spike, ✕ not finite, ┆ where a run was resumed, ◢ where the focused run begins to overfit.",
    ),
    (
        "volatility",
        "What is left of the validation loss's jumps from one evaluation to the next after its smooth trend is removed (Gasser, Sroka and Jennen-Steinmetz 1986), over the last 10 evaluations; the band is the 90 % interval. Dim while the curve still falls steeply: then part of it is the fall.",
    ),
    (
        "why",
        "The verdict on the focused run in one sentence: a failed check first, then causes by how much of the volatility would be left without them. c shows all of it, and enter there explains each figure.",
    ),
    (
        "at the cursor",
        "jump: change since the evaluation before, with z, its size in standard errors of the paired difference over the samples; beyond 2 it is more than chance would show. level ±: standard error of the height, which is not that of a jump.",
    ),
    (
        "presets",
        "Validation loss: mean of the last 10 evaluations, ± the 95 % Student-t interval over n seeds. vol: volatility over the whole run in % of the loss, with its 90 % interval, and its course.",
    ),
    (
        "better, or noise?",
        "On the compare screen, of every pair of presets: is the difference more than this validation set would show by chance (paired over the samples both were evaluated on), and more than other seeds would give (Welch)? better: yes to each, and to both at once. + trains two more seeds where more are needed.",
    ),
)


class HelpScreen(ModalScreen[None]):
    """A page of help."""

    BINDINGS = [Binding("escape,question_mark,q,enter", "dismiss", "back")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        """Show panels and keys."""
        keymap, _ = user_keymap()
        with VerticalScroll(classes="dialog tall"):
            yield Static(Content.styled("What the panels mean", "bold $primary"))
            for name, text in PANELS:
                yield Static(Content.assemble((f"{name}  ", "bold"), text), classes="paragraph")
            for where in dict.fromkeys(key.where for key in KEYS):
                title = "everywhere" if where == "app" else f"on the {where} screen"
                yield Static(Content.styled(f"Keys {title}", "bold $primary"), classes="heading")
                for key in (key for key in KEYS if key.where == where):
                    shown = written(key, keymap)
                    yield Static(Content.assemble((f"{shown:<12} ", "bold"), key.help))
            yield Static("escape: back", classes="dim")


def written(key: Key, keymap: dict[str, str]) -> str:
    """Return how `key` is written: the user's own, if `keymap` rebinds it."""
    own = keymap.get(f"{key.where}.{key.id}")
    if own is not None:
        return safe(own.replace(",", " "))
    return key.display or key.keys.replace("question_mark", "?").replace(",", " ")
