"""Runs that differ by a seed in their names alone are seeds of one run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from valtui_trainer.foreign.points import Source

SEED = re.compile(r"(?:^|(?<=[_\-/. ]))(?:seed|rng|s)[_\-=]?(\d{1,9})(?=$|[_\-/. ])", re.IGNORECASE)
MOST_SEEDS = 64


@dataclass(frozen=True, slots=True)
class Group:
    """One run to watch: the logs of its seeds.

    Attributes:
        name: the common part of their names.
        seeds: each with its log.
    """

    name: str
    seeds: tuple[tuple[int, Source], ...]

    @property
    def modified(self) -> float:
        """When any of them was last written."""
        return max(source.modified for _, source in self.seeds)


def grouped(runs: Sequence[Source]) -> list[Group]:
    """Return the groups of `runs`, the newest first; names that do not say `seed` stand alone.

    What says it: `seed0`, `seed-1`, `seed=2`, `s3` as a word of the name or of its path.
    """
    together: dict[tuple[str, str], dict[int, Source]] = {}
    alone: list[Group] = []
    for source in runs:
        found = list(SEED.finditer(source.name))
        if len(found) != 1:
            alone.append(Group(source.name, ((0, source),)))
            continue
        begin, end = found[0].span()
        rest = re.sub(r"[_\-/. ]{2,}", "/", source.name[:begin] + source.name[end:])
        key = rest.strip("_-/. ") or source.name, source.kind
        seeds = together.setdefault(key, {})
        number = int(found[0][1])
        if number in seeds or len(seeds) >= MOST_SEEDS:
            alone.append(Group(source.name, ((0, source),)))
        else:
            seeds[number] = source
    groups = [
        Group(
            name if len(seeds) > 1 else next(iter(seeds.values())).name,
            tuple(sorted(seeds.items())),
        )
        for (name, _), seeds in together.items()
    ]
    return sorted([*groups, *alone], key=lambda group: (-group.modified, group.name))
