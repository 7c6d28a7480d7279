"""One seed of a run: its weights, optimizer and generators, and one training step of them."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from valtui_trainer.presets.types import Preset
from valtui_trainer.training import generators
from valtui_trainer.training.augment import Augmentation
from valtui_trainer.training.devices import sent
from valtui_trainer.training.dropout import replace_dropout, set_generator, uses_global_random
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.optimization import build_optimizer
from valtui_trainer.training.profiling.phases import (
    AUGMENTATION,
    BACKWARD,
    DATA,
    FORWARD,
    LOSS,
    Part,
)

State = dict[str, Any]


class Replica:
    """A model in training under one seed.

    Attributes:
        seed: what all its generators are derived from.
        model: the network, in channels_last on the device.
        optimizer: of its trained weights.
        undecayed: names of weights that weight decay leaves alone.
        indices: the order of its epoch (n,), where the data want their indices.
        losses: of the steps since the last record, in its first `open_steps` places; on the device.
        open_steps: how many there are.
        global_state: where torch's own generators are (CPU, device) for a model that draws from them.
    """

    def __init__(
        self,
        seed: int,
        model: nn.Module,
        preset: Preset,
        augmentation: Augmentation,
        device: torch.device,
        log_every: int,
        undecayed: tuple[str, ...] = (),
    ) -> None:
        """Take `model`, whose weights were drawn under this seed, into training."""
        self.seed = seed
        replace_dropout(model)
        self.model = model.to(device)
        self.undecayed = undecayed
        left_alone = [self.model.get_parameter(name) for name in undecayed]
        self.optimizer = build_optimizer(self.model.parameters(), preset, device, left_alone)
        self.preset = preset
        self.augmentation = augmentation
        self.device = device
        self._order = generators.named(seed, "order", torch.device("cpu"))
        self._dropout = generators.named(seed, "dropout", device)
        self._augment = generators.named(seed, "augment", device)
        set_generator(self.model, self._dropout)
        self._shares_global_random = uses_global_random(self.model)
        self.global_state: list[torch.Tensor] | None = None
        self._epoch_state = self._order.get_state()
        self.indices = torch.empty(0, dtype=torch.long)
        self.losses = torch.zeros(log_every, device=device)
        self.open_steps = 0
        self._autocast = preset.precision == "bfloat16"

    def begin_epoch(self, batches: Batches) -> None:
        """Draw the order of the next epoch over `batches`."""
        self._epoch_state = self._order.get_state()
        self.indices = sent(self._drawn(batches), batches.index_device)

    def next_order(self, batches: Batches) -> torch.Tensor:
        """Return the order (n,) that `begin_epoch` would draw now, on the CPU; nothing is drawn."""
        before = self._order.get_state()
        order = self._drawn(batches)
        self._order.set_state(before)
        return order

    def _drawn(self, batches: Batches) -> torch.Tensor:
        if self.preset.shuffle:
            return torch.randperm(len(batches), generator=self._order)
        return torch.arange(len(batches))

    def step(self, batches: Batches, position: int, rate: float) -> None:
        """Take the optimizer step on the batch that begins at `position` of the epoch's order.

        Nothing here waits for the device.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.keep(self.descend(batches, self.batch_indices(position)))

    def descend(self, batches: Batches, index: torch.Tensor) -> torch.Tensor:
        """Take the optimizer step on the images `index` (b,) as the optimizer is set; return the loss.

        What differs from step to step is in tensors and generators alone, so that `graphed` can capture
        the whole of it.
        """
        images, labels = self._batch(batches, index)
        with self._own_random():
            loss = self.loss(images, labels)
            self.optimizer.zero_grad(set_to_none=True)
            self._backward(loss)
        self.optimizer.step()
        return loss.detach()

    def make_room(self, log_every: int) -> None:
        """Make room for the losses of so many steps between two records; those kept so far go."""
        self.losses = torch.zeros(log_every, device=self.device)
        self.open_steps = 0

    def keep(self, loss: torch.Tensor) -> None:
        """Keep the loss of a step that was taken until the next record."""
        self.losses[self.open_steps] = loss
        self.open_steps += 1

    @torch.no_grad()
    def forward(self, batches: Batches, position: int) -> None:
        """Show the model the batch at `position` of the epoch's order as `step` would; no step is taken."""
        images, labels = self._batch(batches, self.batch_indices(position))
        with self._own_random():
            self.loss(images, labels)

    def gradient(self, batches: Batches, index: torch.Tensor) -> list[torch.Tensor]:
        """Return the gradient of the loss on the images `index` (b,), augmented; nothing is kept of it."""
        images, labels = self._batch(batches, index)
        with self._own_random():
            loss = self.loss(images, labels)
            found = torch.autograd.grad(loss, trained(self.model), allow_unused=True)
        return [gradient for gradient in found if gradient is not None]

    def batch_indices(self, position: int) -> torch.Tensor:
        """Return the images (b,) of the batch that begins at `position` of the epoch's order."""
        return self.indices[position : position + self.preset.batch_size]

    def _batch(self, batches: Batches, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = batches.batch(index)
        return self._augmented(images), labels

    def _augmented(self, images: torch.Tensor) -> torch.Tensor:
        return self.augmentation(images, self._augment)

    def loss(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the training loss of a batch, a scalar on the device."""
        return self._loss_of(self._logits(images), labels)

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._autocast):
            logits: torch.Tensor = self.model(images)
        return logits

    def _loss_of(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return training_loss(logits, labels, self.preset.label_smoothing)

    def _backward(self, loss: torch.Tensor) -> None:
        loss.backward()  # type: ignore[no-untyped-call]

    def parts(self) -> list[Part]:
        """Return what its step consists of; torch labels what its optimizer does by itself."""
        return [
            Part(self, "_batch", DATA),
            Part(self, "_augmented", AUGMENTATION),
            Part(self, "_logits", FORWARD),
            Part(self, "_loss_of", LOSS),
            Part(self, "_backward", BACKWARD),
        ]

    def figures(self) -> torch.Tensor:
        """Return mean, smallest and largest loss since the last record, and the gradient's norm.

        Shape (4,), on the device; the accumulator is empty afterwards.
        """
        losses = self.losses[: self.open_steps]
        self.open_steps = 0
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        return torch.stack([losses.mean(), losses.min(), losses.max(), norm.to(losses.dtype)])

    @property
    def streams(self) -> tuple[torch.Generator, ...]:
        """Its generators: of order, dropout and augmentation."""
        return self._order, self._dropout, self._augment

    def state(self) -> State:
        """Return everything that the next step depends on, cloned, in types that load safely."""
        return {
            "seed": self.seed,
            "model": clone(self.model.state_dict()),
            "optimizer": clone(self.optimizer.state_dict()),
            "order": self._epoch_state.clone(),
            "dropout": self._dropout.get_state().clone(),
            "augment": self._augment.get_state().clone(),
            "global": clone(self.global_state),
            "losses": self.losses[: self.open_steps].clone(),
        }

    def load_state(self, state: State, batches: Batches, begun: bool) -> None:
        """Continue where `state` was taken; `begun` draws the order of its epoch again."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._order.set_state(state["order"])
        if begun:
            self.begin_epoch(batches)
        self._dropout.set_state(state["dropout"])
        self._augment.set_state(state["augment"])
        self.global_state = state["global"]
        self.open_steps = len(state["losses"])
        self.losses[: self.open_steps] = state["losses"].to(self.device)

    def continue_from(self, state: State) -> None:
        """Take weights, buffers and the optimizer's averages of `state`; settings and generators stay."""
        self.model.load_state_dict(state["model"])
        own = [dict(group) for group in self.optimizer.param_groups]
        # Cloned, for an optimizer keeps the tensors it is given, and others begin from `state` too.
        self.optimizer.load_state_dict(clone(state["optimizer"]))
        for group, settings in zip(self.optimizer.param_groups, own, strict=True):
            group.update(settings)

    def twin(self, log_every: int) -> Replica:
        """Return a copy to try things with: the same weights, under the same seed from its beginning on."""
        return Replica(
            self.seed,
            self.copied_model({}),
            self.preset,
            self.augmentation,
            self.device,
            log_every,
            self.undecayed,
        )

    def copied_model(self, instead: dict[int, object]) -> nn.Module:
        """Return a copy of the model, in which `instead` stands for the objects of those ids."""
        shared = {id(stream): stream for stream in self.streams}  # generators cannot be copied
        return copy.deepcopy(self.model, shared | instead)

    def _own_random(self) -> GlobalRandom | Nothing:
        return GlobalRandom(self) if self._shares_global_random else NOTHING


def training_loss(
    logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float
) -> torch.Tensor:
    """Return the mean cross-entropy of a batch, of half-precision logits in float32."""
    if logits.dtype.itemsize < 4:
        logits = logits.float()
    return functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)


def trained(model: nn.Module) -> list[nn.Parameter]:
    """Return the weights of `model` that are trained, in the order of its optimizer."""
    return [weight for weight in model.parameters() if weight.requires_grad]


class Nothing:
    """A context that does nothing."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, *_: object) -> None:
        """Do nothing."""


NOTHING = Nothing()


class GlobalRandom:
    """Gives a model that draws from torch's global generator a stream of its own."""

    def __init__(self, replica: Replica) -> None:
        """Prepare the stream of `replica`."""
        self._replica = replica
        self._device = replica.device

    def __enter__(self) -> None:
        """Switch to the replica's stream."""
        state = self._replica.global_state
        if state is None:
            torch.manual_seed(generators.seed_of(self._replica.seed, "dropout"))
            return
        torch.set_rng_state(state[0])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state[1], self._device)

    def __exit__(self, *_: object) -> None:
        """Remember where the stream is."""
        states = [torch.get_rng_state()]
        if self._device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self._device))
        self._replica.global_state = states


def clone(value: Any) -> Any:
    """Return a deep copy of nested dicts and lists of tensors, detached."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: clone(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clone(item) for item in value]
    return value
