"""Dotted keys: flattening and assigning are inverse, and `--set` understands what people type."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from valtui_trainer.presets import keys
from valtui_trainer.presets.errors import PresetError
from valtui_trainer.presets.library import Library
from valtui_trainer.presets.read import convert, read_table
from valtui_trainer.presets.types import Preset, Study

settings.register_profile("unhurried", deadline=None)  # the machine is shared
settings.load_profile("unhurried")

names = st.text("abcdefgh_-", min_size=1, max_size=5)
leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers())
tables = st.dictionaries(
    names,
    st.recursive(
        leaves, lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3), max_leaves=8
    ),
    max_size=4,
)


@given(tables)
def test_assigning_every_flat_key_rebuilds_the_table(table: keys.Table) -> None:
    rebuilt: keys.Table = {}

    for key, value in keys.flatten(table).items():
        rebuilt = keys.assign(rebuilt, key, value)

    assert rebuilt == table


@given(tables, tables)
def test_merging_leaves_both_tables_as_they_were(below: keys.Table, above: keys.Table) -> None:
    before = msgspec.json.encode([below, above])

    merged = keys.merge(below, above)

    assert msgspec.json.encode([below, above]) == before
    assert keys.merge(merged, above) == merged


@given(st.sampled_from(keys.known_keys()))
def test_every_known_key_can_be_set_to_its_own_default(key: str) -> None:
    value = keys.settings(Preset())[key]

    table = keys.assign(msgspec.to_builtins(Preset()), key, value)

    assert convert(table, Preset, "test") == Preset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("batch_size=64", ("batch_size", 64)),
        (" batch_size = 64 ", ("batch_size", 64)),
        ("learning_rate=1e-4", ("learning_rate", 1e-4)),
        ("shuffle=False", ("shuffle", False)),
        ("shuffle=true", ("shuffle", True)),
        ("val_size=none", ("val_size", None)),
        ("data=a=b.npz", ("data", "a=b.npz")),
        ("seeds=[3, 4]", ("seeds", [3, 4])),
        ("eval_every=50 steps", ("eval_every", "50 steps")),
        ("data=", ("data", "")),
    ],
)
def test_an_assignment_is_read_as_a_person_means_it(text: str, expected: object) -> None:
    assert keys.parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["batch_size", "", "=", "=3", "batch_size 64"])
def test_an_assignment_without_key_or_equals_is_refused(text: str) -> None:
    with pytest.raises(PresetError, match="has no '='"):
        keys.parse_assignment(text)


def test_an_unknown_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(PresetError, match=r"model\.dropout"):
        keys.parse_assignment("model.dropuot=0.1")


@given(st.text())
def test_any_text_as_assignment_is_understood_or_refused_in_words(text: str) -> None:
    try:
        key, _ = keys.parse_assignment(text)
    except PresetError:
        return
    assert key in keys.known_keys()


@given(st.sampled_from(keys.known_keys()), st.text())
def test_any_value_of_any_key_is_taken_or_refused_in_words(key: str, raw: str) -> None:
    table = keys.assign(msgspec.to_builtins(Preset()), key, keys.parse_value(raw))

    refusal = None
    try:
        preset = convert(table, Preset, "--set")
    except PresetError as error:
        refusal = str(error)

    if refusal is not None:
        assert key in refusal
    else:
        assert msgspec.json.decode(msgspec.json.encode(preset), type=Preset) == preset


toml_lines = st.lists(
    st.one_of(
        st.text(max_size=30),
        st.builds(
            "{} = {}".format,
            st.sampled_from([*keys.known_keys(), "extends", "question", "presets", "modle.width"]),
            st.sampled_from(
                ["1", "-1", "0.5", "nan", "inf", "1e400", '"x"', "[1]", "{}", "true", '"\\ud800"',
                 "2024-01-01", "[[1]]", "{ a = 1 }", str(2**70), "'''\n'''"]
            ),
        ),
        st.sampled_from(["[model]", "[optimizer]", "[[model]]", "[a.b.c]", "[", "]", "=", "\x00"]),
    ),
    max_size=8,
)  # fmt: skip


@settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(toml_lines)
def test_any_text_as_a_file_is_a_preset_or_refused_in_words(
    tmp_path: Path, lines: list[str]
) -> None:
    path = tmp_path / "random.toml"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))

    refusals = []
    for kind in (Preset, Study):
        try:
            convert(read_table(path), kind, path)
        except PresetError as error:
            refusals.append(str(error))

    assert all(str(path) in refusal for refusal in refusals)


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    st.binary(max_size=200)
    | toml_lines.map(lambda lines: "\n".join(lines).encode("utf-8", "replace"))
)
def test_the_library_raises_nothing_but_preset_errors(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "random.toml"
    path.write_bytes(content)
    library = Library()

    for ask in (library.preset, library.study, library.is_study):
        try:
            ask(str(path))
        except PresetError:
            continue
