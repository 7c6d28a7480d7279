"""The screen on a real pty: first frames, memory, CPU and bytes a second while data stream in.

First frames: from the start of the process to the arrival of the bytes that show the thing. The cases
take turns, and each is set against the bare app of its own round. *Warm*: all files in memory, modules
compiled. *Cold*: the kernel was told to forget the files first; what another process has mapped stays, and
below a virtual machine its host may remember. *Uncompiled*: warm, but each module is compiled anew, as at
the first start after an installation that does not compile.

While data come in: the runs grow by 10 points a second each. From a key to the screen is told twice:
until the bytes that show it arrive, which is the app's part, and until the emulator of this
measurement, which is written in Python, has drawn them too. Draws a second are the times at which cells
of curves arrived; memory is resident, of the program and what it started.
"""

from __future__ import annotations


def main() -> list[str]:
    """Return both tables."""
    from bench.screen import first_frames, streaming

    return [*first_frames.main(), "", *streaming.main()]
