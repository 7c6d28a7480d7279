"""Make a virtual environment and install valtui in it, showing that something happens meanwhile.

Uses the standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

EXTRAS = ".[demo,dev]"


def main(venv: Path) -> int:
    """Return 0 when the environment is ready, 1 with the end of pip's output otherwise."""
    if sys.version_info < (3, 11):
        return say(
            f"valtui needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}."
        )
    python = venv / "bin" / "python"
    if not python.exists():
        made = subprocess.run(
            [sys.executable, "-m", "venv", str(venv)], capture_output=True, text=True
        )
        if made.returncode:
            return say(
                f"Could not make {venv}: {(made.stderr or made.stdout).strip()}\n"
                "On Debian the package python3-venv is needed."
            )
    log = venv / "install.log"
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "-e", EXTRAS]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        show_progress(process, log)
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        return say(f"The installation failed. The end of {log}:\n{tail}")
    (venv / ".installed").touch()
    return 0


def show_progress(process: subprocess.Popen[bytes], log: Path) -> None:
    """Write the seconds gone and pip's newest line: rewritten on a terminal, every 30 s elsewhere."""
    terminal = sys.stderr.isatty()
    started = time.monotonic()
    said = -30.0
    while True:
        try:
            process.wait(timeout=0.5 if terminal else 5)
        except subprocess.TimeoutExpired:
            gone = time.monotonic() - started
            if terminal:
                lines = log.read_text(errors="replace").split("\n")
                newest = next((line.strip() for line in reversed(lines) if line.strip()), "")
                write(f"\r\x1b[2Kinstalling (once; PyTorch is large) {gone:4.0f} s  {newest[:60]}")
            elif gone - said >= 30:
                said = gone
                write(f"installing into .venv (once; PyTorch is large): {gone:.0f} s\n")
            continue
        if terminal:
            write("\r\x1b[2K")
        return


def write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def say(text: str) -> int:
    write(text + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
