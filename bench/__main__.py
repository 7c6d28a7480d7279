"""`python -m bench`: measure everything and write the figures, with date and machine, to RESULTS.md."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
PARTS = {
    "trainer": "bench.trainer",
    "rivals": "bench.rivals",
    "levers": "bench.levers",
    "costs": "bench.costs",
    "recorder": "bench.recorder",
    "growth": "bench.growth",
    "where-time-goes": "bench.where_time_goes",
    "replicas": "bench.replicas",
    "engines": "bench.engines",
    "screen": "bench.screen",
    "screen-rivals": "bench.screen.rivals",
    "slow-line": "bench.screen.slow_line",
    "long-session": "bench.long_session",
    "kills": "bench.kills",
    "log": "bench.log",
    "planted": "bench.planted",
    "arms": "bench.arms",
}
"""What can be measured, and where."""


def replace_section(text: str, name: str, body: str) -> str:
    """Return `text` with the section called `name` replaced, or appended."""
    section = f"<!-- {name} -->\n{body}\n<!-- /{name} -->"
    pattern = re.compile(f"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
    if pattern.search(text):
        return pattern.sub(lambda _: section, text)
    return f"{text.rstrip()}\n\n{section}\n"


def main(names: list[str]) -> int:
    """Measure the parts called `names`, or all, each in a process of its own."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no part is called {unknown[0]!r}; there are {', '.join(PARTS)}")
        return 2
    if len(names) == 1:
        measure(names[0])
        return 0
    failed = [
        name
        for name in names or PARTS
        if subprocess.run([sys.executable, "-m", "bench", name]).returncode
    ]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def measure(name: str) -> None:
    """Measure the part `name`, and write its section: one of its own where there is a GPU."""
    print(f"{name} …", flush=True)
    part = importlib.import_module(PARTS[name])
    lines = part.main()
    # Loaded now, for torch within this process would slow down every process that it starts.
    from bench import machine
    from bench.presets import device_name

    device = device_name()
    on_gpu = "" if device == "cpu" else "-cuda"
    body = "\n".join(
        [
            f"## {name}{on_gpu}\n",
            (part.__doc__ or "").strip() + "\n",
            machine.describe(device) + "\n",
            *lines,
        ]
    )
    text = (
        RESULTS.read_text() if RESULTS.exists() else "# Figures\n\nRepeat them with `make bench`.\n"
    )
    RESULTS.write_text(replace_section(text, name + on_gpu, body))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
