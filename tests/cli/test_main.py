"""The command line as a whole: fast, one sentence for each mistake, quiet when nobody listens."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.sessions import make_session
from valtui.cli.main import COMMANDS, main

HEAVY = ("torch", "torchvision", "numpy", "scipy", "textual", "rich", "pynvml", "psutil", "PIL")


def loaded_after(arguments: list[str]) -> set[str]:
    """Return which heavy packages a fresh interpreter has loaded after running the command."""
    program = (
        "import io, sys; from valtui.cli.main import main; real = sys.stdout; "
        "sys.stdout = io.StringIO(); "
        f"code = main({arguments!r}); sys.stdout = real; "
        "import json; print(json.dumps([code, sorted({m.partition('.')[0] for m in sys.modules})]))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    code, modules = json.loads(found.stdout)
    assert code == 0, found.stderr
    return set(modules) & set(HEAVY)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["presets"], ["presets", "--json"], ["sessions"], ["show"], ["run", "--help"]],
)  # fmt: skip
def test_light_commands_load_nothing_heavy(home: Path, arguments: list[str]) -> None:
    make_session(home, steps=10)

    assert loaded_after(arguments) == set()


def test_comparing_loads_numpy_but_neither_torch_nor_the_screen(home: Path) -> None:
    make_session(home, steps=100)

    assert loaded_after(["compare"]) <= {"numpy", "scipy"}


def test_importing_one_command_does_not_import_the_others() -> None:
    program = (
        "import sys; from valtui.cli.main import main; main(['--help']); "
        "sys.exit(any(m.startswith('valtui.cli.') and m.split('.')[-1] "
        "not in ('main', 'output', 'parsing') for m in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


def test_the_help_lists_every_command_and_each_has_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--help"]) == 0
    overview = capsys.readouterr().out

    for name in COMMANDS:
        assert f"\n  {name} " in overview
        assert main([name, "--help"]) == 0
        assert f"valtui {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["presset"], "no command 'presset' (did you mean 'presets'?)"),
        (["presets", "--jsno"], "no option --jsno (did you mean '--json'?)"),
        (["presets", "--js"], "no option --js"),
        (["presets", "extra"], "'extra' is one argument too many"),
        (["show", "a", "b", "c"], "'c' is one argument too many"),
        (["export", "one"], "missing"),
        (["export", "one", "out"], "--to is missing"),
        (["export", "one", "out", "--to", "cvs"], "--to 'cvs' is not possible"),
        (["run", "batch-32", "--seeds", "x"], "--seeds 'x' must be a whole number of at least 1"),
        (["run", "batch-32", "--seeds", "0"], "--seeds '0' must be a whole number of at least 1"),
        (["run", "batch-32", "--seeds", "1.5"], "--seeds"),
        (["run", "batch-32", "--epochs", "0"], "--epochs '0' must be a number above 0"),
        (["run", "batch-32", "--epochs", "nan"], "--epochs"),
        (["run", "batch-32", "--epochs", "inf"], "--epochs"),
        (["run", "batch-32", "--epochs", "-1"], "--epochs"),
        (["run", "batch-32", "--parallel", "none"], "--parallel"),
        (["run", "batch-32", "--epochs"], "--epochs needs a value"),
        (["run", "batch-32", "--grid", "a=1,2"], "--grid a: no setting has that name"),
        (["sessions", "--no-mouse"], "no option --no-mouse"),
        (["--no-mous"], "no option --no-mous (did you mean '--no-mouse'?)"),
    ],
)
def test_asking_wrongly_is_one_sentence_on_stderr_and_exit_2(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code = main(arguments)

    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("valtui: ")
    assert words in err
    assert err.count("\n") == 1
    assert not home.exists()


def test_without_a_terminal_the_screen_is_refused_in_words(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home, steps=10)

    for arguments in ([], ["open"], ["--no-mouse"]):
        assert main(arguments) == 2
        assert "needs a terminal" in capsys.readouterr().err


def test_home_may_stand_before_or_after_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = make_session(tmp_path / "elsewhere", steps=10)

    for arguments in (
        ["sessions", "--home", str(tmp_path / "elsewhere")],
        ["--home", str(tmp_path / "elsewhere"), "sessions"],
        [f"--home={tmp_path / 'elsewhere'}", "sessions"],
    ):
        assert main(arguments) == 0
        assert session.id in capsys.readouterr().out


def test_a_broken_pipe_is_quiet(home: Path) -> None:
    for number in range(3):
        make_session(home, steps=400, identity=f"2026010{number + 1}T000000Z-a-00000{number}")

    for arguments in ("show --json", "presets", "compare --json"):
        found = subprocess.run(
            f"{sys.executable} -m valtui.cli.main {arguments} | head -c 1",
            shell=True,
            capture_output=True,
            text=True,
        )
        assert found.stderr == ""


def test_a_terminal_that_knows_only_ascii_makes_nothing_fail(home: Path) -> None:
    make_session(home, steps=100)

    found = subprocess.run(
        [sys.executable, "-m", "valtui.cli.main", "compare"],
        capture_output=True,
        env={"PYTHONIOENCODING": "ascii", "VALTUI_HOME": str(home), "PATH": "/usr/bin:/bin"},
    )

    assert found.returncode == 0, found.stderr
    assert b"batch-32" in found.stdout


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("valtui ")
