"""`safe`: whatever it is given, a terminal only shows it."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hostile.witness import ATTACKS, MARKUP, any_text, assert_harmless, shows, texts, watch
from valtui_trainer.session.safe import LONGEST, MOST_MARKS, safe, safe_json


@given(any_text)
@settings(max_examples=300, deadline=None)
def test_any_text_moves_the_cursor_to_the_right_and_does_nothing_else(text: str) -> None:
    sent = safe(text)

    witness = watch(sent.encode(), columns=LONGEST + 1)

    assert_harmless(sent.encode())
    assert witness.screen.cursor.y == 0
    if sent.isascii():
        assert witness.screen.cursor.x == len(sent)


@given(any_text)
@settings(max_examples=300, deadline=None)
def test_every_character_of_the_output_is_printable_or_a_space(text: str) -> None:
    assert all(character.isprintable() for character in safe(text))
    assert all(map(shows, safe(text)))


@given(any_text, st.integers(1, 50))
@example("\x1b" * LONGEST, LONGEST)
@example("\u0301" * LONGEST, LONGEST)
@settings(max_examples=300, deadline=None)
def test_what_is_safe_stays_as_it_is_and_as_short_as_was_asked(text: str, longest: int) -> None:
    once = safe(text, longest)

    assert safe(once, longest) == once
    assert len(once) <= longest


@given(st.characters(max_codepoint=0x10FFFF))
@settings(max_examples=500, deadline=None)
def test_no_single_character_gets_through_unless_it_shows(character: str) -> None:
    assert all(map(shows, safe(character)))


@pytest.mark.parametrize("category", ["Cc", "Cf", "Zl", "Zp", "Cs", "Co"])
def test_no_character_of_a_harmful_category_gets_through(category: str) -> None:
    harmful = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == category]

    shown = [one for one in harmful[:3000] + harmful[-200:] if one in safe(f"x{one}")]

    assert harmful
    assert shown == []


@pytest.mark.parametrize("text", [*MARKUP, "batch-32", "größe σ² ✓", "日本語", "e\u0301", "नमस्ते"])
def test_text_that_only_shows_is_left_as_it_is(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_spelled_out(attack: str) -> None:
    assert attack not in safe(f"x{attack}y")
    assert len(safe(f"x{attack}y")) >= 3


def test_a_flood_of_marks_ends_after_a_few() -> None:
    shown = safe("e" + "\u0301" * 500)

    assert shown.startswith("e" + "\u0301" * MOST_MARKS + "\\u0301")
    assert shown.count("\u0301") == MOST_MARKS


def test_a_mark_without_a_character_to_stand_on_is_spelled_out() -> None:
    assert safe("\u0301x") == "\\u0301x"


@pytest.mark.parametrize("attack", ["\x1b[31m", "\x1b]0;PWNED\x07", "\x9b?25l", "\x08", "\x1bc"])
def test_the_watched_terminal_notices_what_gets_through(attack: str) -> None:
    assert watch(f"x{attack}y".encode()).told != []


@given(texts)
@settings(max_examples=200, deadline=None)
def test_a_json_document_says_the_same_and_is_harmless(text: str) -> None:
    document = json.dumps({"name": text}, ensure_ascii=False, indent=2)

    harmless = safe_json(document)

    assert json.loads(harmless) == {"name": text}
    assert_harmless(harmless.encode())
