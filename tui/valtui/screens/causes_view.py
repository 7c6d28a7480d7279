"""Turns the causes of a run into what the widgets of the causes screen draw: rows, items, samples, groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from valtui import texts
from valtui.causes.rows import ranks
from valtui.causes.texts import LENS_NAMES, left
from valtui.causes.types import Causes, Group, Hard, Row, span_words
from valtui.screens.trials_view import arm_rows
from valtui.widgets.counterfactuals import Counterfactual
from valtui.widgets.group_bars import Bar, Kind
from valtui.widgets.half_blocks import Picture
from valtui.widgets.item_list import Item
from valtui.widgets.sample_strip import Sample
from valtui_trainer.measure.verdict import CAUSE_OF_CHECK
from valtui_trainer.session.records import CHECKS, Check
from valtui_trainer.session.safe import safe

SIGNS = {"sound": "✓", "doubtful": "!", "failed": "✕", "unknown": "?"}
CHECK_NAMES = {
    "frozen": "same weights twice",
    "zero-learning-rate": "epoch at learning rate 0",
    "averaging": "averaging",
    "last-batch": "last batch",
    "batchnorm-memory": "BatchNorm's memory",
    "order": "order",
    "overlap": "overlap",
    "resolution": "resolution",
}
KINDS = {"cause": "", "remedy": " (a remedy)", "description": " (a description)"}
NOT_RANKED = "remedies and descriptions, not ranked:"
OVERLAP = (
    "Rows overlap and need not sum to 100 %.  █ sure  ▓ to the estimate  ░ to the interval's end"
)
MOST_CLASSES = 10
CLASS_LENGTH = 40


def alarms(causes: Causes) -> list[Item]:
    """Return what stands above everything else: a verdict that it is unsound, and further failed checks."""
    found = []
    told = ""
    if causes.verdict.kind == "unsound":
        told = next(
            (name for name, cause in CAUSE_OF_CHECK.items() if cause in causes.verdict.causes), ""
        )
        found.append(Item(told or "verdict", "✕", "", safe(causes.sentence), "wrong", 3))
    for check in causes.checks:
        if check.outcome == "failed" and check.check != told:
            name = f"failed: {CHECK_NAMES.get(check.check, check.check)}"
            found.append(Item(check.check, "✕", name, safe(check.message), "wrong", 2))
    return found


def heads(causes: Causes) -> list[Item]:
    """Return the verdict, unless it stands above all, and the volatility it is about."""
    volatility = Item("volatility", "", "", volatility_words(causes), "dim", 3)
    if causes.verdict.kind == "unsound":
        return [volatility]
    return [Item("verdict", "", "", safe(causes.sentence), "strong", 3), volatility]


def volatility_words(causes: Causes) -> str:
    """Return what was looked at and how much it jumps."""
    what = (
        f"{span_words(causes)}: {texts.counted(causes.evaluations, 'evaluation')} × "
        f"{texts.counted(len(causes.seeds), 'seed')}, {texts.samples_words(causes.samples)}"
    )
    if causes.relative.constant:
        return f"{what}; no fluctuation"
    if causes.relative.points < 3:
        return f"{what}; too few for a volatility"
    return (
        f"{what}; volatility {texts.percent(causes.relative)} of the loss an evaluation "
        f"({texts.absolute(causes.absolute)} in loss)"
    )


def rows(causes: Causes) -> list[Counterfactual | str]:
    """Return the table: ranked causes, the rest below, what to bear in mind, and the arms.

    Arms that were looked at stand with the causes, for they are ranked with them.
    """
    places = ranks(causes)
    found: list[Counterfactual | str] = [
        counterfactual(row, str(places.get(row.id, "–")), causes)
        for row in causes.rows
        if row.kind == "cause"
    ]
    rest: list[Counterfactual | str] = []
    others = [row for row in causes.rows if row.kind != "cause"]
    if others:
        rest.append(NOT_RANKED)
        rest += [counterfactual(row, "·", causes) for row in others]
    if any(row.left is not None for row in causes.rows) or places:
        rest.append(OVERLAP)
    arms = arm_rows(causes)
    looked_at = any(arm.at_a_look for arm in causes.trials.arms)
    return [*found, *arms, *rest] if looked_at else [*found, *rest, *arms]


def counterfactual(row: Row, rank: str, causes: Causes) -> Counterfactual:
    """Return one row of the table."""
    name = LENS_NAMES.get(row.id, row.id) + KINDS[row.kind]
    if row.left is None:
        return Counterfactual(row.id, rank, name, "", None, 0, 0, (), f"no answer: {safe(row.why)}")
    value, interval = row.left.value, row.left.interval
    figure = left(row.left)
    if interval is None:
        figure += f" (n = {causes.evaluations}: no interval)"
    return Counterfactual(
        key=row.id,
        rank=rank,
        name=name,
        figure=figure,
        value=value,
        low=interval.low if interval else value,
        high=interval.high if interval else value,
        notes=(change_words(row), cost_words(row)),
        why="",
    )


def change_words(row: Row) -> str:
    """Return how the mean loss would change."""
    return "" if row.mean_change is None else f"loss {texts.signed_percent(row.mean_change)}"


def cost_words(row: Row) -> str:
    """Return what measuring the row costs."""
    if row.cost is None:
        return "cost not measured"
    return f"cost {texts.cost(row.cost)}" if row.cost else "no extra pass"


def facts(causes: Causes) -> list[Item]:
    """Return what stands below the table: doubtful checks, overfitting, best, other checks, notes."""
    return [
        *(check_item(check) for check in causes.checks if check.outcome == "doubtful"),
        overfitting_item(causes),
        best_item(causes),
        jump_item(causes),
        *(check_item(check) for check in causes.checks if check.outcome in ("unknown", "sound")),
        *unmade(causes.checks),
        *(Item("", "·", "", safe(note), "dim") for note in causes.notes),
    ]


def check_item(check: Check) -> Item:
    """Return one check that did not fail."""
    kind = "doubtful" if check.outcome == "doubtful" else "plain"
    name = CHECK_NAMES.get(check.check, check.check)
    return Item(
        check.check, SIGNS[check.outcome], name, safe(check.message),
        "doubtful" if kind == "doubtful" else "dim", 3 if kind == "doubtful" else 1,
    )  # fmt: skip


def unmade(checks: Sequence[Check]) -> Iterator[Item]:
    """Yield the checks that were not made yet."""
    made = {check.check for check in checks}
    for name in CHECKS:
        if name not in made:
            yield Item(name, " ", CHECK_NAMES[name], "not made yet (k makes it)", "dim", 1)


def overfitting_item(causes: Causes) -> Item:
    """Return where it overfits from, or why nothing is said."""
    found = causes.overfitting
    if found is None:
        text = safe(causes.overfitting_why) or (
            f"no turn for the worse in {causes.evaluations} evaluations (5 % error)"
        )
        return Item("overfitting", "◢", "overfitting", text, "dim", 2)
    text = (
        f"since {texts.at(causes.unit, found.epoch)}: +{texts.number(found.rise, 2)} since then "
        f"(p = {texts.number(found.p, 2)}, n = {causes.evaluations})"
    )
    return Item("overfitting", "◢", "overfits", text, "doubtful", 2)


def best_item(causes: Causes) -> Item:
    """Return the best evaluation, how lucky it is, and how many look like it."""
    found = causes.best
    if found is None:
        return Item("best", "◆", "best", "no finite evaluation yet", "dim", 1)
    optimism = (
        f", about {texts.number(found.optimism, 2)} too low for being chosen"
        if found.optimism is not None
        else ""
    )
    text = (
        f"{texts.number(found.loss)} at {texts.at(causes.unit, found.epoch)}{optimism}; "
        f"{alike_words(len(found.look_alikes))} cannot be told from it (n = {causes.samples:,})"
    )
    return Item("best", "◆", "best", text, "plain", 2)


def alike_words(count: int) -> str:
    """Return how many other evaluations there are."""
    return f"{count or 'no'} other evaluation{'' if count <= 1 else 's'}"


def jump_item(causes: Causes) -> Item:
    """Return the smallest jump that this set can show."""
    if causes.smallest_jump is None:
        return Item("jump", "±", "smallest jump", "cannot be told here", "dim", 1)
    change = texts.number(causes.smallest_jump, 2)
    text = f"a change below ±{change} is within chance (z = 2, n = {causes.samples:,})"
    return Item("jump", "±", "smallest jump", text, "plain", 2)


def hardest_title(causes: Causes) -> str:
    """Return what the hardest samples carry, beside what chance would give, or why it is not known."""
    found = causes.hardest
    if found is None:
        return f"Cannot be told: {safe(causes.hardest_why) or 'there are too few evaluations'}"
    carry = "carry" if found.count != 1 else "carries"
    interval = texts.percent_interval(found.interval) or f"(n = {causes.evaluations}: no interval)"
    return (
        f"{found.count} of {causes.samples:,} samples {carry} {texts.share(found.share)} {interval} of the "
        f"squared volatility ({texts.share(found.permuted)} if none were hard); single shares are "
        "in-sample: too high"
    )


def samples(causes: Causes) -> list[Sample]:
    """Return the hardest samples as pictures with captions."""
    return [sample(hard) for hard in causes.hardest.samples] if causes.hardest else []


def sample(hard: Hard) -> Sample:
    """Return one sample: its picture; its class; its index and share."""
    picture = Picture.of(hard.thumbnail) if hard.thumbnail is not None else None
    label = safe(hard.label, CLASS_LENGTH)
    label = f"class {label}" if label.isdecimal() else label
    return Sample(picture, (label, f"{texts.share(hard.share)}  #{hard.index}"))


def groups(causes: Causes) -> list[Kind | str]:
    """Return classes and quarters as kinds of groups."""
    if causes.groups_why:
        return [f"Cannot be told: {safe(causes.groups_why)}"]
    everything: dict[str, list[Group]] = {}
    for group in (*causes.classes, *causes.qualities):
        everything.setdefault(group.kind, []).append(group)
    return [kind_of(name, members) for name, members in everything.items()]


def kind_of(name: str, members: Sequence[Group]) -> Kind:
    """Return one kind; classes by what they carry, no more than fit."""
    total = sum(group.size for group in members)
    title = {"class": "by class"}.get(name, f"by {name}")
    rest = ""
    if name == "class":
        members = sorted(members, key=lambda group: -group.share)
        shown, hidden = members[:MOST_CLASSES], members[MOST_CLASSES:]
        if hidden:
            carried = sum(group.share for group in hidden)
            rest = f"{len(hidden)} more classes carry {texts.share(carried)}"
        members = shown
    bars = tuple(bar_of(group, total) for group in members)
    return Kind(f"groups:{name}", f"{title}   (┃ = its size)", bars, rest)


def bar_of(group: Group, total: int) -> Bar:
    """Return one group's bar, and in words how its share compares to its size."""
    expected = group.size / total if total else 0.0
    return Bar(
        name=safe(group.name, CLASS_LENGTH),
        share=group.share,
        expected=expected,
        figure=f"{texts.share(group.share)} {texts.percent_interval(group.interval) or f'n={group.size}'}",
        words=compared(group, expected),
    )


def compared(group: Group, expected: float) -> str:
    """Return how a group's share compares to its size."""
    if expected <= 0:
        return ""
    if group.share < 0:
        return "against"
    times = f"{group.share / expected:.1f}×"
    if group.interval is None or group.interval.low <= expected <= group.interval.high:
        return times
    return f"{times} more" if group.share > expected else f"{times} less"
