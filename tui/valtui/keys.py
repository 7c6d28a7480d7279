"""Every key of the app, declared in one place; `keys.toml` in the config folder rebinds them by id."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs
from textual.binding import Binding, BindingType
from textual.keys import _normalize_key_list

from valtui_trainer.session.config import config_path, read_config
from valtui_trainer.session.safe import safe


@dataclass(frozen=True, slots=True)
class Key:
    """One key: where it works, what it is called for rebinding, and what it does.

    Attributes:
        where: `app`, or a screen.
        id: what `keys.toml` calls it, after the screen's name.
        keys: Textual's names, comma-separated.
        action: the action of the screen that it runs.
        label: two or three words for the footer.
        help: one sentence for the help screen.
        footer: at which widths of the terminal the footer shows it: all of them, 118 columns and
            more (wide), less (narrow), or none.
        display: how the key is written where Textual's name would not do.
    """

    where: str
    id: str
    keys: str
    action: str
    label: str
    help: str
    footer: Literal["always", "wide", "narrow", "never"] = "always"
    display: str | None = None


KEYS: tuple[Key, ...] = (
    Key("app", "help", "question_mark", "help", "help", "All keys, and what the panels mean."),
    Key("app", "quit", "q", "quit_app", "quit (runs go on)", "Leave; the runs go on without the screen."),
    Key("home", "next", "tab", "app.focus_next", "next list", "Go to the next list."),
    Key("home", "start", "enter", "choose", "start / open", "Start the study or preset, open the session."),
    Key("home", "edit", "e", "edit", "edit", "Change settings of a preset, and start it or save it as a preset."),
    Key("home", "sessions", "s", "sessions", "all sessions", "All sessions in a table, with their size."),
    Key("sessions", "open", "enter", "open", "open", "Open the session."),
    Key("sessions", "stop", "s", "stop", "stop", "Stop all runs of the session (asks)."),
    Key("sessions", "resume", "r", "resume", "resume", "Resume what was paused, stopped, killed or lost.", footer="wide"),
    Key("sessions", "name", "n", "name", "name", "Give the session a name, by which commands find it too.", footer="wide"),
    Key("sessions", "note", "N", "note", "note", "Write a note on the session.", footer="wide"),
    Key("sessions", "search", "slash", "search", "search", "Show those sessions alone that fit some words: name, note, presets, host, state, date.", display="/"),
    Key("sessions", "delete", "d", "delete", "delete", "Delete the session for good (asks); one with runs that have not ended stays."),
    Key("sessions", "back", "escape", "app.back", "back", "Back to where you came from."),
    Key("live", "focus", "1,2,3,4,5,6,7,8,9", "focus_run", "focus", "Focus the preset of that number.", display="1-9"),
    Key("live", "next", "tab", "focus_next_run", "next", "Focus the next preset.", footer="never"),
    Key("live", "overlay", "space", "overlay", "overlay", "Show or hide the focused preset's lines when another is focused.", footer="never"),
    Key("live", "start", "enter", "start_preset", "start", "Start a further preset into this session.", footer="wide"),
    Key("live", "edit", "e", "edit", "edit", "Change settings of the focused preset, and start that into this session or save it as a preset.", footer="never"),
    Key("live", "stop", "s", "stop", "stop", "Stop the focused run after its step (asks); a checkpoint is kept."),
    Key("live", "pause", "full_stop", "pause", "pause", "Pause the focused run.", footer="wide", display="."),
    Key("live", "resume", "r", "resume", "resume", "Go on after a pause; start the next attempt of a run that ended early.", footer="wide"),
    Key("live", "causes", "c", "causes", "causes", "Why the focused run's validation loss jumps, measured."),
    Key("live", "compare", "v", "compare", "compare", "The presets side by side, in numbers."),
    Key("live", "more-seeds", "plus", "more_seeds", "2 more seeds", "Train two more seeds of the focused preset, from scratch (asks, and says how many it takes).", footer="never", display="+"),
    Key("live", "check", "k", "check", "check", "All checks of the focused run now, an epoch at learning rate zero included.", footer="never"),
    Key("live", "log", "l", "log_axis", "log", "Logarithmic or linear height of the losses.", footer="wide"),
    Key("live", "axis", "x", "x_axis", "x axis", "Steps, epochs or time along the bottom.", footer="never"),
    Key("live", "unit", "u", "volatility_unit", "% / loss", "Volatility in % of the loss, or in units of the loss.", footer="never"),
    Key("live", "zoom", "z", "zoom(2.0)", "zoom", "Zoom in around the cursor; the mouse wheel does too.", footer="never"),
    Key("live", "unzoom", "Z", "unzoom", "all", "Show the whole run again, and drop the cursor.", footer="never"),
    Key("live", "left", "left", "cursor(-1)", "cursor", "Move the cursor, which reads one step in all panels.", footer="never"),
    Key("live", "right", "right", "cursor(1)", "cursor", "Move the cursor to the right.", footer="never"),
    Key("live", "pan-left", "shift+left", "pan(-0.25)", "pan", "Move the zoomed range.", footer="never"),
    Key("live", "pan-right", "shift+right", "pan(0.25)", "pan", "Move the zoomed range to the right.", footer="never"),
    Key("live", "accuracy", "a", "accuracy", "accuracy", "Accuracy in the place of the training loss, and back.", footer="never"),
    Key("live", "page-back", "left_square_bracket", "page(-1)", "page", "The previous panel, where the screen shows one at a time.", footer="never", display="["),
    Key("live", "page", "right_square_bracket", "page(1)", "panel", "The next panel, where the screen shows one at a time.", footer="narrow", display="]"),
    Key("live", "picture", "f", "picture", "picture", "Save pictures of what is shown, as SVG and PNG.", footer="never"),
    Key("live", "copy", "y", "copy", "copy command", "Copy the command that repeats the run, and show it.", footer="never"),
    Key("live", "output", "o", "output", "output", "What the trainer printed, its traceback included.", footer="wide"),
    Key("live", "stop-all", "Q", "stop_all", "stop all, quit", "Stop every run, then leave (asks).", footer="never"),
    Key("live", "back", "escape", "app.back", "home", "Back to the home screen; the runs go on.", footer="never"),
    Key("causes", "focus", "1,2,3,4,5,6,7,8,9", "focus_run", "run", "The causes of the run of that number.", display="1-9"),
    Key("causes", "next", "tab", "focus_next_run", "next", "The next run.", footer="never"),
    Key("causes", "up", "up", "move(-1)", "move", "Move the cursor to what stands above.", footer="never"),
    Key("causes", "down", "down", "move(1)", "move", "Move the cursor to what stands below.", footer="wide", display="↑↓"),
    Key("causes", "explain", "enter", "explain", "explain", "What it is, how it was measured here, and where it misleads."),
    Key("causes", "span", "w", "span", "span", "The whole run, its last window, or the epochs that the zoomed chart shows.", footer="wide"),
    Key("causes", "check", "k", "check", "check", "All checks of the run now, an epoch at learning rate zero included.", footer="wide"),
    Key("causes", "probe", "p", "probe", "probe", "Probe the arm of the row, and those that the verdict suggests: trained a while from a checkpoint (asks)."),
    Key("causes", "probe-all", "A", "probe_all", "all arms", "Probe all arms that change anything on this run (asks).", footer="never"),
    Key("causes", "prove", "P", "prove", "prove", "Train arm or remedy of the row and a control beside, from one checkpoint, until it is decided (asks).", footer="wide"),
    Key("causes", "cancel-probe", "x", "cancel_probe", "cancel probe", "Cancel the probe that is under way (asks); what it has measured is kept.", footer="never"),
    Key("causes", "picture", "f", "picture", "picture", "Save pictures of what is shown, as SVG and PNG.", footer="never"),
    Key("causes", "copy", "y", "copy", "copy command", "Copy the command that repeats the run, and show it.", footer="never"),
    Key("causes", "page-back", "left_square_bracket", "page(-1)", "page", "The previous panel.", footer="never", display="["),
    Key("causes", "page", "right_square_bracket", "page(1)", "panel", "The next panel.", display="]"),
    Key("causes", "back", "escape,c", "app.back", "back", "Back to the live screen."),
    Key("compare", "more-seeds", "plus", "more_seeds", "2 more seeds", "Train two more seeds of the preset under the cursor, from scratch (asks, and says how many it takes).", display="+"),
    Key("compare", "picture", "f", "picture", "picture", "Save pictures of what is shown, as SVG and PNG.", footer="never"),
    Key("compare", "copy", "y", "copy", "copy command", "Copy the command that repeats the run, and show it.", footer="never"),
    Key("compare", "next", "tab", "app.focus_next", "table / pairs", "Go on to the sentences on the pairs, to scroll them, and back to the table."),
    Key("compare", "back", "escape,v", "app.back", "back", "Back to the live screen."),
)  # fmt: skip


def bindings(where: str) -> list[BindingType]:
    """Return the bindings of one screen, with ids that a keymap can rebind."""
    found: list[BindingType] = []
    for key in (key for key in KEYS if key.where == where):
        for single in key.keys.split(","):
            action = f"{key.action}({single})" if key.id == "focus" else key.action
            first = single == key.keys.split(",")[0]
            found.append(
                Binding(
                    single,
                    action,
                    key.label,
                    show=key.footer != "never" and first,
                    key_display=key.display,
                    id=f"{where}.{key.id}" + (f"-{single}" if key.id == "focus" else ""),
                    priority=single in ("tab", "enter")
                    and where in ("live", "home", "sessions", "causes"),
                )
            )
    return found


def user_keymap() -> tuple[dict[str, str], str]:
    """Return the user's keys by binding id, and a sentence if their file is wrong.

    They stand in `keys.toml` in the config folder, with lines such as `"live.stop" = "f9"`, or in the table
    `keys` of `config.toml`. A line that would take another key of the same screen away is not used.
    """
    path = Path(platformdirs.user_config_dir("valtui")) / "keys.toml"
    config, problem = read_config()
    keymap, wrong = checked_keymap(dict(config.keys), config_path())
    problem = problem or wrong
    own: dict[str, str] = {}
    try:
        own, wrong = checked_keymap(tomllib.loads(path.read_text(encoding="utf-8")), path)
    except FileNotFoundError:
        wrong = ""
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        wrong = f"{path}: is not used ({error})."
    keymap |= own
    refused = drop_clashes(keymap)
    said = [
        f"{path if name in own else config_path()}: {name} stays as it was, for {key} is the key of "
        f"{other}; give that one another key too."
        for name, key, other in refused
    ]
    return keymap, wrong or problem or (said[0] if said else "")


def checked_keymap(table: dict[str, object], path: Path) -> tuple[dict[str, str], str]:
    """Return the lines of a `keys.toml` that can be used, and a sentence about the first that cannot."""
    known = default_keys()
    problems = []
    keymap: dict[str, str] = {}
    for name, value in table.items():
        if name not in known:
            problems.append(
                f"{path}: {name!r} is no key of valtui; `valtui config --keys` lists them."
            )
        elif not isinstance(value, str) or not value.strip() or value != safe(value):
            problems.append(f'{path}: {name} must be the name of a key, such as "x" or "ctrl+s".')
        else:
            keymap[name] = ",".join(part.strip() for part in value.split(","))
    return keymap, problems[0] if problems else ""


def default_keys() -> dict[str, frozenset[str]]:
    """Return the keys of every binding, by id."""
    return {
        f"{key.where}.{key.id}" + (f"-{single}" if key.id == "focus" else ""): frozenset(keys)
        for key in KEYS
        for single, keys in (
            ((one, [one]) for one in key.keys.split(","))
            if key.id == "focus"
            else [("", key.keys.split(","))]
        )
    }


def drop_clashes(keymap: dict[str, str]) -> list[tuple[str, str, str]]:
    """Take lines out of `keymap` until no key means two things on a screen.

    Returns:
        Of each line that went: its binding, the key, and the binding that has that key.
    """
    refused = []
    while (clash := first_clash(keymap)) is not None:
        refused.append(clash)
        del keymap[clash[0]]
    return refused


def first_clash(keymap: dict[str, str]) -> tuple[str, str, str] | None:
    """Return a binding that `keymap` gives a key which another on that screen has, the key, and the other."""
    keys = default_keys() | {name: spelled_out(own) for name, own in keymap.items()}
    for name in reversed(keymap):
        where = name.partition(".")[0]
        for other, theirs in keys.items():
            beside = where == "app" or other.partition(".")[0] in (where, "app")
            if other != name and beside and keys[name] & theirs:
                return name, sorted(keys[name] & theirs)[0], other
    return None


def spelled_out(keys: str) -> frozenset[str]:
    """Return comma-separated keys by Textual's names, as `slash` for `/`."""
    return frozenset(_normalize_key_list(keys).split(","))


def shown_in_footer(action: str, where: str, narrow: bool) -> bool:
    """Tell whether the footer of `where` has room for the key of `action`."""
    fits = ("always", "narrow" if narrow else "wide")
    return any(
        key.footer in fits
        for key in KEYS
        if key.where in (where, "app") and action.split("(")[0] == key.action.split("(")[0]
    )
