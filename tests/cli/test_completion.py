"""Completion: the scripts work in the shells themselves, and offer what a command really takes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.sessions import make_session
from support.terminal import Terminal
from valtui.cli.main import COMMANDS, main


def offered(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """Return what may come after `words`, the last of which is begun."""
    *before, begun = words
    assert main(["completion", "--words", *before, "--", begun]) == 0
    return capsys.readouterr().out.splitlines()


def test_commands_options_and_names_are_offered(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home)

    assert set(COMMANDS) <= set(offered(capsys, ""))
    assert offered(capsys, "comp") == ["compare", "completion"]
    assert session.id in offered(capsys, "show", "")
    assert "batch-128" in offered(capsys, "show", session.id, "")
    assert offered(capsys, "run", "batch-s") == ["batch-size"]
    assert "--memory-fraction" in offered(capsys, "run", "batch-size", "--mem")
    assert offered(capsys, "run", "x", "--set", "model.d") == ["model.depth=", "model.dropout="]
    assert offered(capsys, "run", "x", "--device", "c") == ["cpu", "cuda"]
    assert offered(capsys, "export", session.id, "--to", "p") == ["parquet"]
    assert offered(capsys, "nonsense", "") == []
    assert offered(capsys, "--home", str(home), "show", "2") == [session.id]


def test_runs_are_offered_where_a_run_is_taken_alone(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(home)

    for command in ("compare", "report", "open"):
        assert "batch-128" not in offered(capsys, command, session.id, "")
    for command in ("export", "name", "note"):
        assert offered(capsys, command, session.id, "") == []
    assert "--to" in offered(capsys, "export", session.id, "--")
    assert "batch-128" in offered(capsys, "export", session.id, "--run", "")
    assert "batch-128" in offered(capsys, "probe", session.id, "--minutes", "10", "")
    assert "batch-128" in offered(capsys, "prove", session.id, "")
    assert session.id in offered(capsys, "probe", "--minutes", "10", "")
    assert offered(capsys, "watch", "") == []
    assert "dropout" in offered(capsys, "run", "batch-size", "dro")


def test_a_value_that_bash_takes_apart_is_left_to_the_person(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    assert offered(capsys, "run", "x", "--set", "learning_rate", "=") == []
    assert offered(capsys, "run", "x", "--set", "learning_rate", "=", "1") == []
    assert offered(capsys, "run", "--set", "epochs", "=", "1", "batch-s") == ["batch-size"]


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert "completion takes bash, zsh or fish" in capsys.readouterr().err


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command `valtui` on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "valtui"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m valtui.cli.main "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


IN_SHELL = {
    "bash": """
eval "$(valtui completion bash)"
COMP_WORDS=({words}); COMP_CWORD={last}; _valtui 2>/dev/null
printf "%s\\n" "${{COMPREPLY[@]}}"
""",
    "zsh": """
autoload -Uz compinit; compinit -u -D
eval "$(valtui completion zsh)"
compadd() {{ print -l -- "${{@[2,-1]}}"; }}
_files() {{ print -l -- *; }}
words=({words}); CURRENT={last}+1; _valtui
""",
    "fish": """
valtui completion fish | source
complete -C {line}
""",
}


def completed(shell: str, begun: str, folder: Path) -> list[str]:
    """Return what `shell` itself offers for a line that is begun."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    words = ["valtui", *begun.split(" ")]
    program = IN_SHELL[shell].format(
        words=" ".join(map(shlex.quote, words)),
        last=len(words) - 1,
        line=shlex.quote(" ".join(words)),
    )
    options = ["-f"] if shell == "zsh" else []
    done = subprocess.run(
        [shell, *options, "-c", program], capture_output=True, text=True, check=True, cwd=folder
    )
    return done.stdout.splitlines()


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize("shell", IN_SHELL)
@pytest.mark.parametrize("begun", ["com", "show ", "run batch-s", "run batch-size --par"])
def test_a_shell_completes(home: Path, tmp_path: Path, shell: str, begun: str) -> None:
    session, _ = make_session(home)

    expected = {"com": "compare", "show ": session.id, "run batch-s": "batch-size"}
    assert expected.get(begun, "--parallel") in completed(shell, begun, tmp_path)


INTERACTIVE = {
    "bash": ("--norc", "--noprofile", "-i"),
    "zsh": ("-f", "-i"),
}
PREPARE = {"bash": "", "zsh": "autoload -Uz compinit; compinit -u -D; "}


@pytest.mark.usefixtures("path", "home")
@pytest.mark.parametrize("shell", INTERACTIVE)
def test_a_setting_waits_for_its_value_right_behind_the_sign(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    command = f"import os; os.execvp({shell!r}, {(shell, *INTERACTIVE[shell])!r})"
    terminal = Terminal(["-c", command], 100, 24)
    try:
        terminal.press(PREPARE[shell] + f'eval "$(valtui completion {shell})"; echo rea""dy\r')
        terminal.read_until(lambda: "\nready" in terminal.text)
        terminal.press("valtui run x --set learning_r\tX")
        terminal.read_until(lambda: "learning_rate=X" in terminal.text)
    finally:
        terminal.close()


@pytest.mark.usefixtures("path", "home")
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_where_nothing_is_known_a_shell_offers_files(tmp_path: Path, shell: str) -> None:
    (tmp_path / "page.html").touch()

    assert "page.html" in completed(shell, "report -o ", tmp_path)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_sound_in_its_shell(
    shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    assert "valtui" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    subprocess.run([shell, "-n", str(script)], check=True)
