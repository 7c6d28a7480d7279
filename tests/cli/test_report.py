"""`report`: one page with everything in it, as a browser shows it on a desk, a phone, paper and in the dark."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from support.browser import browser as browser  # a fixture
from support.commands import valtui
from support.fluctuating import losses_of, write_run
from support.probed import LOOKS, ProbeWriter, run_beside, write_proof
from support.sessions import begin_attempt, make_session, new_session
from valtui.cli.main import main
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.about import write_about
from valtui_trainer.session.documents import read_document, write_document
from valtui_trainer.session.listing import runs_of
from valtui_trainer.session.records import SessionSpec

HOSTILE = "</script><img src=x onerror=alert(1)><b>&\x1b[31m"


def report(path: Path, *arguments: str) -> str:
    """Write a report and return it."""
    assert main(["report", *arguments, "-o", str(path)]) == 0
    return path.read_text(encoding="utf-8")


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """Return what a command prints with `--json`."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def studied(home: Path) -> Path:
    """A run with lenses, samples, a probe and a proof."""
    losses = losses_of(common=0.5, own=1.0)
    calibrated = losses.mean(axis=1) * 0.8
    session, run = write_run(home, losses, {"val_loss_calibrated": calibrated})
    (_, spec), *_ = runs_of(session)
    probe = ProbeWriter(session, run.id)
    probe.end(looks=[LOOKS, LOOKS])
    proof = write_proof(session, spec)
    run_beside(session, spec, proof, proof.arm_run, 20, 0.02, 1)
    run_beside(session, spec, proof, proof.control_run, 20, 0.06, 2)
    return session.folder


@pytest.fixture
def page(browser: Any, studied: Path, tmp_path: Path) -> Iterator[Any]:
    """The report of `studied` in a browser, with all that went wrong or over the network in `page.heard`."""
    path = tmp_path / "r.html"
    report(path)
    page = browser.new_page(viewport={"width": 1100, "height": 800}, color_scheme="light")
    page.heard = []
    page.on("console", lambda message: page.heard.append(message.text))
    page.on("pageerror", lambda error: page.heard.append(str(error)))
    page.on("request", lambda request: page.heard.append(request.url))
    page.goto(path.as_uri())
    yield page
    page.close()


def test_the_page_loads_nothing_and_complains_of_nothing(page: Any) -> None:
    (itself,) = page.heard

    assert itself.startswith("file://")
    assert page.locator("svg.at-a-desk polyline").count() > 10
    assert page.evaluate("[...document.images].every(one => one.naturalWidth === 14)")
    assert page.locator("img").count() > 0


def test_its_figures_are_those_of_the_commands(
    page: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = {
        one["what"]: float(one["value"])
        for one in page.evaluate(
            "[...document.querySelectorAll('.figure')].map(one => ({...one.dataset}))"
        )
        if one["value"]
    }
    compare = document(capsys, "compare")
    causes = document(capsys, "causes")

    for run in compare["runs"]:
        for column, value in (
            ("val loss", run["val_loss_last_window"]["mean"]),
            ("volatility", run["volatility"]["value"]),
            ("in %", run["volatility_relative"]["value"]),
            ("best", run["best"]["val_loss"]),
        ):
            assert shown[f"{run['id']} compare {column}"] == value
    for run in causes["runs"]:
        assert shown[f"{run['run']} volatility_relative"] == run["volatility_relative"]["value"]
        for row in run["rows"]:
            if row["left"] is not None:
                assert shown[f"{run['run']} {row['id']}"] == row["left"]["value"]
    assert json.loads(page.locator("#compare").text_content()) == compare
    assert json.loads(page.locator("#causes").text_content()) == causes
    assert any(run["rows"][0]["left"] for run in causes["runs"])


def test_it_tells_verdict_probe_proof_and_how_it_was_measured(
    page: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    text = re.sub(r"\s+", " ", page.locator("main").text_content())
    causes = document(capsys, "causes")

    for run in causes["runs"]:
        assert run["verdict"]["sentence"] in text
    for words in (
        "What was tried",
        "Probe done",
        "predicted",
        "How it was measured here",
        "Formula",
    ):
        assert words in text


def test_on_a_phone_nothing_lies_beside_the_screen(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 700})

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("svg.on-a-phone").first.is_visible()
    assert not page.locator("svg.at-a-desk").first.is_visible()


def colours(page: Any) -> tuple[str, str]:
    """Return the colours of the page's text and ground."""
    found = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    return found[0], found[1]


def brightness(colour: str) -> float:
    """Return the mean of a colour's parts."""
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_it_is_light_or_dark_as_the_system_is_and_light_on_paper(page: Any) -> None:
    text, ground = colours(page)
    assert brightness(text) < 60 < 240 < brightness(ground)

    page.emulate_media(color_scheme="dark")
    text, ground = colours(page)
    assert brightness(text) > 200 > 60 > brightness(ground)

    page.emulate_media(color_scheme="dark", media="print")
    text, ground = colours(page)
    assert brightness(text) < 60 < 240 < brightness(ground)
    assert page.pdf()[:5] == b"%PDF-"


def test_names_from_outside_are_shown_and_do_nothing(
    browser: Any, home: Path, tmp_path: Path
) -> None:
    new_session(home, {"batch-32": Preset()}, question=HOSTILE)
    path = tmp_path / "r.html"
    written = report(path)
    page = browser.new_page()
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.message))
    page.goto(path.as_uri())

    assert "\x1b" not in written
    assert "onerror=alert(1)>" in page.locator(".question").text_content()
    assert page.locator("img").count() == 0
    assert json.loads(page.locator("#show").text_content())["question"] == HOSTILE
    assert asked == []
    page.close()


def test_runs_that_have_not_begun_failed_or_lost_their_numbers_have_a_page_too(
    home: Path, tmp_path: Path
) -> None:
    session, specs = new_session(home, {"queued": Preset(), "broken": Preset(), "flat": Preset()})
    broken = begin_attempt(session.run("broken"), specs[1])
    for step in range(10, 200, 10):
        broken.evaluate(
            step, 0, None if step > 90 else 1.0, nf={"val_loss": "nan"} if step > 90 else None
        )
    broken.finish("failed", 190, reason="The loss is not finite.")
    flat = begin_attempt(session.run("flat"), specs[2])
    for step in range(10, 300, 10):
        flat.evaluate(step, 0, 0.5)

    written = report(tmp_path / "r.html")

    assert "nothing to draw yet" not in written.split("train loss")[0]
    assert "NaN" not in written.split("<script")[0]
    for name in ("queued", "broken", "flat"):
        assert f"{name}</h2>" in written


def test_seeds_have_bands_and_many_runs_have_their_names(home: Path, tmp_path: Path) -> None:
    make_session(home, {f"preset-{n}": Preset() for n in range(12)}, seeds=(0, 1))

    written = report(tmp_path / "r.html")

    assert written.count("<polygon") >= 2 * 12 * 2
    assert "12 preset-11" in written


def test_a_page_does_not_tell_where_files_lie(home: Path, tmp_path: Path) -> None:
    presets = {
        "one": Preset(data="/home/some body/photos"), "two": Preset(data="/home/somebody/digits.npz"),
    }  # fmt: skip
    session, writers = make_session(home, presets)
    spec = read_document(session.spec, SessionSpec)
    assert spec is not None
    command = ["valtui", "run", "one", "--home", str(home), "--set", "data=/home/some body/photos"]
    write_document(session.spec, replace(spec, command=command))
    writers[0].finish("failed", 390, reason="FileNotFoundError: /home/somebody/photos/1.png")
    write_about(session, name="on /mnt/a", note="all of /mnt/a/b/ is gone")

    written = report(tmp_path / "r.html")

    assert str(home) not in written
    assert "somebody" not in written
    assert "some body" not in written
    for told in ("--set data=photos", "digits.npz", "FileNotFoundError: 1.png"):
        assert told in written
    for own in ("on /mnt/a", "all of /mnt/a/b/ is gone"):
        assert own in written


def test_a_page_is_written_whole_and_only_over_a_page(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home)
    path = tmp_path / "r.html"
    report(path)
    report(path)  # its own kind is overwritten
    other = tmp_path / "notes.html"
    other.write_text("mine: make the valtui report nicer")

    for target, words in (
        (tmp_path, "is a folder; name a file"),
        (tmp_path / "none" / "r.html", "is no folder; make it first"),
        (other, "is there already and no report; --force overwrites it"),
    ):
        assert main(["report", "-o", str(target)]) == 2
        assert words in capsys.readouterr().err
    assert other.read_text() == "mine: make the valtui report nicer"
    assert main(["report", "-o", str(other), "--force"]) == 0
    assert other.read_text().startswith("<!doctype html>")
    assert {one.name for one in tmp_path.iterdir() if one.suffix != ".html"} == {"home"}


def test_a_page_can_be_piped(home: Path, tmp_path: Path) -> None:
    make_session(home)

    piped = valtui("report", "-o", "-", cwd=tmp_path).stdout

    assert piped.startswith("<!doctype html>")
    assert piped.endswith("</body></html>\n")
    assert list(tmp_path.glob("*.html")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_a_sentence(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_session(home)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)

    assert main(["report", "-o", str(closed / "r.html")]) == 1
    assert "cannot be written" in capsys.readouterr().err
