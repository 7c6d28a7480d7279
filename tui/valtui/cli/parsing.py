"""Arguments of commands: one sentence where argparse would print its usage, and shared options."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import NoReturn

from valtui.cli.output import CommandError
from valtui_trainer.presets.errors import nearest


class Parser(argparse.ArgumentParser):
    """The parser of one command."""

    def __init__(self, name: str, description: str) -> None:
        """Parse the arguments of `valtui NAME`."""
        super().__init__(
            prog=f"valtui {name}".rstrip(), description=description, allow_abbrev=False
        )
        self.add_argument(
            "--home",
            metavar="FOLDER",
            help="where sessions are kept (default: $VALTUI_HOME, else the XDG state folder)",
        )

    def error(self, message: str) -> NoReturn:
        """Refuse in one sentence.

        Raises:
            CommandError: always.
        """
        raise CommandError(
            f"{self._in_words(message)} `{self.prog} --help` shows what is possible.", 2
        )

    def _in_words(self, message: str) -> str:
        unknown = re.match(r"unrecognized arguments: (\S+)", message)
        if unknown:
            word = unknown.group(1)
            if not word.startswith("-"):
                return f"{word!r} is one argument too many."
            options = [name for name in self._option_string_actions if name.startswith("--")]
            return f"there is no option {word}{nearest(word.partition('=')[0], options)}."
        required = re.match(r"the following arguments are required: (.+)", message)
        if required:
            return f"{required.group(1)} is missing."
        choice = re.match(r"argument (\S+): invalid choice: (.+) \(choose from (.+)\)", message)
        if choice:
            option, value, choices = choice.groups()
            return f"{option} {value} is not possible; choose from {choices}."
        about = re.match(r"argument (\S+): (.+)", message, re.DOTALL)
        if about:
            option, problem = about.groups()
            return f"{option} {'needs a value' if problem == 'expected one argument' else problem}."
        return message[0].upper() + message[1:] + "."


def count(text: str) -> int:
    """Return `text` as a whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least 1")
    return value


def index(text: str) -> int:
    """Return `text` as a whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least 0")
    return int(text)


def fraction(text: str) -> float:
    """Return `text` as a number above 0 and at most 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number above 0 and at most 1")
    return value


def niceness(text: str) -> int:
    """Return `text` as a whole number from 0 to 19."""
    if not text.isdecimal() or int(text) > 19:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0 to 19")
    return int(text)


def positive(text: str) -> float:
    """Return `text` as a finite number above 0, whole numbers as such."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number above 0")
    return value


def add_session(parser: Parser, run: bool = True) -> None:
    """Let the command take SESSION and, unless `run` is false, RUN."""
    parser.add_argument(
        "session",
        metavar="SESSION",
        nargs="?",
        help="an id or part of one, or its name (default: the newest)",
    )
    if run:
        parser.add_argument(
            "run", metavar="RUN", nargs="?", help="one of its runs, by id or part of one"
        )


def add_json(parser: Parser) -> None:
    """Let the command print JSON."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON document and nothing else"
    )


def add_no_mouse(parser: Parser) -> None:
    """Let the command leave the mouse to the terminal."""
    parser.add_argument("--no-mouse", action="store_true", help="leave the mouse to the terminal")


def home_of(arguments: argparse.Namespace) -> Path:
    """Return the home folder that the arguments mean, absolute."""
    from valtui_trainer.session.layout import home

    return home(arguments.home).absolute()
