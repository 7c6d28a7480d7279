"""The training loop of a run: all its seeds in lock-step, no wait for the device between records."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from valtui_trainer.measure.stopping import Losses, Patience
from valtui_trainer.presets.types import Preset
from valtui_trainer.session.records import Command, Train, Val
from valtui_trainer.training import faults
from valtui_trainer.training.checkpoint import FORMAT, Checkpoints, State
from valtui_trainer.training.control import LONG_DEADLINE, Control
from valtui_trainer.training.devices import memory_in_words, peak_memory, synchronise
from valtui_trainer.training.ensemble import Ensemble
from valtui_trainer.training.evaluate import Array, evaluate
from valtui_trainer.training.evaluator import Evaluator
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.journal import Clock, Journal
from valtui_trainer.training.lenses.panel import Panel
from valtui_trainer.training.optimization import learning_rate
from valtui_trainer.training.patience import restore, state_of
from valtui_trainer.training.replica import Replica
from valtui_trainer.training.timetable import Timetable

LOOP_DEADLINE = 60.0
MEDIAN_STEPS = 20


class NotFiniteError(Exception):
    """A loss was not finite and the preset says to stop then."""


@dataclass(slots=True)
class Loop:
    """One attempt of a run in training.

    Attributes:
        train_subset: indices of the fixed training subset that is evaluated once an epoch.
        ensemble: the seeds; evaluations and checkpoints take them one by one (`replicas`).
        step: steps done.
        on_losses: told losses, step and seed of each evaluation of the first seed.
        on_evaluated: called when an evaluation of all seeds has been logged.
        patience: ends the training early; None: it goes on to its end.
        ended_early: why it ended early, a sentence; empty while it has not.
    """

    preset: Preset
    timetable: Timetable
    ensemble: Ensemble
    train_set: Batches
    val_set: Batches
    train_subset: torch.Tensor
    log_every: int
    journal: Journal
    control: Control
    checkpoints: Checkpoints
    clock: Clock
    panel: Panel = field(default_factory=Panel)
    step: int = 0
    recorded_at: float = 0.0
    evaluating: float = 0.0
    images: int = 0
    began_step: int = 0
    began: float = 0.0
    warned: bool = False
    told_trouble: bool = False
    on_losses: Callable[[Array, int, int], None] | None = None
    on_evaluated: Callable[[], None] | None = None
    patience: Patience | None = None
    ended_early: str = ""
    evaluator: Evaluator = field(init=False)

    def __post_init__(self) -> None:
        """Set up the evaluator of these replicas."""
        self.evaluator = Evaluator(
            self.preset,
            self.train_set,
            self.val_set,
            [replica.model for replica in self.replicas],
            self.timetable.steps_per_epoch,
        )

    @property
    def replicas(self) -> list[Replica]:
        """The seeds, in the order of the run's."""
        return self.ensemble.replicas

    def train(self) -> bool:
        """Train to the end; tell whether the end was reached (False: a stop was asked for).

        Raises:
            NotFiniteError: a loss was not finite, with `stop_on_nan`.
        """
        self.began, self.began_step = self.clock(), self.step
        self.recorded_at = self.clock()
        self.control.total = self.timetable.total
        self.control.step = self.step
        self.control.left = self.seconds_left
        self.journal.phase("training", self.deadline())
        self.ensemble.train_mode()
        while self.step < self.timetable.total and not self.ended_early:
            if self.control.changed.is_set():
                self.obey()
            if self.control.stop:
                self.finish("stopping")
                return False
            self.one_step()
            if self.step % self.log_every == 0:
                self.record()
            if self.step in self.timetable.evaluations:
                self.evaluate()
        self.record()
        self.finish("finishing")
        return True

    def one_step(self) -> None:
        """Take one optimizer step of every seed."""
        in_epoch = self.step % self.timetable.steps_per_epoch
        rate = self.rate(self.step)
        position = in_epoch * self.preset.batch_size
        size = len(self.train_set)
        if in_epoch == 0:
            self.ensemble.begin_epoch(self.train_set)
        self.ensemble.step(self.train_set, position, rate)
        self.panel.stepped()
        self.evaluator.stepped()
        self.images += min(self.preset.batch_size, size - position) * len(self.replicas)
        self.step += 1
        self.control.step = self.step
        self.control.loop += 1

    def rate(self, step: int) -> float:
        """Return the learning rate of `step`."""
        return learning_rate(
            self.preset,
            self.timetable.scheduled(step),
            self.timetable.schedule,
            self.timetable.steps_per_epoch,
        )

    def record(self) -> None:
        """Read the losses since the last record back from the device, and log them."""
        if not self.ensemble.open_steps:
            return
        figures = self.ensemble.figures().tolist()
        now = self.clock()
        training = now - self.recorded_at - self.evaluating
        speed = self.images / training if training > 0 else None
        self.control.rate = speed or 0.0
        self.control.deadline = self.deadline()
        for replica, (mean, low, high, norm) in zip(self.replicas, figures, strict=True):
            self.journal.train(
                Train(
                    n=0,
                    time=now,
                    step=self.step,
                    epoch=self.step / self.timetable.steps_per_epoch,
                    seed=replica.seed,
                    train_loss=mean,
                    train_loss_min=low,
                    train_loss_max=high,
                    learning_rate=self.rate(self.step - 1),
                    grad_norm=norm,
                    images_per_second=speed,
                )
            )
            self.check_finite("train_loss", mean, replica.seed)
        self.recorded_at, self.evaluating, self.images = now, 0.0, 0
        self.tell_trouble()

    def evaluate(self) -> None:
        """Evaluate every seed on the whole validation set, log it, and checkpoint if it is time."""
        synchronise(self.train_set.device)
        started = self.clock()
        self.control.enter("evaluating", self.preset.deadline or LONG_DEADLINE)
        autocast = self.preset.precision == "bfloat16"
        losses = []
        samples: Losses | None = None
        for number, replica in enumerate(self.replicas):
            began = time.monotonic()
            found = self.evaluator.evaluate(number, replica.model, self.panel.needs_logits)
            train_eval = None
            if self.step in self.timetable.train_evaluations:
                train_eval = evaluate(
                    replica.model, self.train_set, self.train_subset, autocast
                ).loss
            losses.append(found.loss)
            samples = found.losses if samples is None else samples + found.losses
            seconds = time.monotonic() - began
            self.control.loop += 1
            seen = self.panel.look(number, replica.model, found)
            self.control.loop += 1
            self.journal.val(
                Val(
                    n=0,
                    time=self.clock(),
                    step=self.step,
                    epoch=self.step / self.timetable.steps_per_epoch,
                    seed=replica.seed,
                    val_loss=found.loss,
                    val_accuracy=found.accuracy,
                    val_balanced_accuracy=found.balanced_accuracy,
                    train_eval_loss=train_eval,
                    val_loss_precise=seen.exact,
                    val_loss_calibrated=seen.calibrated,
                    temperature=seen.temperature,
                    val_loss_averaged=seen.averaged,
                    seconds=seconds,
                    lens_seconds=seen.seconds,
                ),
                found.losses,
            )
            if self.on_losses is not None and replica is self.replicas[0]:
                self.on_losses(found.losses, self.step, replica.seed)
            self.check_finite("val_loss", found.loss, replica.seed)
        self.journal.sync()
        if self.on_evaluated is not None:
            self.on_evaluated()
        if samples is not None:
            self.look_at_patience(samples / len(losses))
        if self.checkpoints.note(self.step, sum(losses) / len(losses)):
            self.checkpoints.best = self.state()
        if self.checkpoints.due(self.step):
            self.write_checkpoint()
        self.control.memory = peak_memory(self.train_set.device)
        self.evaluating += self.clock() - started
        self.control.enter("training", self.deadline())

    def look_at_patience(self, losses: Losses) -> None:
        """End the training early where patience is over; `losses` (n,) are means over seeds."""
        if self.patience is None or self.ended_early:
            return
        self.patience.look(losses, self.step)
        self.ended_early = self.why_early(self.patience)
        if self.ended_early:
            self.journal.event("early-stopping", self.ended_early, step=self.step)

    def why_early(self, patience: Patience) -> str:
        """Return why the training ends at this step; empty where it goes on, or ends here anyway."""
        if not patience.over or self.step >= self.timetable.total:
            return ""
        here, best = (
            step / self.timetable.steps_per_epoch for step in (self.step, patience.best_step)
        )
        return (
            f"Stopped early at epoch {here:.3g}: {patience.worse} evaluations in a row were worse than "
            f"that of epoch {best:.3g} by more than {patience.z:g} standard errors."
        )

    def write_checkpoint(self) -> bool:
        """Write a checkpoint; a failure is loud but does not end the training. Tell whether it was."""
        try:
            for written in self.checkpoints.write(self.state()):
                self.journal.event(
                    "checkpoint",
                    step=written.step,
                    file=written.name,
                    sha256=written.sha256,
                    size=written.size,
                )
        except OSError as error:
            self.journal.event(
                "warning",
                f"No checkpoint could be written ({error.strerror}); training goes on without.",
                step=self.step,
                about="checkpoint",
            )
            return False
        return True

    def state(self) -> State:
        """Return everything that the rest of the run depends on."""
        return {
            "format": FORMAT,
            "step": self.step,
            "time": self.clock(),
            "log_every": self.log_every,
            "replicas": [replica.state() for replica in self.replicas],
            "best_step": self.checkpoints.best_step,
            "best_loss": self.checkpoints.best_loss,
            "fault": faults.state_of(self.val_set),
            "lenses": self.panel.state(),
            "evaluator": self.evaluator.state(),
            "patience": state_of(self.patience),
        }

    def load_state(self, state: State) -> None:
        """Continue where `state` was taken."""
        self.step = state["step"]
        self.clock.set(state["time"])
        self.checkpoints.restore(state)
        faults.load_state(self.val_set, state.get("fault"))
        begun = self.step > self.timetable.begin or self.step % self.timetable.steps_per_epoch != 0
        for replica, theirs in zip(self.replicas, state["replicas"], strict=True):
            replica.load_state(theirs, self.train_set, begun)
        self.panel.load_state(state.get("lenses"))
        self.evaluator.load_state(state.get("evaluator"))
        restore(self.patience, state.get("patience"))
        if self.patience is not None:  # lost between its decision and its end
            self.ended_early = self.why_early(self.patience)

    def begin(self) -> None:
        """Begin where the timetable does: at the first step, or within an epoch, at that of a fork."""
        self.step = self.timetable.begin
        if self.step % self.timetable.steps_per_epoch:
            self.ensemble.begin_epoch(self.train_set)

    def obey(self) -> None:
        """Answer the commands that came, and wait while paused."""
        self.control.changed.clear()
        self.answer_all()
        if not self.control.paused or self.control.stop:
            return
        synchronise(self.train_set.device)
        began = time.monotonic()
        self.journal.sync()
        self.journal.phase("paused", None)
        self.control.left, self.control.rate = (lambda: None), 0.0
        self.control.beat()
        while self.control.paused and not self.control.stop:
            self.control.changed.wait(1.0)
            self.control.changed.clear()
            self.answer_all()
        self.clock.leave_out(time.monotonic() - began)
        self.control.left = self.seconds_left
        self.journal.phase("training", self.deadline())

    def answer_all(self) -> None:
        """Answer every command that waits."""
        answers = {
            "stop": "stopping after this step",
            "pause": f"paused; {memory_in_words(self.train_set.device)} stay taken",
            "resume": "training goes on",
        }
        while not self.control.commands.empty():
            command: Command = self.control.commands.get()
            message = answers.get(command.command, f"refused: a trainer cannot {command.command}")
            self.journal.event(
                "command",
                message,
                step=self.step,
                id=command.id,
                command=command.command,
                run=command.run,
            )

    def finish(self, phase: str, keep: bool = True) -> None:
        """Answer what waits, and write the last checkpoint, if its state is worth keeping."""
        self.answer_all()
        self.journal.phase(phase, LONG_DEADLINE)
        synchronise(self.train_set.device)
        self.journal.sync()
        if keep and not self.write_checkpoint():
            self.control.stop_reason += "; without a checkpoint, for there was no room for it"

    def check_finite(self, name: str, value: float, seed: int) -> None:
        """Warn once, or stop, when a loss is not finite."""
        if math.isfinite(value):
            return
        message = f"{name} is {value} at step {self.step} (seed {seed})"
        if self.preset.stop_on_nan:
            raise NotFiniteError(f"{message}; stop_on_nan is set.")
        if not self.warned:
            self.warned = True
            self.journal.event(
                "warning", f"{message}; training goes on.", step=self.step, seed=seed
            )

    def tell_trouble(self) -> None:
        """Warn once where steps are not taken as the run said that they would be."""
        trouble = self.ensemble.trouble
        if trouble and not self.told_trouble:
            self.told_trouble = True
            self.journal.event(
                "warning",
                f"Not all steps are replayed as they were to be: {trouble}.",
                step=self.step,
                about="engine",
                engine=self.ensemble.taken_by,
            )

    def deadline(self) -> float:
        """Return how many seconds the loop may be silent."""
        if self.preset.deadline is not None:
            return self.preset.deadline
        done = self.step - self.began_step
        mean = (self.clock() - self.began) / done if done else 0.0
        return max(LOOP_DEADLINE, MEDIAN_STEPS * mean)

    def seconds_left(self) -> float | None:
        """Estimate the seconds to the end from this attempt's pace, evaluations included."""
        done = self.step - self.began_step
        gone = self.clock() - self.began
        if done < 1 or gone < 1.0:
            return None
        return round(gone / done * (self.timetable.total - self.step), 1)
