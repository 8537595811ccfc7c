"""The works written straight in torch, as one who knows it would: channels last, Adam in one fused pass, nothing read
back per batch. Convolutional nets are tried in both memory formats; the faster one stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from works import WORKS, Run, noise


def mnist_net() -> nn.Module:
    """The book's network of section 8.1."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
        *(nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
    )


def cifar_net() -> nn.Module:
    """The book's network of section 8.2."""
    layers: list[nn.Module] = []
    for before, filters in ((3, 32), (32, 64)):
        layers += [nn.Conv2d(before, filters, 3, padding=1), nn.ReLU(), nn.Conv2d(filters, filters, 3), nn.ReLU()]
        layers += [nn.MaxPool2d(2), nn.Dropout(0.25)]
    head = (nn.Flatten(), nn.Linear(2304, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 10))
    return nn.Sequential(*layers, *head)


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, before: int, filters: int, stride: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            *(nn.Conv2d(before, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU()),
            *(nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)),
        )
        short = (nn.Conv2d(before, filters, 1, stride, bias=False), nn.BatchNorm2d(filters)) if stride > 1 else ()
        self.short = nn.Sequential(*short)

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, height, width) to (n, filters, ...)."""
        return functional.relu(self.way(x) + self.short(x))


def resnet20() -> nn.Module:
    """ResNet-20 for 32 x 32 pictures."""
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    before = 16
    for filters in (16, 32, 64):
        for number in range(3):
            layers.append(Block(before, filters, 2 if filters > 16 and number == 0 else 1))
            before = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def perceptron() -> nn.Module:
    """784-32-10."""
    return nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))


def vgg_conv5_1() -> nn.Module:
    """VGG-16 up to its first layer of block five."""
    layers: list[nn.Module] = []
    before = 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3)):
        for _ in range(count):
            layers += [nn.Conv2d(before, filters, 3, padding=1), nn.ReLU()]
            before = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Conv2d(512, 512, 3, padding=1), nn.ReLU())


def pictures(count: int, *shape: int) -> tuple[Tensor, Tensor]:
    """Noise and labels, channels in front."""
    x, y = noise(count, *shape)
    return torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if len(shape) == 3 else x), torch.from_numpy(y).long()


def training(
    net: Callable[[], nn.Module], batch: int, *shape: int, optimizer: Any = torch.optim.Adam, **settings: Any
) -> Callable[[int, torch.memory_format], Run]:
    """An epoch over tensors in memory: shuffled, loss and accuracy kept."""

    def prepare(most: int, order: torch.memory_format) -> Run:
        model, (x, y) = net().to(memory_format=order).train(), pictures(most * batch, *shape)
        rule = optimizer(model.parameters(), lr=0.001, **settings)

        def run(steps: int) -> Any:
            total, right = torch.zeros(()), torch.zeros((), dtype=torch.long)
            for rows in torch.randperm(steps * batch).split(batch):
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

        return run

    return prepare


def predict(most: int, order: torch.memory_format) -> Run:
    """The MNIST net's probabilities."""
    model, (x, _) = mnist_net().to(memory_format=order).eval(), pictures(most * 128, 28, 28, 1)

    @torch.inference_mode()
    def run(steps: int) -> Any:
        parts = x[: steps * 128].split(128)
        return torch.cat([model(part.contiguous(memory_format=order)).softmax(1) for part in parts]).numpy()

    return run


def gradient(_: int, order: torch.memory_format) -> Run:
    """The gradient of the mean of conv5_1 with respect to one picture."""
    model, (x, _) = vgg_conv5_1().to(memory_format=order), pictures(1, 128, 128, 3)
    for weight in model.parameters():
        weight.requires_grad_(False)

    def once() -> Any:
        picture = x.contiguous(memory_format=order).clone().requires_grad_()
        return torch.autograd.grad(model(picture).mean(), picture)[0].numpy()

    return lambda steps: [once() for _ in range(steps)]


BY_HAND = {
    "mnist": training(mnist_net, 128, 28, 28, 1, fused=True),
    "cifar": training(cifar_net, 128, 32, 32, 3, optimizer=torch.optim.RMSprop, alpha=0.9),
    "resnet": training(resnet20, 128, 32, 32, 3, fused=True),
    "perceptron": training(perceptron, 32, 784, fused=True),
    "predict": predict,
    "gradient": gradient,
}


def prepare(work: str) -> tuple[Run, str]:
    """The faster memory format of a work, and its name."""
    row, found = WORKS[work], []
    for order in (torch.contiguous_format, torch.channels_last):
        run = BY_HAND[work](row.most, order)
        run(row.fewest)
        start = time.perf_counter()
        run(row.fewest)
        found.append((time.perf_counter() - start, str(order).removeprefix("torch."), run))
    _, name, run = min(found, key=lambda one: one[0])
    return run, name
