"""The part of a report on one run: why it jumps, what was tried, who carries it, and how that was measured."""

from __future__ import annotations

from collections.abc import Iterator

from valtui import texts
from valtui.causes import arm_texts
from valtui.causes.rows import ranks
from valtui.causes.texts import LENS_NAMES, left
from valtui.causes.trials import ProofFound
from valtui.causes.types import Causes, Group, span_words
from valtui.explanations import EXPLANATIONS, sections
from valtui.export.picture.intervals import draw_intervals
from valtui.export.picture.of_session import left_rows
from valtui.export.report.html import details, drawing, figure, listed, table, text
from valtui.export.report.images import hardest_images
from valtui_trainer.session.records import Check

WIDE, NARROW = 760.0, 340.0
SIGNS = {"sound": "✓", "doubtful": "?", "failed": "✕", "unknown": "–"}
MOST_GROUPS = 12


def why(causes: Causes, number: int) -> str:
    """Return the section of one run."""
    return f'<section class="run"><h2>{number} {text(causes.run)}</h2>{"".join(parts(causes))}</section>'  # fmt: skip


def parts(causes: Causes) -> Iterator[str]:
    """Yield what is said of a run, the verdict first."""
    yield f'<p class="verdict">{text(causes.sentence)}</p>'
    seeds = texts.counted(len(causes.seeds), "seed")
    yield (
        f"<p>{texts.counted(causes.evaluations, 'evaluation')} ({text(span_words(causes))}) of "
        f"{seeds}, {texts.samples_words(causes.samples)}. {volatility(causes)}</p>"
    )
    rows = left_rows(causes)
    if rows and causes.evaluations:
        title = "Volatility left, if …"
        yield drawing(
            draw_intervals(title, rows, WIDE, reference=1.0),
            draw_intervals(title, rows, NARROW, reference=1.0),
            "100 % is all of it; rows overlap and need not sum to it. Bars are 90 % intervals (95 % for arms). Grey: no cause.",
        )
        yield details("The same in numbers", lens_table(causes))
    yield trials(causes)
    yield facts(causes)
    yield who(causes)
    yield measured(causes)


def volatility(causes: Causes) -> str:
    """Return the relative and the absolute volatility in a sentence."""
    relative, absolute = causes.relative, causes.absolute
    if relative.value != relative.value:
        return "These are too few for a volatility."
    return (
        "From one evaluation to the next the loss moves by "
        + figure(texts.percent(relative), relative.value, f"{causes.run} volatility_relative")
        + " of itself, "
        + figure(texts.absolute(absolute), absolute.value, f"{causes.run} volatility")
        + " (90 % interval)."
    )


def lens_table(causes: Causes) -> str:
    """Return the rows of the lenses with rank, change of the mean loss, cost, and what to do."""
    places = ranks(causes)
    rows = []
    for row in causes.rows:
        told = row.why if row.left is None else left(row.left)
        value = None if row.left is None else row.left.value
        change = "" if row.mean_change is None else texts.signed_percent(row.mean_change)
        rows.append(
            (
                text(LENS_NAMES[row.id]), str(places.get(row.id, "–")),
                figure(told, value, f"{causes.run} {row.id}"), change,
                texts.cost(row.cost) if row.cost else "", text(row.remedy),
            )
        )  # fmt: skip
    header = ("if taken …", "rank", "volatility left", "mean loss", "cost", "what to do")
    return table(header, rows, "rows")


def trials(causes: Causes) -> str:
    """Return what was tried by training otherwise: probes, noise scale, proofs."""
    found = causes.trials
    if not (found.probes or found.proofs):
        return ""
    said = [f"Probe {text(arm_texts.STATES[one.status.state])}: {text(arm_texts.probe_words(one))}." for one in found.probes]  # fmt: skip
    if found.noise is not None:
        said.append(
            f"Gradient noise: {text(arm_texts.noise_words(found.noise, causes.batch_size))}."
        )
    proofs = table(
        ("proof", "predicted", "came out", "outcome", "by"), [proof(one) for one in found.proofs]
    )
    return "<h3>What was tried</h3>" + listed(said) + (proofs if found.proofs else "")


def proof(found: ProofFound) -> tuple[str, ...]:
    """Return the cells of a proof."""
    value = found.left[0] if found.left is not None else None
    sign, _ = arm_texts.OUTCOMES[found.outcome]
    return (
        text(arm_texts.name_of(found.spec.arm)),
        text(arm_texts.predicted_words(found)),
        figure(arm_texts.came_out_words(found), value, f"proof {found.spec.id}"),
        f"{sign} {text(arm_texts.proof_words(found))}",
        text(arm_texts.progress_words(found)),
    )


def facts(causes: Causes) -> str:
    """Return overfitting, the best evaluation, what the set can show, checks and notes."""
    said = []
    over, best = causes.overfitting, causes.best
    if over is not None:
        said.append(
            f"Overfits since {texts.at(causes.unit, over.epoch)} (step {over.step}): the loss has risen by "
            + figure(texts.number(over.rise, 2), over.rise, f"{causes.run} overfitting")
            + f" since, p = {texts.number(over.p, 2)}."
        )
    elif causes.overfitting_why:
        said.append(f"Overfitting: {text(causes.overfitting_why)}")
    if best is not None:
        flattered = f", flattered by its choice by {texts.number(best.optimism, 2)}" * bool(
            best.optimism
        )
        said.append(
            "Best evaluation: "
            + figure(texts.number(best.loss), best.loss, f"{causes.run} best")
            + f" at {texts.at(causes.unit, best.epoch)}{flattered}; {len(best.look_alikes)} others "
            "cannot be told from it."
        )
    if causes.smallest_jump is not None:
        said.append(
            "A jump below "
            + figure(texts.number(causes.smallest_jump, 2), causes.smallest_jump, f"{causes.run} smallest_jump")
            + " is within what this validation set shows by chance (z = 2)."
        )  # fmt: skip
    sound = [check(one) for one in causes.checks if one.outcome == "sound"]
    said += [check(one) for one in causes.checks if one.outcome != "sound"]
    said += [text(note) for note in causes.notes]
    passed = texts.counted(len(sound), "check")
    more = details(f"✓ {passed} found the measurement sound", listed(sound)) if sound else ""
    return f"<h3>Checks and facts</h3>{listed(said)}{more}" if said or sound else ""


def check(one: Check) -> str:
    """Return the outcome of a check."""
    sign = SIGNS.get(one.outcome, "–")
    name = f'<span class="check {text(one.outcome)}">{sign} {text(one.check)}</span>'
    return f"{name} {text(one.message)}"


def who(causes: Causes) -> str:
    """Return who carries the volatility: the hardest samples as images, classes and quarters."""
    found = ""
    hard = causes.hardest
    if hard is not None:
        interval = texts.percent_interval(hard.interval)
        carried = figure(f"{texts.share(hard.share)} {interval}".rstrip(), hard.share, f"{causes.run} hardest")  # fmt: skip
        found += (
            f"<p>The hardest {hard.count} of {causes.samples:,} samples carry {carried} of the squared "
            f"volatility, chosen on one half of the evaluations and scored on the other "
            f"({texts.share(hard.permuted)} if none were hard).</p>{hardest_images(hard)}"
            '<p class="note">* of single samples: in-sample, so too high</p>'
        )
    elif causes.hardest_why:
        found += f"<p>Hardest samples: {text(causes.hardest_why)}</p>"
    groups = [*causes.classes[:MOST_GROUPS], *causes.qualities]
    if groups:
        rows = [group_row(one, causes) for one in groups]
        shares = table(("group", "samples", "share of the squared volatility"), rows)
        found += details("Classes, and quarters of brightness, contrast and sharpness", shares)
    elif causes.groups_why:
        found += f"<p>Classes: {text(causes.groups_why)}</p>"
    return f"<h3>Who carries it</h3>{found}" if found else ""


def group_row(one: Group, causes: Causes) -> tuple[str, ...]:
    """Return the cells of a class or quarter."""
    kind = "class " if one.kind == "class" else ""
    told = f"{texts.share(one.share)} {texts.percent_interval(one.interval)}".rstrip()
    what = f"{causes.run} {one.kind} {one.name}"
    return text(kind + one.name), f"{one.size:,}", figure(told, one.share, what)


def measured(causes: Causes) -> str:
    """Return how each figure of the run was measured, with its numbers."""
    wanted = ["verdict", "volatility", *(row.id for row in causes.rows)]
    wanted += [arm.id for arm in causes.trials.arms if arm.look is not None]
    found = []
    for identity in dict.fromkeys(wanted):
        if identity in EXPLANATIONS:
            here = next(
                said for head, said in sections(identity, causes) if head.startswith("How it was")
            )
            found.append(f"<b>{text(EXPLANATIONS[identity].title)}</b>: {text(here)}")
    return details("How it was measured here", listed(found))


def glossary(causes: list[Causes]) -> str:
    """Return what each figure is, its formula, its source, and where it misleads."""
    tried = {arm.id for one in causes for arm in one.trials.arms if arm.look is not None}
    shown = {row.id for one in causes for row in one.rows}
    found = []
    for identity, one in EXPLANATIONS.items():
        if (
            identity in ("verdict", "volatility", "overfitting", "best")
            or identity in tried | shown
        ):
            inside = "".join(
                f"<dt>{head}</dt><dd>{text(said)}</dd>"
                for head, said in (
                    ("What it is", one.what), ("Formula", one.formula), ("Settings", one.defaults),
                    ("Source", one.source), ("Where it misleads", one.misleads),
                    ("What to do", one.remedy),
                )
                if said
            )  # fmt: skip
            found.append(details(text(one.title), f"<dl>{inside}</dl>"))
    return "".join(found)
