"""The words of a PNG are legible, whatever fonts a machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from valtui.export.picture import fonts
from valtui.export.picture.fonts import face_for, lacking
from valtui.export.picture.png import png_of
from valtui.export.picture.scene import Scene, Words

ROW = "8.1 % [6.2,\u200911] ▲2 – fünf−große ×3 ≥ 1"
IN_ASCII = "8.1 % [6.2, 11] ^2 - funf-grosse x3 >= 1"


def drawn(*texts: str) -> bytes:
    """A picture with texts below one another."""
    scene = Scene(400, 100, "texts")
    for place, text in enumerate(texts):
        scene.add(Words(0, 20 * (place + 1), text))
    return png_of(scene)


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any font of its own."""
    monkeypatch.setattr(fonts, "FACES", ("no-such-font.ttf",))


@pytest.mark.usefixtures("no_fonts")
def test_without_other_fonts_all_is_told_in_ascii() -> None:
    assert drawn(ROW) == drawn(IN_ASCII)
    assert drawn("神 run") == drawn("? run")
    assert drawn("") == drawn()


def test_a_font_of_the_machine_is_taken_where_it_has_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = pytest.importorskip("matplotlib")
    dejavu = str(Path(found.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
    monkeypatch.setattr(fonts, "FACES", ("no-such-font.ttf", dejavu))

    assert face_for(["plain words 8.1 %"]) == ""
    assert face_for(["plain", ROW]) == dejavu
    assert not lacking(dejavu, frozenset(ROW))
    assert drawn(ROW, "神") == drawn(ROW, "?")
