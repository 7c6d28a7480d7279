"""Loaded by each Python process of the watched run: writes down what it opens for writing, and sockets."""

import json
import os
import sys

WATCHED = {"os.mkdir", "os.rename", "os.link", "os.symlink", "socket.bind", "socket.connect"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def begin(report: int) -> None:
    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(path, str | bytes | os.PathLike) or not flags & WRITES:
                return
            seen = os.fsdecode(path)
        elif event in WATCHED:
            seen = os.fsdecode(arguments[1] if event in ("os.rename", "os.link", "os.symlink")
                               else arguments[0]) if event.startswith("os.") else str(arguments[1])  # fmt: skip
        else:
            return
        where = seen if event.startswith("socket") else os.path.join(os.getcwd(), seen)
        line = {"event": event, "what": where, "pid": os.getpid(), "words": sys.argv[:3]}
        os.write(report, json.dumps(line).encode() + b"\n")

    sys.addaudithook(note)


if "VALTUI_TEST_AUDIT" in os.environ:
    begin(os.open(os.environ["VALTUI_TEST_AUDIT"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
