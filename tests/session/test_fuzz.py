"""A session folder with anything in any of its files: read, or refused in a sentence; never invented."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.open_files import close_all
from support.sessions import begin_attempt, make_session
from valtui.cli.main import main
from valtui.curves import RunCurves
from valtui.feed import SessionFeed
from valtui_trainer.session.documents import write_document
from valtui_trainer.session.errors import SessionError
from valtui_trainer.session.history import History, read_history
from valtui_trainer.session.layout import AttemptPaths, SessionPaths
from valtui_trainer.session.listing import runs_of, summaries
from valtui_trainer.session.records import Command
from valtui_trainer.session.state import run_status

T = TypeVar("T")
Point = tuple[int, int]

IDENTITY = "20260102T030405-batch-size-abcdef"
DEEP = {b"<lists>": b"[" * 20_000, b"<objects>": b'{"a":' * 5_000}
"""What such a word stands for in a damage, which then can be read when a test fails."""

VALUES = (
    "null", "true", "-1", "0", "1.5", "1e400", "-1e400", "1e300", "NaN", str(2**53), str(2**70),
    "1" + "0" * 308, "1" + "0" * 400, '""', '"x"', '"\\ud800"', '"\\u0000\\u001b[31m"', "[]", "[0, 0]",
    "{}", '{"step": "nan", "time": "+inf", "val_loss": "nan"}', "<lists>", "<objects>",
)  # fmt: skip
"""What a field is replaced by."""

LINES = (
    b"", b"{}", b"null", b"[1]", b"garbage", b"\xff\xfe", b"\x00" * 50, b'{"n": 1e400}', b"<lists>",
    b"<objects>", b'{"message": "\\ud800"}', str(2**70).encode(),
)  # fmt: skip
"""What stands between the lines of a log."""


@dataclass(frozen=True)
class Damage:
    """What is done to one file.

    Attributes:
        kind: missing, folder, bytes, cut, append, insert, line, double, backwards, field.
        file: which one, by its place among all.
        place: where in it, as a share.
        content: the bytes that are put there, a line, or a field's value.
        key: which field, by its place among all.
    """

    kind: str
    file: int
    place: float
    content: bytes
    key: int = 0


KINDS = (
    "missing", "folder", "bytes", "cut", "append", "insert", "line", "double", "backwards", "field",
    "field", "field",
)  # fmt: skip

damages = st.builds(
    Damage,
    kind=st.sampled_from(KINDS),
    file=st.integers(0, 60),
    place=st.floats(0, 1),
    content=st.one_of(
        st.binary(max_size=300),
        st.sampled_from(LINES),
        st.sampled_from(VALUES).map(str.encode),
    ),
    key=st.integers(0, 30),
)


def apply(damage: Damage, path: Path) -> None:
    """Do `damage` to the file at `path`, or nothing where it is gone already."""
    if not path.is_file():
        return
    damage = replace(damage, content=DEEP.get(damage.content, damage.content))
    content = path.read_bytes()
    place = int(damage.place * len(content))
    lines = content.splitlines(keepends=True)
    at = min(int(damage.place * len(lines)), max(0, len(lines) - 1))
    match damage.kind:
        case "missing":
            path.unlink()
        case "folder":
            path.unlink()
            path.mkdir()
        case "bytes":
            path.write_bytes(damage.content)
        case "cut":
            path.write_bytes(content[:place])
        case "append":
            path.write_bytes(content + damage.content)
        case "insert":
            path.write_bytes(content[:place] + damage.content + content[place:])
        case "line":
            path.write_bytes(b"".join([*lines[:at], damage.content + b"\n", *lines[at:]]))
        case "double":
            path.write_bytes(b"".join([*lines, *lines[at : at + 3]]))
        case "backwards":
            path.write_bytes(b"".join(reversed(lines)))
        case "field":
            change_field(damage, path, lines if path.suffix == ".jsonl" else [content], at)


def change_field(damage: Damage, path: Path, lines: list[bytes], at: int) -> None:
    """Give one field of a document, or of one line of a log, another value; any text may be one."""
    index = at if path.suffix == ".jsonl" else 0
    try:
        document = json.loads(lines[index])
    except (IndexError, ValueError, RecursionError):
        return
    if not isinstance(document, dict) or not document:
        return
    key = sorted(document)[damage.key % len(document)]
    document[key] = "PLACE"
    changed = json.dumps(document).encode().replace(b'"PLACE"', damage.content)
    end = b"\n" if lines[index].endswith(b"\n") else b""
    path.write_bytes(b"".join([*lines[:index], changed + end, *lines[index + 1 :]]))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of two runs with two seeds, one of them resumed, with every file that there can be."""
    home = tmp_path_factory.mktemp("whole")
    session, (first, second) = make_session(
        home, seeds=(0, 1), steps=60, status=None, identity=IDENTITY
    )
    first.event("warning", "slow")
    first.end("killed")
    resumed = begin_attempt(first.run, first.spec, from_step=40)
    resumed.curves(range(41, 81))
    resumed.beat(80)
    resumed.finish(step=80)
    second.end("exited")
    session.commands.mkdir(exist_ok=True)
    write_document(session.commands / "1.json", Command(id="1", command="stop", run=first.run.id))
    session.events.write_bytes(b'{"n":0,"time":1.0,"kind":"command","data":{"id":"1"}}\n')
    session.supervisor_lock.touch()
    first.run.lock.touch()
    close_all()
    return home


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Where damaged copies are made."""
    return tmp_path / "home"


def files_of(session: Path) -> list[Path]:
    """All files of a session, in order."""
    return sorted(path for path in session.rglob("*") if path.is_file())


def attempt(action: Callable[[], T]) -> T | None:
    """Return what `action` does, or None where it refuses in words."""
    try:
        return action()
    except SessionError as error:
        if not str(error).strip():
            raise
        return None


def written(paths: AttemptPaths, file: Path) -> list[Point]:
    """The steps and seeds that stand in a log, whatever else does, read by another parser."""
    found = []
    if file.is_file():
        for line in file.read_bytes().split(b"\n"):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict) and isinstance(record.get("step"), int):
                found.append((record["step"], record.get("seed")))
    return found


def is_subsequence(read: list[Point], source: list[Point]) -> bool:
    """Tell whether `read` stands in `source`, in that order."""
    rest = iter(source)
    return all(point in rest for point in read)


def check_history(session: SessionPaths, history: History, run: str) -> None:
    """Nothing was read that was not written, and steps of a seed rise."""
    attempts = [session.run(run).attempt(n) for n in session.run(run).attempt_numbers()]
    train = [point for one in attempts for point in written(one, one.train)]
    val = [point for one in attempts for point in written(one, one.val)]
    assert is_subsequence([(r.step, r.seed) for r in history.train], train)
    assert is_subsequence([(r.step, r.seed) for _, r in history.val], val)
    for seed in {r.seed for r in history.train}:
        steps = [r.step for r in history.train if r.seed == seed]
        assert steps == sorted(set(steps))


def check_feed(feed: SessionFeed) -> None:
    """The feed's figures, its losses of samples and the lines of its charts can be asked for."""
    for run in feed.runs:
        history = attempt(lambda run=run: read_history(run.paths))
        if history is not None:
            for seed, series in run.seeds.items():
                steps = [r.step for _, r in history.val if r.seed == seed]
                assert series.val["step"].tolist() == steps
                steps = [r.step for r in history.train if r.seed == seed]
                assert series.train["step"].tolist() == steps
        matrix = run.val_matrix()
        assert matrix.loss.shape == (len(run.seeds), len(matrix.step))
        for seed in run.seeds:
            losses = run.sample_losses(seed)
            assert losses.ndim == 2
        for axis in ("step", "epoch", "time"):
            curves = RunCurves(run, axis)
            curves.update(axis)
            curves.series("val_loss", 1, visible=True, focused=True)


def say(*words: str) -> int:
    """Run a command in this process; a refusal comes with a sentence."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    assert code in (0, 1, 2)
    assert code == 0 or err.getvalue().startswith("valtui: ")
    assert "Traceback" not in err.getvalue()
    return code


def read_all(home: Path) -> None:
    """Read a session in every way there is."""
    session = SessionPaths(home / "sessions" / IDENTITY)
    summaries(home)
    for run, spec in attempt(lambda: runs_of(session)) or []:
        del spec
        attempt(lambda run=run: run_status(run, supervised=False))
        history = attempt(lambda run=run: read_history(run))
        if history is not None:
            check_history(session, history, run.id)
    feed = attempt(lambda: SessionFeed(session))
    if feed is not None:
        attempt(feed.drain)
        check_feed(feed)
    for words in (["show", IDENTITY], ["compare", IDENTITY], ["sessions"]):
        say(*words, "--home", str(home))
        say(*words, "--json", "--home", str(home))
    say("export", IDENTITY, str(home / "out"), "--to", "csv", "--force", "--home", str(home))


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(damages, min_size=1, max_size=3))
def test_anything_in_any_file_is_read_or_refused_in_a_sentence(
    whole: Path, damaged: Path, list_of_damage: list[Damage]
) -> None:
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(whole, damaged)
    files = files_of(damaged / "sessions" / IDENTITY)
    for damage in list_of_damage:
        apply(damage, files[damage.file % len(files)])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_all(damaged)
