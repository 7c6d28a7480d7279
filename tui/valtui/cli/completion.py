"""`valtui completion SHELL`: a script that asks `valtui completion --words …` what may come next."""

from __future__ import annotations

import argparse
import importlib
import itertools
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
}
complete -F _valtui valtui
""",
    "zsh": """\
#compdef valtui
_valtui() {
    local -a found
    found=("${(@f)$(valtui completion --words "${(@)words[2,CURRENT-1]}" -- "${words[CURRENT]}" 2>/dev/null)}")
    if [[ -n "$found" ]]; then compadd -- "${found[@]}"; else _files; fi
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
TAKE_SESSIONS = frozenset({
    "open", "stop", "pause", "resume", "show", "compare", "causes", "probe", "prove", "export", "report",
    "name", "note",
})  # fmt: skip
MOST_SESSIONS = 30


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
    for word in completions(before):
        if word.startswith(begun):
            output.line(word)
    return 0


def split(words: list[str]) -> list[str]:
    """Return the words before the cursor, then the one that is begun."""
    if "--" not in words:
        return [*words, ""]
    at = len(words) - 1 - words[::-1].index("--")
    return [*words[:at], *(words[at + 1 :] or [""])]


def completions(before: list[str]) -> list[str]:
    """Return what may come after `before`."""
    from valtui.cli.main import COMMANDS, command_position

    position = command_position(before)
    if position is None:
        return [*COMMANDS, "--home", "--no-mouse", "--version", "--help"]
    name = before[position]
    if name not in COMMANDS:
        return []
    parser = Parser(name, "")
    importlib.import_module(f"valtui.cli.{COMMANDS[name][0]}").add_arguments(parser)
    actions = {option: action for action in parser._actions for option in action.option_strings}
    last = actions.get(before[-1])
    if last is not None and last.nargs != 0:
        return values_of(last)
    given = [word for word in before[position + 1 :] if not word.startswith("-")]
    options = [one for one in actions if one.startswith("--") and one not in before]
    return [*named(name, given, home_in(before)), *options]


def values_of(action: argparse.Action) -> list[str]:
    """Return the values that an option may have, where they are known."""
    if action.choices is not None:
        return [str(one) for one in action.choices]
    if action.dest in ("assignments", "grid"):
        from valtui_trainer.presets.keys import known_keys

        return [f"{key}=" for key in known_keys()]
    return ["auto", "cpu", "cuda"] if action.dest == "device" else []


def named(command: str, given: list[str], home: Path) -> list[str]:
    """Return presets, studies, sessions or runs, whatever the command takes next."""
    if command == "completion":
        return list(SCRIPTS)
    if command == "run":
        from valtui_trainer.presets.library import Library

        library = Library.open()
        return [*library.studies, *library.presets]
    if command not in TAKE_SESSIONS:
        return []
    from valtui_trainer.session.errors import SessionError
    from valtui_trainer.session.listing import find_session, session_names

    if not given:
        return session_names(home)[:MOST_SESSIONS]
    try:
        return find_session(home, given[0]).run_ids() if len(given) == 1 else []
    except (SessionError, OSError):
        return []


def home_in(words: list[str]) -> Path:
    """Return the home that the words mean."""
    from valtui_trainer.session.layout import home

    given = [after for word, after in itertools.pairwise(words) if word == "--home"]
    return home(given[-1] if given else None).absolute()
