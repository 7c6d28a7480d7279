"""What the lenses of a run would cost, tried on a throw-away replica before the first step."""

from __future__ import annotations

from collections.abc import Callable

import torch

from valtui_trainer.session.records import RunSpec
from valtui_trainer.training.assemble import Material, build_replica
from valtui_trainer.training.compiling import compile_network
from valtui_trainer.training.devices import synchronise
from valtui_trainer.training.evaluate import evaluate
from valtui_trainer.training.lenses.averaging import Average
from valtui_trainer.training.lenses.batchnorm import TOO_SMALL, norm_layers
from valtui_trainer.training.lenses.calibration import calibrate
from valtui_trainer.training.lenses.passes import Passes
from valtui_trainer.training.lenses.plan import AVERAGED, EXACT, Trial, wanted
from valtui_trainer.training.lenses.untouched import same_generators
from valtui_trainer.training.models import reason
from valtui_trainer.training.turns import shortest

AT_ONCE = 4
NO_BATCHNORM = "this model has no BatchNorm"


def try_out(spec: RunSpec, material: Material, device: torch.device) -> dict[str, Trial]:
    """Return what was found about each lens that the preset of `spec` wants; changes nothing else.

    Steps and passes take turns, so that a machine busy with other things slows both.
    """
    names = wanted(spec.preset.lenses)
    if not names:
        return {}
    with same_generators(device):
        times = len(material.timetable.evaluations) * len(spec.seeds)
        return tried(Tryout(spec, material, device), names, material.timetable.between, times)


def tried(bench: Tryout, names: tuple[str, ...], between: float, times: int) -> dict[str, Trial]:
    """Return what `bench` finds about the lenses `names`.

    `between` steps lie between two evaluations; the passes are taken `times` times in the whole run.
    """
    found = {name: Trial(problem=problem) for name in names if (problem := bench.problem(name))}
    works = {name: bench.work(name) for name in names if name not in found}
    if not works:
        return found
    step, update, *passes = shortest([bench.steps, bench.updates, *works.values()])
    for name, seconds in zip(works, passes, strict=True):
        extra = update / AT_ONCE * between if name == AVERAGED else 0.0
        found[name] = Trial(
            cost=(seconds + extra) / (step / AT_ONCE * between), seconds=(seconds + extra) * times
        )
    return found


class Tryout:
    """A replica that is trained with a learning rate of zero and looked at."""

    def __init__(self, spec: RunSpec, material: Material, device: torch.device) -> None:
        """Build it as the first seed of `spec`, on its device."""
        self._preset = spec.preset
        self._train_set = material.train_set
        self._replica = build_replica(spec, spec.seeds[0], material, device, AT_ONCE)
        compile_network(self._replica)
        self._replica.begin_epoch(material.train_set)
        self._model = self._replica.model
        self._passes = Passes(spec.preset, material.train_set, material.val_set)
        self._average = Average(self._model, half_life=1.0)

    def steps(self) -> None:
        """Take AT_ONCE training steps."""
        self._model.train()
        for _ in range(AT_ONCE):
            self._replica.step(self._train_set, 0, 0.0)
        float(self._replica.figures()[0])

    def updates(self) -> None:
        """Update the averaged weights AT_ONCE times."""
        for _ in range(AT_ONCE):
            self._average.update()
        synchronise(self._train_set.device)

    def problem(self, name: str) -> str:
        """Return why the lens `name` cannot be used on this model, in words; empty where it can."""
        if name == EXACT and not norm_layers(self._model):
            return NO_BATCHNORM
        try:
            self.work(name)()
        except Exception as error:  # whatever a lens fails on must not fail the run
            return failing(name, error, self._preset.batch_size)
        return ""

    def work(self, name: str) -> Callable[[], object]:
        """Return what the lens `name` does at each evaluation."""
        if name == EXACT:
            return lambda: self._passes.exact(self._model)
        if name == AVERAGED:
            return lambda: self._passes.averaged(self._model, self._average)
        passes, autocast = self._passes, self._preset.precision == "bfloat16"
        with passes.undisturbed(self._model):
            seen = evaluate(self._model, passes.val_set, passes.everything, autocast, True)
        return lambda: calibrate(*seen.outputs())


def failing(name: str, error: Exception, batch_size: int) -> str:
    """Return why a lens cannot be used on a model that raised `error` under it."""
    if isinstance(error, ValueError) and str(error).startswith(TOO_SMALL):
        return (
            f"a batch of {batch_size} leaves BatchNorm a single value per channel, of which it can "
            "make no statistics"
        )
    return f"the model fails under {name} ({reason(error)})"
