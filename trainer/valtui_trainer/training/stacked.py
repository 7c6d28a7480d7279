"""Replicas trained in one go: their weights stacked, forward and backward by `torch.func`.

Sums may be made in another order than in the loop, so that the last bits differ; the randomness
(order, augmentation, dropout) is to the bit that of each replica alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import nn
from torch.func import functional_call
from torch.optim import Optimizer

from valtui_trainer.training.augment import draw
from valtui_trainer.training.ensemble import Engine, Ensemble
from valtui_trainer.training.feeding import Batches
from valtui_trainer.training.masks import Masks
from valtui_trainer.training.optimization import build_optimizer
from valtui_trainer.training.profiling.phases import AUGMENTATION, BACKWARD, DATA, FORWARD, Part
from valtui_trainer.training.replica import Replica, training_loss
from valtui_trainer.training.shared_optimizer import SharedOptimizer
from valtui_trainer.training.stacking import CannotStackError, stacked


class Stacked(Ensemble):
    """Replicas whose weights and buffers are rows of stacked tensors, and steps of which are one step.

    The replicas remain whole: models, states and losses are theirs to read and to load. Whether their
    model bears it is for `choose_engine` to ask.
    """

    name: Engine = "stack"

    def __init__(self, replicas: Sequence[Replica], reason: str = "") -> None:
        """Take over `replicas` of one architecture and one preset, which differ in seed and weights.

        Raises:
            CannotStackError: they differ in settings, or in steps taken.
        """
        super().__init__(replicas, reason)
        first = self.replicas[0]
        if any(replica.preset != first.preset for replica in self.replicas):
            raise CannotStackError("the replicas have different settings")
        if len({replica.open_steps for replica in self.replicas}) > 1:
            raise CannotStackError("the replicas have taken different numbers of steps")
        self._masks = Masks(self.replicas)
        template = without_memory(first, self._masks.exchanged())
        for layer in template.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.forward = without_cudnn(layer.forward)  # type: ignore[method-assign]
        models = [replica.model for replica in self.replicas]
        self._weights = {
            name: nn.Parameter(stacked([m.get_parameter(name) for m in models]), one.requires_grad)
            for name, one in first.model.named_parameters()
        }
        self._trained = [weights for weights in self._weights.values() if weights.requires_grad]
        self._optimizer = SharedOptimizer(
            [replica.optimizer for replica in self.replicas],
            build_optimizer(
                self._trained,
                first.preset,
                first.device,
                [self._weights[name] for name in first.undecayed],
            ),
        )
        self._buffers = {
            name: stacked([m.get_buffer(name) for m in models])
            for name, _ in first.model.named_buffers()
        }
        self._losses = stacked([replica.losses for replica in self.replicas])
        for number, replica in enumerate(self.replicas):
            for name, weights in self._weights.items():
                own = replica.model.get_parameter(name)
                own.data, own.grad = weights.detach()[number], None
            for name, buffers in self._buffers.items():
                replica.model.get_buffer(name).data = buffers[number]
            replica.losses = self._losses[number]
        self._order = torch.empty(0, dtype=torch.long)
        self._orders = [self._order for _ in self.replicas]
        self._losses_of = torch.vmap(
            partial(losses_of, template, first.preset.label_smoothing, first.preset.precision),
            randomness="error",
        )

    def step(self, batches: Batches, position: int, rate: float) -> None:
        """Take the optimizer step of every replica on its batch that begins at `position`.

        Nothing here waits for the device.

        Raises:
            CannotStackError: a dropout layer is called several times in one forward, or what was
                loaded into the replicas since the last step does not go together.
        """
        self._optimizer.set_rate(rate)
        self.keep(self.descend(batches, self.batch_indices(position)))

    def descend(self, batches: Batches, index: torch.Tensor) -> torch.Tensor:
        """Take the optimizer step on the images `index` (K·b,) as the optimizer is set; return losses (K,).

        What differs from step to step is in tensors and generators alone, as in a replica's.
        """
        images, labels = self._batch(batches, index)
        tensors = {**self._weights, **self._buffers, **self._masks.draw(images, labels)}
        losses = self._losses_of(tensors, images, labels)
        self._optimizer.zero_grad()
        self._backward(losses)
        self._optimizer.step()
        return losses.detach()

    def keep(self, losses: torch.Tensor) -> None:
        """Keep the losses (K,) of a step that was taken until the next record."""
        self._losses[:, self.open_steps] = losses
        for replica in self.replicas:
            replica.open_steps += 1

    @property
    def optimizer(self) -> Optimizer:
        """Of all replicas' weights."""
        return self._optimizer.whole

    @property
    def weights(self) -> list[nn.Parameter]:
        """The stacked weights (K, …) that are trained."""
        return self._trained

    def figures(self) -> torch.Tensor:
        """Return each replica's mean, smallest and largest loss since the last record, and gradient norm.

        Shape (K, 4), on the device; the accumulators are empty afterwards.
        """
        losses = self._losses[:, : self.open_steps]
        for replica in self.replicas:
            replica.open_steps = 0
        norms = [
            torch.linalg.vector_norm(weights.grad.reshape(len(losses), -1), dim=1)
            for weights in self._trained
            if weights.grad is not None
        ]
        norm = (
            torch.linalg.vector_norm(torch.stack(norms), dim=0) if norms else losses.new_zeros(())
        )
        parts = (losses.mean(1), losses.amin(1), losses.amax(1), norm.expand(len(losses)))
        return torch.stack([part.to(losses.dtype) for part in parts], dim=1)

    def batch_indices(self, position: int) -> torch.Tensor:
        """Return the images (K·b,) of the batch at `position` of every replica's order, one by one."""
        count, size = len(self.replicas), self.replicas[0].preset.batch_size
        orders = [replica.indices for replica in self.replicas]
        if any(one is not known for one, known in zip(orders, self._orders, strict=True)):
            self._orders, self._order = orders, interleaved(torch.stack(orders), size)
        return self._order[count * position : count * (position + size)]

    def _batch(self, batches: Batches, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return images (K, b, …), augmented, and labels (K, b) of `index` (K·b,)."""
        first, count = self.replicas[0], len(self.replicas)
        images, labels = batches.batch(index)
        size = len(index) // count
        if first.augmentation.active:
            draws = [draw(size, replica.streams[2], images.device) for replica in self.replicas]
            images = self._augmented(images, torch.cat(draws, dim=1))
        return images.view(count, size, *images.shape[1:]), labels.view(count, size)

    def _augmented(self, images: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
        return self.replicas[0].augmentation.apply(images, draws)

    def _backward(self, losses: torch.Tensor) -> None:
        losses.sum().backward()  # type: ignore[no-untyped-call]

    def parts(self) -> list[Part]:
        """Return what a step consists of, for a profile to name its phases; the loss is the forward's."""
        return [
            Part(self, "_batch", DATA),
            Part(self, "_augmented", AUGMENTATION),
            Part(self, "_losses_of", FORWARD),
            Part(self, "_backward", BACKWARD),
        ]


def without_memory(replica: Replica, exchanged: dict[int, nn.Module]) -> nn.Module:
    """Return a copy of a replica's model in train mode whose weights and buffers have no contents.

    `exchanged`: what its modules become, by id; all others are copied.
    """
    instead: dict[int, object] = dict(exchanged)
    for weight in replica.model.parameters():
        instead[id(weight)] = nn.Parameter(weight.detach().to("meta"), weight.requires_grad)
    for buffer in replica.model.buffers():
        instead[id(buffer)] = buffer.to("meta")
    return replica.copied_model(instead).train()


def without_cudnn(forward: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """Return `forward` of a BatchNorm layer without cuDNN, whose path asks vmap what that cannot answer."""

    def native(*inputs: torch.Tensor) -> torch.Tensor:
        enabled = torch.backends.cudnn.enabled
        torch.backends.cudnn.enabled = False
        try:
            return forward(*inputs)
        finally:
            torch.backends.cudnn.enabled = enabled

    return native


def losses_of(
    template: nn.Module,
    label_smoothing: float,
    precision: str,
    tensors: dict[str, torch.Tensor],
    images: torch.Tensor,
    labels: torch.Tensor,
) -> torch.Tensor:
    """Return the training loss of one replica, whose weights, buffers and masks are `tensors`."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits = functional_call(template, tensors, (images,))
    return training_loss(logits, labels, label_smoothing)


def interleaved(orders: torch.Tensor, batch_size: int) -> torch.Tensor:
    """Return the orders (K, n) as one (K·n,): the first batch of each, the second of each, …

    So what all replicas see at a step is one slice, and what streams can be read ahead.
    """
    count, size = orders.shape
    whole = size // batch_size * batch_size
    batches = orders[:, :whole].reshape(count, -1, batch_size).transpose(0, 1)
    return torch.cat([batches.reshape(-1), orders[:, whole:].reshape(-1)])
