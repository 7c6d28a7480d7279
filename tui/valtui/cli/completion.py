"""`valtui completion SHELL`: a script that asks `valtui completion --words …` what may come next."""

from __future__ import annotations

import argparse
import importlib
import itertools
from collections.abc import Callable
from pathlib import Path

from valtui.cli import output
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser

SCRIPTS = {
    "bash": """\
_valtui() {
    local IFS=$'\\n'
    COMPREPLY=($(valtui completion --words "${COMP_WORDS[@]:1:COMP_CWORD-1}" -- "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null))
    [ "${#COMPREPLY[@]}" -eq 0 ] && compopt -o default
    [[ "${COMPREPLY[0]}" == *= ]] && compopt -o nospace
}
complete -F _valtui valtui
""",
    "zsh": """\
#compdef valtui
_valtui() {
    local -a found
    found=("${(@f)$(valtui completion --words "${(@)words[2,CURRENT-1]}" -- "${words[CURRENT]}" 2>/dev/null)}")
    if [[ "$found[1]" == *= ]]; then compadd -S '' -- "${found[@]}"
    elif [[ -n "$found" ]]; then compadd -- "${found[@]}"
    else _files; fi
}
compdef _valtui valtui
""",
    "fish": """\
function __valtui
    set -l words (commandline -opc)
    set -l found (valtui completion --words $words[2..] -- (commandline -ct) 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c valtui -f -a '(__valtui)'
""",
}
WHERE = {
    "bash": 'eval "$(valtui completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(valtui completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": "valtui completion fish > ~/.config/fish/completions/valtui.fish",
}
MOST_SESSIONS = 30
FILES_OR_WORDS = frozenset({"path", "text", "arm"})
"""What a person writes, or the shell completes."""


def add_arguments(parser: Parser) -> None:
    """Declare what `completion` takes."""
    parser.description = "Print a script that completes valtui's commands. " + "; ".join(
        f"{shell}: {line}" for shell, line in WHERE.items()
    )
    parser.add_argument("shell", nargs="?", metavar="SHELL", help="bash, zsh or fish")


def execute(arguments: argparse.Namespace) -> int:
    """Print the script."""
    if arguments.shell not in SCRIPTS:
        raise CommandError("completion takes bash, zsh or fish.", 2)
    output.line(f"# {WHERE[arguments.shell]}")
    for line in SCRIPTS[arguments.shell].rstrip("\n").split("\n"):
        output.line(line)
    return 0


def answer(words: list[str]) -> int:
    """Print what may come next after `words`, as a shell's script asks; the last, behind `--`, is begun."""
    *before, begun = split(words)
    for word in completions(before, begun):
        if word.startswith(begun):
            output.line(word)
    return 0


def split(words: list[str]) -> list[str]:
    """Return the words before the cursor, then the one that is begun, which may be `--` itself."""
    if words[-2:-1] == ["--"]:
        return [*words[:-2], words[-1]]
    return (
        [*words[:-1], ""] if words[-1:] == ["--"] else [*words, ""]
    )  # fish leaves an empty word out


def completions(before: list[str], begun: str = "") -> list[str]:
    """Return what may come after `before`; nothing where the shell knows better, as of files."""
    from valtui.cli.main import COMMANDS, command_position

    position = command_position(before)
    if position is None:
        return [*COMMANDS, "--home", "--no-mouse", "--version", "--help"]
    name = before[position]
    if name not in COMMANDS or "=" in (before[-1], begun):  # bash takes `key=value` apart
        return []
    parser = Parser(name, "")
    importlib.import_module(f"valtui.cli.{COMMANDS[name][0]}").add_arguments(parser)
    actions = {option: action for action in parser._actions for option in action.option_strings}
    given = positionals(before[position + 1 :], actions)
    last = actions.get(before[-1])
    if last is not None and last.nargs != 0:
        return values_of(last, given, home_in(before))
    taken = [action for action in parser._actions if not action.option_strings]
    wanted = next_of(taken, len(given))
    options = [one for one in actions if one.startswith("--") and one not in before]
    if wanted is not None and wanted.dest in FILES_OR_WORDS and not begun.startswith("-"):
        return []
    return [*(values_of(wanted, given, home_in(before)) if wanted is not None else []), *options]


def positionals(words: list[str], actions: dict[str, argparse.Action]) -> list[str]:
    """Return the words that are neither options nor values of options."""
    found = []
    following = iter(words)
    for word in following:
        action = actions.get(word)
        if word == "=" or (action is not None and action.nargs != 0):
            next(following, None)
        elif not word.startswith("-"):
            found.append(word)
    return found


def next_of(taken: list[argparse.Action], given: int) -> argparse.Action | None:
    """Return what a command takes after so many words, or None."""
    if given < len(taken):
        return taken[given]
    return taken[-1] if taken and taken[-1].nargs in ("*", "+") else None


def values_of(action: argparse.Action, given: list[str], home: Path) -> list[str]:
    """Return the values that an option or a word may have, where they are known."""
    from valtui_trainer.session.errors import SessionError

    if action.choices is not None:
        return [str(one) for one in action.choices]
    try:
        return VALUES[action.dest](given, home) if action.dest in VALUES else []
    except (SessionError, OSError):
        return []


def settings(_: list[str], __: Path) -> list[str]:
    """Return the settings, to be given a value."""
    from valtui_trainer.presets.keys import known_keys

    return [f"{key}=" for key in known_keys()]


def presets(_: list[str], __: Path) -> list[str]:
    """Return studies and presets."""
    from valtui_trainer.presets.library import Library

    library = Library.open()
    return [*library.studies, *library.presets]


def sessions(_: list[str], home: Path) -> list[str]:
    """Return the newest sessions."""
    from valtui_trainer.session.listing import session_names

    return session_names(home)[:MOST_SESSIONS]


def runs(given: list[str], home: Path) -> list[str]:
    """Return the runs of the session that was named."""
    from valtui_trainer.session.listing import find_session

    return find_session(home, given[0]).run_ids() if given else []


VALUES: dict[str, Callable[[list[str], Path], list[str]]] = {
    "names": presets,
    "session": sessions,
    "run": runs,
    "assignments": settings,
    "grid": settings,
    "device": lambda *_: ["auto", "cpu", "cuda"],
    "shell": lambda *_: list(SCRIPTS),
}
"""By what `argparse` calls an option or word."""


def home_in(words: list[str]) -> Path:
    """Return the home that the words mean."""
    from valtui_trainer.session.layout import home

    given = [after for word, after in itertools.pairwise(words) if word == "--home"]
    return home(given[-1] if given else None).absolute()
