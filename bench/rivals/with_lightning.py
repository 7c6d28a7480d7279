"""Lightning's Trainer on the same loaders, with its progress bar, CSV logger and checkpoint as they come."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import CSVLogger
from torch.nn import functional

from bench.rivals.network import loaders, network
from bench.rivals.plain import synchronise
from bench.rivals.task import (
    EVALUATIONS_AN_EPOCH,
    WARM_UP_STEPS,
    Answer,
    Task,
    give,
    read_task,
)


class Module(lightning.LightningModule):
    """The network, its loss, optimizer and figures."""

    def __init__(self, task: Task, watch: Watch) -> None:
        """Build the network of `task`; `watch` takes the times."""
        super().__init__()
        self.model = network(task.model)
        self._watch = watch

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        """Return the loss of a batch, logged."""
        images, labels = batch
        loss = functional.cross_entropy(self.model(images), labels)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Any, _: int) -> None:
        """Log loss and accuracy of a batch."""
        images, labels = batch
        logits = self.model(images)
        self.log("val_loss", functional.cross_entropy(logits, labels), prog_bar=True)
        self.log("accuracy", (logits.argmax(1) == labels).float().mean())

    def on_validation_end(self) -> None:
        """Let the clock of training go on: Lightning calls this after all callbacks, its checkpoint's too."""
        self._watch.go_on()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


class Watch(lightning.Callback):
    """Takes the time of training steps, of evaluations, and of these with the checkpoint after them."""

    def __init__(self, device: torch.device) -> None:
        """Watch a training on `device`."""
        self._device = device
        self.began = self.ended = self.before = 0.0
        self.evaluating, self.paused, self.evaluations = 0.0, 0.0, 0
        self.images, self.steps = 0, 0

    def now(self) -> float:
        """Return the time at which all that was asked for is done."""
        synchronise(self._device)
        return time.perf_counter()

    def on_train_batch_end(self, _t: Any, _m: Any, _o: Any, batch: Any, _i: int) -> None:
        """Count a step; the clock runs from the last of the warm-up on."""
        self.steps += 1
        self.images += len(batch[1])
        if self.steps == WARM_UP_STEPS:
            self.began, self.images = self.now(), 0

    def on_validation_start(self, *_: Any) -> None:
        """Begin an evaluation."""
        self.before = self.now()

    def on_validation_end(self, *_: Any) -> None:
        """End an evaluation; the one before training, a check of Lightning's, does not count."""
        if self.steps:
            self.evaluating += self.now() - self.before
            self.evaluations += 1

    def go_on(self) -> None:
        """Begin to train again."""
        if self.steps:
            self.paused += self.now() - self.before

    def on_train_end(self, *_: Any) -> None:
        """Take the time of the end."""
        self.ended = self.now()


def main() -> None:
    """Train, and tell the times."""
    task = read_task()
    lightning.seed_everything(0)
    train, val = loaders(task)
    watch = Watch(torch.device(task.device))
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            max_epochs=task.epochs,
            accelerator="cpu" if task.device == "cpu" else "gpu",
            devices=1,
            val_check_interval=1 / EVALUATIONS_AN_EPOCH,
            logger=CSVLogger(folder),
            callbacks=[watch],
        )
        trainer.fit(Module(task, watch), train, val)
        accuracy = float(trainer.callback_metrics["accuracy"])
    training = watch.ended - watch.began - watch.paused
    count = watch.evaluations * len(val.dataset)  # type: ignore[arg-type]
    give(task, Answer(training, watch.images, watch.evaluating, count, accuracy))


if __name__ == "__main__":
    main()
