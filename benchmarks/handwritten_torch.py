"""The works written straight in torch, as one who knows it would: channels last, Adam in one fused pass, nothing read
back per batch. Convolutional nets are tried in both memory formats; the faster one stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import nets_torch
import torch
from folder import BATCH
from torch import Tensor, nn
from torch.nn import functional
from works import WORKS, NotWritten, Run, noise

Prepare = Callable[[int, torch.memory_format], Run]  # (most steps, memory format) -> do so many steps


def pictures(count: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Noise and labels, channels in front."""
    x, y = noise(count, *shape)
    return torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if len(shape) == 3 else x), torch.from_numpy(y).long()


def trainer(
    model: nn.Module, x: Tensor, y: Tensor, batch: int, order: torch.memory_format, optimizer: Any, **settings: Any
) -> Callable[[int], Any]:
    """An epoch over so many of the pictures: shuffled, loss and accuracy kept."""
    model.to(memory_format=order).train()
    rule = optimizer(model.parameters(), lr=0.001, **settings)

    def epoch(count: int) -> Any:
        total, right = torch.zeros(()), torch.zeros((), dtype=torch.long)
        for rows in torch.randperm(count).split(batch):
            given = x[rows].contiguous(memory_format=order) if x.ndim == 4 else x[rows]
            rule.zero_grad(set_to_none=True)
            scores = model(given)
            loss = functional.cross_entropy(scores, y[rows])
            loss.backward()
            rule.step()
            with torch.no_grad():
                total += loss
                right += (scores.argmax(1) == y[rows]).sum()
        return float(total), int(right)

    return epoch


def training(net: Callable[[], nn.Module], batch: int, *shape: int, **settings: Any) -> Prepare:
    """An epoch over tensors in memory, by Adam unless said otherwise."""
    settings = settings or {"optimizer": torch.optim.Adam, "fused": True}

    def prepare(most: int, order: torch.memory_format) -> Run:
        epoch = trainer(net(), *pictures(most * batch, *shape), batch, order, **settings)
        return lambda steps: epoch(steps * batch)

    return prepare


def epochs(count: int) -> Prepare:
    """Epochs of the perceptron over so many pictures."""

    def prepare(_: int, order: torch.memory_format) -> Run:
        data = pictures(count, 784)
        epoch = trainer(nets_torch.perceptron(), *data, 128, order, optimizer=torch.optim.Adam, fused=True)
        return lambda steps: [epoch(count) for _ in range(steps)]

    return prepare


def predict(most: int, order: torch.memory_format) -> Run:
    """The MNIST net's probabilities."""
    model, (x, _) = nets_torch.mnist_net().to(memory_format=order).eval(), pictures(most * 128, 28, 28, 1)

    @torch.inference_mode()
    def run(steps: int) -> Any:
        parts = x[: steps * 128].split(128)
        return torch.cat([model(part.contiguous(memory_format=order)).softmax(1) for part in parts]).numpy()

    return run


def gradient(_: int, order: torch.memory_format) -> Run:
    """The gradient of the mean of conv5_1 with respect to one picture."""
    model, (x, _) = nets_torch.vgg_conv5_1().to(memory_format=order), pictures(1, 128, 128, 3)
    for weight in model.parameters():
        weight.requires_grad_(False)

    def once() -> Any:
        picture = x.contiguous(memory_format=order).clone().requires_grad_()
        return torch.autograd.grad(model(picture).mean(), picture)[0].numpy()

    return lambda steps: [once() for _ in range(steps)]


def augment(_: int, order: torch.memory_format) -> Run:
    """A batch of pictures changed."""
    x = pictures(64, 224, 224, 3)[0].contiguous(memory_format=order)
    return lambda steps: [nets_torch.augmented(x).numpy() for _ in range(steps)]


def training_from_folder(most: int, order: torch.memory_format) -> Run:
    """An epoch of JPEG files."""
    from folder_torch import loader

    source, model = loader(most * BATCH), nets_torch.CatsNet().to(memory_format=order).train()
    rule = torch.optim.RMSprop(model.parameters(), lr=0.001, alpha=0.9)

    def run(_: int) -> Any:
        total, right = torch.zeros(()), torch.zeros((), dtype=torch.long)
        for x, y in source:
            rule.zero_grad(set_to_none=True)
            scores = model(x.permute(0, 3, 1, 2).float().contiguous(memory_format=order))
            loss = functional.binary_cross_entropy_with_logits(scores, y)
            loss.backward()
            rule.step()
            with torch.no_grad():
                total += loss
                right += ((scores > 0) == (y > 0)).sum()
        return float(total), int(right)

    return run


BY_HAND = {
    "mnist": training(nets_torch.mnist_net, 128, 28, 28, 1),
    "mnist 32": training(nets_torch.mnist_net, 32, 28, 28, 1),
    "mnist 512": training(nets_torch.mnist_net, 512, 28, 28, 1),
    "cifar": training(nets_torch.cifar_net, 128, 32, 32, 3, optimizer=torch.optim.RMSprop, alpha=0.9),
    "resnet": training(nets_torch.resnet20, 128, 32, 32, 3),
    "resnet50": training(nets_torch.resnet50, 16, 224, 224, 3),
    "mobilenet": training(nets_torch.mobilenet, 32, 128, 128, 3),
    "perceptron": training(nets_torch.perceptron, 32, 784),
    **{f"perceptron {count}": epochs(count) for count in (1000, 10000, 60000)},
    "predict": predict,
    "gradient": gradient,
    "augment": augment,
    "folder": training_from_folder,
}


def prepare(work: str) -> tuple[Run, str]:
    """The faster memory format of a work, and its name.

    Raises:
        NotWritten: nobody did.
    """
    if work not in BY_HAND:
        raise NotWritten
    row, found = WORKS[work], []
    for order in (torch.contiguous_format, torch.channels_last):
        run = BY_HAND[work](row.most, order)
        run(row.fewest)
        start = time.perf_counter()
        run(row.fewest)
        found.append((time.perf_counter() - start, str(order).removeprefix("torch."), run))
    _, name, run = min(found, key=lambda one: one[0])
    return run, name
