"""Better, or noise? What can be said of each pair of presets, and of training two more seeds, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from valtui import texts
from valtui.feed import RunFeed
from valtui.pairs import Pair, Side
from valtui_trainer.measure.better import MOST_SEEDS, Better, Told
from valtui_trainer.session.records import RunSpec

NOTE = (
    "better, or noise? asks twice. This set: is the mean difference over the samples that both were",
    "evaluated on more than chance would show (paired; by class where drawn by class)? Another seed: is it",
    "more than other seeds would give (Welch)? better: yes to each, and to both at once.",
)


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a pair: the outcome, and the numbers behind it."""

    outcome: str
    reason: str

    @property
    def sentence(self) -> str:
        """Return all of it."""
        return f"{self.outcome}{self.reason}"


def title(pairs: Sequence[Pair]) -> str:
    """Return the heading of all pairs, with the level that their intervals stand at together."""
    count = sum(pair.found is not None for pair in pairs)
    level = f"95 %, for all {count} pairs together (Bonferroni)" if count > 1 else "95 %"
    return "better, or noise?" + (f"  {level}" if count else "")


def say(pair: Pair) -> Said:
    """Return what can be said of `pair`."""
    names = f"{pair.lower.id} or {pair.higher.id}"
    found = pair.found
    if found is None:
        return Said(f"{names}: not compared", f". {pair.why}")
    said = {
        "better": better_words,
        "more-seeds-needed": more_seeds_words,
        "second-seed-needed": second_seed_words,
        "set-cannot-tell": set_words,
        "same-losses": same_words,
        "no-samples": no_samples_words,
    }[found.outcome](pair.lower.id, pair.higher.id, found)
    remarks = [*remarks_on(pair.lower), *remarks_on(pair.higher)]
    return Said(said.outcome, " ".join([said.reason, *remarks]))


def better_words(lower: str, higher: str, found: Better) -> Said:
    """Return the words for a difference that is told on every level."""
    return Said(
        f"{lower} is better than {higher}",
        f" by {by(found, found.over_both)}: more than another seed would give ({seeds(found)}), and more"
        f" than this set would by chance ({samples(found)}).",
    )


def more_seeds_words(lower: str, higher: str, found: Better) -> Said:
    """Return the words for a difference that this set tells, and the seeds do not."""
    if found.over_seeds is not None and not found.over_seeds.told:
        against = f"with other seeds it may be anything in {interval(found.over_seeds)}"
    else:
        both = interval(found.over_both)
        against = f"with other seeds and other samples at once it may be anything in {both}"
    needed = (
        f"It would take more than {MOST_SEEDS} seeds each."
        if found.seeds_needed is None
        else f"About {found.seeds_needed} seeds each would tell."
    )
    return Said(
        f"{lower} or {higher}: more seeds needed",
        f". {lower} is lower by {by(found, found.over_samples)}, more than this set would show by chance"
        f" ({samples(found)}), but {against} ({seeds(found)}). {needed}",
    )


def second_seed_words(lower: str, higher: str, found: Better) -> Said:
    """Return the words for a difference that this set tells, where a preset has one seed."""
    return Said(
        f"{lower} or {higher}: a second seed is needed to say",
        f". {lower} is lower by {by(found, found.over_samples)}, more than this set would show by chance"
        f" ({samples(found)}); what another seed would give, nobody can say from {seeds(found)}.",
    )


def set_words(lower: str, higher: str, found: Better) -> Said:
    """Return the words for a difference that this set does not tell."""
    over = found.over_seeds
    if over is None:
        rest = f" ({seeds(found)})."
    elif over.told:
        rest = (
            f". Other seeds agree on this set {interval(over)} ({seeds(found)}); whether that holds beyond"
            " it, only a larger one can say."
        )
    else:
        rest = f"; with other seeds it may be anything in {interval(over)} ({seeds(found)})."
    return Said(
        f"{lower} or {higher}: this validation set cannot tell them",
        f". {lower} is lower by {by(found, found.over_samples)}, which these {samples(found)} may show by"
        f" chance{rest}",
    )


def same_words(lower: str, higher: str, found: Better) -> Said:
    """Return the words for no difference: networks that were trained alike, seed for seed."""
    return Said(
        f"{lower} and {higher} have the same losses",
        f" on the {samples(found)} that both were evaluated on ({seeds(found)}).",
    )


def no_samples_words(lower: str, higher: str, found: Better) -> Said:
    """Return the words where losses by sample are not known."""
    over = found.over_seeds
    if over is None:
        rest = "."
    elif over.told:
        rest = f", more than another seed would give ({seeds(found)})."
    else:
        rest = f", and another seed may give as much ({seeds(found)})."
    return Said(
        f"{lower} or {higher}: nothing can be said of this set",
        f", for the losses by sample cannot be read. {lower} is lower by {by(found, over)}{rest}",
    )


def remarks_on(side: Side) -> list[str]:
    """Return what else must be known of a preset of the pair, a sentence each."""
    found = []
    if side.not_finite:
        one = len(side.not_finite) == 1
        found.append(
            f"{texts.counted(len(side.not_finite), 'seed')} of {side.id} {'is' if one else 'are'} left"
            " out: the losses are not finite."
        )
    if side.behind:
        runs = ", ".join(side.behind)
        found.append(f"{runs} will count when as far as {', '.join(side.runs) or side.id}.")
    if side.short:
        found.append(f"{', '.join(side.short)} does not count: it did not get as far.")
    if side.going:
        found.append(f"So far: {side.id} is at {texts.at(side.unit, side.epoch, 'g')}.")
    elif side.early:
        found.append(f"{side.id} {side.early} at {texts.at(side.unit, side.epoch, 'g')}.")
    return found


def by(found: Better, told: Told | None) -> str:
    """Return the difference with an interval of it."""
    return f"{texts.number(found.difference, 2)} {interval(told)}".rstrip()


def interval(told: Told | None) -> str:
    """Return an interval of the difference, or nothing."""
    return texts.interval(told.interval) if told is not None else ""


def seeds(found: Better) -> str:
    """Return how many seeds the presets have."""
    first, second = found.seeds
    if first == second:
        return f"{texts.counted(first, 'seed')} each"
    return f"{first} and {texts.counted(second, 'seed')}"


def samples(found: Better) -> str:
    """Return how many samples both were evaluated on."""
    return texts.counted(found.samples, "sample")


# --- two more seeds ------------------------------------------------------------------------------


def more_seeds_question(spec: RunSpec, run: RunFeed, pairs: Sequence[Pair]) -> str:
    """Return the question whether to train the seeds of `spec`, more of the preset of `run`.

    It says how many the answer would take, and how long these would.
    """
    numbers = ", ".join(map(str, spec.seeds))
    asked = f"Train {texts.counted(len(spec.seeds), 'more seed')} ({numbers}) of {run.spec.preset_name} from scratch, as {spec.id}?"
    return " ".join((asked, would_tell(run, len(spec.seeds), pairs), would_take(spec, run)))


def would_tell(run: RunFeed, added: int, pairs: Sequence[Pair]) -> str:
    """Return what `added` seeds more of the preset of `run` would be good for."""
    own = [pair for pair in pairs if run.id in members(pair)]
    needy = [pair for pair in own if pair.found and pair.found.outcome == "more-seeds-needed"]
    single = [pair for pair in own if pair.found and pair.found.outcome == "second-seed-needed"]
    told = [pair for pair in own if pair.found is not None]
    if not told:
        return "There is no other preset yet that it can be compared with."
    pair = [*needy, *single, *told][0]
    mine, other = (pair.lower, pair.higher)
    if run.id not in members_of(mine):
        mine, other = other, mine
    have = f"{mine.id} has {len(mine.seeds)}, {other.id} {len(other.seeds)}"
    found = pair.found
    assert found is not None
    if pair in needy:
        needed = found.seeds_needed
        many = f"more than {MOST_SEEDS}" if needed is None else f"about {needed}"
        return f"To tell it from {other.id} takes {many} seeds each ({have}); this adds {added}."
    if pair in single:
        return (
            f"How many it takes to tell it from {other.id} can be said from two seeds each on ({have});"
            f" this adds {added}."
        )
    if found.outcome == "better":
        return f"It is told from {other.id} already ({have}); this adds {added}."
    if found.outcome == "same-losses":
        return f"It has the same losses as {other.id} ({have}), and more seeds would too."
    return f"It is not seeds that are missing to tell it from {other.id}, but validation samples ({have})."


def would_take(spec: RunSpec, run: RunFeed) -> str:
    """Return how long the seeds of `spec` take, by what those of `run` did."""
    one = seconds_per_seed(run)
    if one is None:
        return "How long that takes is not known yet."
    whole = texts.duration(one * len(spec.seeds))
    return f"That is about {whole} of training: {run.id} took {texts.duration(one)} a seed."


def seconds_per_seed(run: RunFeed) -> float | None:
    """Return the seconds that a seed of `run` took or will take, None where nothing was trained yet."""
    ends = [
        (table["step"][-1], table["time"][-1])
        for series in run.seeds.values()
        for table in (series.train, series.val)
        if len(table)
    ]
    if not ends or run.start is None:
        return None
    step, seconds = max(ends)
    if not (step > 0 and seconds > 0):
        return None
    whole = max(1.0, run.start.total_steps / float(step))
    return float(seconds) * whole / len(run.seeds)


def members(pair: Pair) -> set[str]:
    """Return the ids of all runs of both presets of `pair`."""
    return members_of(pair.lower) | members_of(pair.higher)


def members_of(side: Side) -> set[str]:
    """Return the ids of all runs of a preset."""
    return {*side.runs, *side.behind, *side.short}
