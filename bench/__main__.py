"""`python -m bench`: measure everything and write the figures, with date and machine, to RESULTS.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from bench import (
    arms,
    costs,
    engines,
    growth,
    kills,
    levers,
    log,
    long_session,
    machine,
    planted,
    replicas,
    rivals,
    screen,
    trainer,
    where_time_goes,
)
from bench.presets import device_name
from bench.screen import rivals as screen_rivals
from bench.screen import slow_line

RESULTS = Path(__file__).with_name("RESULTS.md")
PARTS = {
    "trainer": trainer,
    "rivals": rivals,
    "levers": levers,
    "costs": costs,
    "growth": growth,
    "where-time-goes": where_time_goes,
    "replicas": replicas,
    "engines": engines,
    "screen": screen,
    "screen-rivals": screen_rivals,
    "slow-line": slow_line,
    "long-session": long_session,
    "kills": kills,
    "log": log,
    "planted": planted,
    "arms": arms,
}


def replace_section(text: str, name: str, body: str) -> str:
    """Return `text` with the section called `name` replaced, or appended."""
    section = f"<!-- {name} -->\n{body}\n<!-- /{name} -->"
    pattern = re.compile(f"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
    if pattern.search(text):
        return pattern.sub(lambda _: section, text)
    return f"{text.rstrip()}\n\n{section}\n"


def main(names: list[str]) -> int:
    """Measure the parts called `names`, or all."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"no part is called {unknown[0]!r}; there are {', '.join(PARTS)}")
        return 2
    for name in names or list(PARTS):
        print(f"{name} …", flush=True)
        part = PARTS[name]
        body = (
            f"## {name}\n\n{(part.__doc__ or '').strip()}\n\n{machine.describe(device_name())}\n\n"
            + "\n".join(part.main())
        )
        text = (
            RESULTS.read_text()
            if RESULTS.exists()
            else "# Figures\n\nRepeat them with `make bench`.\n"
        )
        RESULTS.write_text(replace_section(text, name, body))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
