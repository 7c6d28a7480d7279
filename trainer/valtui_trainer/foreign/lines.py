"""Whole lines of a growing text file, in whatever encoding its first bytes say, in bounded memory."""

from __future__ import annotations

import codecs
import os
import time
from pathlib import Path

from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.safe import safe

CHUNK = 256 << 10
COMPARED = 4 << 10
"""Bytes that stand where they stood, or the file was written anew."""
LONGEST_LINE = 1 << 20
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Lines:
    """The reader of one text file.

    Attributes:
        skipped: lines that were too long.
        behind: whether the last call left something unread.
        restarts: how often the file had become another one, and was begun anew.
    """

    def __init__(self, path: Path) -> None:
        """Read `path` from its beginning."""
        self.path = path
        self.skipped = 0
        self.behind = False
        self.restarts = 0
        self._identity: tuple[int, int] | None = None
        self._begin()

    def _begin(self) -> None:
        self._offset = 0
        self._before = b""
        self._text = ""
        self._modified = 0.0
        self._too_long = False
        self._decoder: codecs.IncrementalDecoder | None = None

    def read(self, most_bytes: int = CHUNK) -> list[str]:
        """Return the whole lines that came since the last call, reading about `most_bytes`.

        The file is opened anew each time: on NFS an open file's size is cached, and a file may be replaced.

        Raises:
            SessionError: it is gone, cannot be read, or is no text.
        """
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                identity = found.st_dev, found.st_ino
                file.seek(max(0, self._offset - len(self._before)))
                same = file.read(len(self._before)) == self._before
                if not same or self._identity not in (None, identity):
                    self.restarts += 1
                    self._begin()
                self._identity = identity
                self._modified = found.st_mtime
                file.seek(self._offset)
                content = file.read(most_bytes)
        except FileNotFoundError:
            raise SessionError(f"{safe(str(self.path))} is gone.") from None
        except OSError as error:
            raise SessionError(
                f"{safe(str(self.path))}: cannot be read ({error.strerror})."
            ) from None
        self._offset += len(content)
        self._before = (self._before + content)[-COMPARED:]
        self.behind = self._offset < found.st_size
        return self._split(content)

    @property
    def rest(self) -> str:
        """The last line as far as it goes, which nothing ends yet; `read` gives it once something does."""
        return "" if self.behind else self._text.rstrip("\r")

    @property
    def quiet_seconds(self) -> float:
        """For how long nothing was written."""
        return time.time() - self._modified

    def anew(self) -> None:
        """Begin at the first byte again: what stands there changed."""
        self._begin()

    def _split(self, content: bytes) -> list[str]:
        if self._decoder is None:
            if not content:
                return []
            encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
            if encoding.startswith("utf-8") and b"\0" in content[:4096]:
                raise SessionError(f"{safe(str(self.path))} is no text: it holds zero bytes.")
            self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        *whole, self._text = (self._text + self._decoder.decode(content)).split("\n")
        if whole and self._too_long:
            self._too_long = False
            whole = whole[1:]
            self.skipped += 1
        if len(self._text) > LONGEST_LINE:
            self._text, self._too_long = "", True
        kept = [line.rstrip("\r") for line in whole if len(line) <= LONGEST_LINE]
        self.skipped += len(whole) - len(kept)
        return kept
