"""The page: head, answer, curves, comparison, each run, settings, machine, how to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.resources import files

from valtui import pair_words, texts
from valtui.export.picture.chart import draw_chart
from valtui.export.picture.colours import DARK, LIGHT
from valtui.export.picture.of_session import chart_of
from valtui.export.report.content import Content
from valtui.export.report.html import (
    as_written,
    details,
    drawing,
    figure,
    json_block,
    last_names,
    listed,
    table,
    text,
)
from valtui.export.report.why import NARROW, WIDE, glossary, why
from valtui.figures import RunFigures
from valtui_trainer.presets.keys import show_value
from valtui_trainer.session.described import described, varying

MADE_BY = "valtui report"
BEGINNING = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    f'<meta name="generator" content="{MADE_BY}">'
)
"""Of every page, so that a page can be overwritten and no other file is."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
WIDE_HEIGHT, NARROW_HEIGHT = 330.0, 300.0
CHARTS = (
    ("val_loss", True, "◆ lowest so far, ▲ spike, ✕ not finite, dashed: resumed. Bands: lowest to highest of the seeds."),
    ("percent", False, "What is left of the jumps after the trend, over 10 evaluations; the band is its 90 % interval. Faint while the curve still falls steeply."),
    ("train_loss", True, "Mean since the last record, in train mode."),
)  # fmt: skip

EXACT: dict[str, Callable[[RunFigures], float | None]] = {
    "val loss": lambda one: one.level.mean,
    "best": lambda one: one.best.loss if one.best is not None else None,
    "volatility": lambda one: one.absolute.value,
    "in %": lambda one: one.relative.value,
    "ratio": lambda one: one.ratio.value if one.ratio is not None else None,
}
"""The number behind a cell of the comparison, by its column."""


def page(content: Content) -> str:
    """Return the whole page."""
    title = title_of(content)
    return (
        f"{BEGINNING}"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title} · valtui</title><style>{style()}</style></head>"
        f"<body><main>{''.join(sections_of(content))}</main>"
        f"{''.join(blocks(content))}</body></html>\n"
    )


def style() -> str:
    """Return the style of the page, with its inks."""
    inks = "\n".join(
        f"{where} {{ {' '.join(f'--{ink}: {colour};' for ink, colour in table_.items())} }}"
        for where, table_ in ((":root", LIGHT),)
    )
    dark = " ".join(f"--{ink}: {colour};" for ink, colour in DARK.items())
    sheet = (files("valtui.export.report") / "report.css").read_text(encoding="utf-8")
    return (
        f"{inks}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{sheet}"
    )


def sections_of(content: Content) -> Iterator[str]:
    """Yield the sections, the answer first."""
    yield head(content)
    yield answer(content)
    yield curves(content)
    yield comparison(content)
    for number, one in enumerate(content.causes, start=1):
        yield why(one, number)
    yield settings(content)
    yield machine(content)
    found = glossary(list(content.causes))
    yield f'<section class="glossary"><h2>How to read it</h2>{found}</section>' if found else ""
    yield (
        f"<footer>{text(MADE_BY)} {text(content.version)}, {text(content.written)}. The figures stand in "
        "this page as JSON too, in the elements <code>show</code>, <code>compare</code> and "
        "<code>causes</code>.</footer>"
    )


def title_of(content: Content) -> str:
    """Return the name that a person gave the session, or what it trains."""
    return as_written(content.name) or text(content.feed.spec.title)


def head(content: Content) -> str:
    """Return title, question, when and where."""
    spec = content.feed.spec
    title = title_of(content)
    also = f" · {text(spec.title)}" if content.name and content.name != spec.title else ""
    runs = len(content.feed.runs)
    question = f'<p class="question">{text(spec.question)}</p>' if spec.question else ""
    note = f'<p class="said">{as_written(content.note)}</p>' if content.note else ""
    where = ", ".join(filter(None, (text(spec.host), text(spec.device))))
    when = text(spec.created.replace("T", " ").removesuffix("Z"))
    return (
        f'<header><h1>{title}</h1>{question}{note}<p class="when">{texts.counted(runs, "run")} · '
        f"started {when} UTC{f' on {where}' if where else ''}{also}</p></header>"
    )


def answer(content: Content) -> str:
    """Return the verdict of each run in a sentence."""
    if not content.causes:
        return "<section><h2>Why it jumps</h2><p>There is no run yet.</p></section>"
    said = (
        f'<b class="s{(number - 1) % 9 + 1}">{number} {text(one.run)}</b> {text(one.sentence)}'
        for number, one in enumerate(content.causes, start=1)
    )
    return f'<section class="answer"><h2>Why it jumps</h2>{listed(said)}</section>'


def curves(content: Content) -> str:
    """Return the charts."""
    drawn = [
        drawing(
            draw_chart(chart, WIDE, WIDE_HEIGHT), draw_chart(chart, NARROW, NARROW_HEIGHT), caption
        )
        for what, log, caption in CHARTS
        for chart in (chart_of(content.curves, what, log),)
    ]
    return f"<section><h2>Curves</h2>{''.join(drawn)}</section>"


def comparison(content: Content) -> str:
    """Return the runs side by side in numbers, and what can be told of each pair."""
    rows = [
        [
            figure(cell, EXACT[name](one), f"{one.id} compare {name}") if name in EXACT else text(cell)
            for name, cell in zip(content.header, row, strict=True)
        ]
        for one, row in zip(content.figures, content.rows, strict=True)
    ]  # fmt: skip
    said = listed(text(pair_words.say(pair).sentence) for pair in content.pairs)
    return (
        "<section><h2>Side by side</h2>"
        + table([text(name) for name in content.header], rows, "compare")
        + said
        + details("What the columns are", listed(map(text, content.remarks)))
        + "</section>"
    )


def settings(content: Content) -> str:
    """Return the settings: those in which the runs differ, then all."""
    specs = [run.spec for run in content.feed.runs]
    tables = [described(spec) for spec in specs]
    keys = list(dict.fromkeys(key for one in tables for key in one))
    differing = varying(specs)
    header = ["setting", *(text(spec.id) for spec in specs)]

    def rows(chosen: list[str]) -> list[list[str]]:
        return [
            [text(key), *(text(show_value(one[key], key)) if key in one else "–" for one in tables)]
            for key in chosen
        ]

    differ = [key for key in keys if key in differing]
    shown = table(header, rows(differ)) if differ else ""
    everything = details("All settings", table(header, rows(keys))) if keys else ""
    if not keys:
        everything = "<p>The program that trained these told none.</p>"
    return f"<section><h2>Settings</h2>{shown}{everything}</section>"


def machine(content: Content) -> str:
    """Return versions, device, data and the command."""
    spec = content.feed.spec
    facts: list[tuple[str, str]] = [
        ("session", spec.id),
        ("command", " ".join(map(last_names, spec.command))),
        ("versions", ", ".join(f"{name} {version}" for name, version in spec.versions.items())),
    ]
    for run in content.feed.runs:
        start = run.start
        if start is None:
            continue
        versions = ", ".join(f"{name} {version}" for name, version in start.versions.items())
        shape = "×".join(map(str, start.image_shape))
        data = (
            f"{last_names(start.data_source)}: {start.train_size:,} training, {start.val_size:,} validation images, "
            f"{shape}, {start.classes} classes; data {start.data_digest}, split {start.split_digest}"
            if start.data_source
            else ""
        )
        device = " ".join(filter(None, (start.device, start.device_name)))
        seeds = "seeds " + ", ".join(map(str, run.spec.seeds))
        parameters = f"{start.parameters:,} parameters" if start.parameters else ""
        state = run.status.state.lower()
        told = "; ".join(filter(None, (state, device, seeds, parameters, data, versions)))
        facts.append((run.id, told))
    rows = [(text(name), text(said)) for name, said in facts if said]
    return f"<section><h2>Machine and data</h2>{table(('', ''), rows, 'facts')}</section>"


def blocks(content: Content) -> Iterator[str]:
    """Yield the documents for programs."""
    for name in ("show", "compare", "causes"):
        yield json_block(name, getattr(content.documents, name))
