"""The command `valtui`: finds the command that is meant, loads its module alone, turns errors into sentences."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from valtui.cli import output
from valtui.cli.output import CommandError
from valtui.cli.parsing import Parser, add_no_mouse, home_of
from valtui_trainer.presets.errors import PresetError, nearest
from valtui_trainer.session.errors import SessionError

# name: module, what it does
COMMANDS = {
    "run": ("run", "train a study or presets, and watch"),
    "open": ("open", "watch a session"),
    "stop": ("control", "stop runs: each finishes its step and writes a checkpoint"),
    "pause": ("control", "pause runs"),
    "resume": ("control", "un-pause paused runs; continue stopped, failed, killed or lost ones"),
    "presets": ("presets", "list presets and studies"),
    "sessions": ("sessions", "list sessions"),
    "name": ("about", "give a session a name, by which it can be asked for"),
    "note": ("about", "write a note on a session, to be found by"),
    "show": ("show", "what a session or run is, and how it went"),
    "compare": ("compare", "the presets of a session side by side, in numbers"),
    "causes": ("causes", "why the validation loss of each run jumps, measured"),
    "probe": ("probe", "train arms from a run's checkpoint: what would calm it"),
    "prove": ("prove", "train an arm or remedy beside its control until it is decided"),
    "watch": ("watch", "other tools' logs on this screen: TensorBoard, wandb, CSV, …"),
    "export": ("export", "write a session's log as CSV, Parquet or event files, or its weights"),
    "report": ("report", "a session as one page to hand on: curves, verdicts, settings"),
    "config": ("config", "your defaults: where each comes from"),
    "completion": ("completion", "a script that completes commands in bash, zsh or fish"),
    "doctor": ("doctor", "check this machine: PyTorch, CUDA, terminal, disk, locks"),
}
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0 done, 1 failed, 2 asked wrongly, 130 interrupted."""
    output.prepare()
    try:
        code = dispatch(list(sys.argv[1:] if argv is None else argv))
        output.flush()
        return code
    except SystemExit as ended:  # argparse, after --help
        return ended.code if isinstance(ended.code, int) else 0
    except CommandError as error:
        output.complain(str(error))
        return error.code
    except (PresetError, SessionError) as error:
        output.complain(str(error))
        return 2
    except BrokenPipeError:
        output.abandon()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception:  # a mistake of ours; what it says may hold names as hostile as any
        import traceback

        output.complain(traceback.format_exc().rstrip())
        return 1


def dispatch(words: list[str]) -> int:
    """Run the command that `words` name."""
    position = command_position(words)
    if position is None:
        return without_command(words)
    name = words[position]
    if name not in COMMANDS:
        raise CommandError(
            f"there is no command {name!r}{nearest(name, COMMANDS)}. `valtui --help` lists them.", 2
        )
    module_name, description = COMMANDS[name]
    module = importlib.import_module(f"valtui.cli.{module_name}")
    after = words[position + 1 :]
    if name == "completion" and after[:1] == ["--words"]:  # words of another command
        found: int = module.answer(after[1:])
        return found
    parser = Parser(name, description[0].upper() + description[1:] + ".")
    module.add_arguments(parser)
    arguments = parser.parse_intermixed_args(words[:position] + words[position + 1 :])
    arguments.command = name
    arguments.words = words
    warn_of_config(name)
    code: int = module.execute(arguments)
    return code


def warn_of_config(name: str) -> None:
    """Say where the user's defaults are wrong; the command goes on without them."""
    from valtui_trainer.session.config import read_config

    problem = read_config()[1]
    if problem and name not in ("config", "completion"):
        output.complain(f"note: {problem}")


def command_position(words: list[str]) -> int | None:
    """Return where in `words` the command stands, after options that hold for all, or None."""
    position = 0
    while position < len(words) and words[position].startswith("-"):
        position += 2 if words[position] == "--home" else 1
    return position if position < len(words) else None


def without_command(words: list[str]) -> int:
    """Open the app on its home screen."""
    parser = Parser("", "")
    parser.format_help = overview  # type: ignore[method-assign]
    parser.add_argument("--version", action="store_true")
    add_no_mouse(parser)
    arguments = parser.parse_args(words)
    if arguments.version:
        import importlib.metadata

        output.line(f"valtui {importlib.metadata.version('valtui')}")
        return 0
    return open_app(arguments)


def open_app(arguments: argparse.Namespace) -> int:
    """Open the app without a session."""
    from valtui.cli.screen import require_terminal, show
    from valtui_trainer.session.layout import prepare_home

    require_terminal()  # before a home is made
    return show(prepare_home(home_of(arguments)), mouse=not arguments.no_mouse)


def overview() -> str:
    """Return the help of `valtui` itself."""
    listed = "\n".join(f"  {name:<11}{does}" for name, (_, does) in COMMANDS.items())
    return f"""\
usage: valtui [COMMAND] [--home FOLDER] [--no-mouse] [--version]

Trains presets of a CNN side by side, shows their validation loss live, and measures how it jumps.
Without a command it opens the screen. `valtui run batch-size` is a good beginning.

commands:
{listed}

`valtui COMMAND --help` shows a command's options.
Exit codes: 0 done, 1 failed, 2 asked wrongly, 130 interrupted.
"""


if __name__ == "__main__":
    sys.exit(main())
