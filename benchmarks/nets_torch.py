"""The networks of `nets.py` as modules of torch, with the same layers and numbers of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


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


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut, the stride in the first, and biases: as Keras has them."""

    def __init__(self, before: int, filters: int, stride: int, projected: bool) -> None:
        super().__init__()
        self.way = nn.Sequential(
            *(nn.Conv2d(before, filters, 1, stride), nn.BatchNorm2d(filters), nn.ReLU(True)),
            *(nn.Conv2d(filters, filters, 3, 1, 1), nn.BatchNorm2d(filters), nn.ReLU(True)),
            *(nn.Conv2d(filters, 4 * filters, 1), nn.BatchNorm2d(4 * filters)),
        )
        short = (nn.Conv2d(before, 4 * filters, 1, stride), nn.BatchNorm2d(4 * filters)) if projected else ()
        self.short = nn.Sequential(*short)

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, height, width) to (n, 4 * filters, ...)."""
        return functional.relu(self.way(x) + self.short(x), inplace=True)


def resnet50() -> nn.Module:
    """ResNet-50 for ten classes."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(True), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for filters, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for number in range(count):
            stride = 2 if filters > 64 and number == 0 else 1
            layers.append(Bottleneck(before, filters, stride, projected=number == 0))
            before = 4 * filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 10))


def mobilenet() -> nn.Module:
    """MobileNet for ten classes."""

    def normed(before: int, filters: int, size: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
        pad = [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
        inside = size // 2 if stride == 1 else 0
        convolution = nn.Conv2d(before, filters, size, stride, inside, groups=groups, bias=False)
        return [*pad, convolution, nn.BatchNorm2d(filters), nn.ReLU6(True)]

    layers, before = normed(3, 32, 3, 2), 32
    for filters, stride in (
        *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
        *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
    ):
        layers += [*normed(before, before, 3, stride, before), *normed(before, filters, 1)]
        before = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(1e-3), nn.Linear(before, 10))


def augmented(x: Tensor) -> Tensor:
    """The layers of `nets.augmentation` in one reading of square pictures (n, channels, side, side)."""
    mirror = torch.randint(0, 2, (len(x),)) * 2.0 - 1
    turn, zoom, down, right = torch.empty(4, len(x)).uniform_(-1, 1)
    turn, zoom = turn * 0.1 * 2 * torch.pi, 1 + 0.2 * zoom
    c, s = zoom * turn.cos(), zoom * turn.sin()
    maps = torch.stack([mirror * c, -mirror * s, 0.2 * right, s, c, 0.2 * down], 1).view(-1, 2, 3)
    places = functional.affine_grid(maps, list(x.shape), align_corners=False)
    return functional.grid_sample(x, places, padding_mode="reflection", align_corners=False)


class CatsNet(nn.Module):
    """The book's small network of section 7.1, behind the augmentation: pictures in [0, 255] to a logit."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, filters in ((3, 32), (32, 32), (32, 64)):
            layers += [nn.Conv2d(before, filters, 3), nn.ReLU(), nn.MaxPool2d(2)]
        head = (nn.Flatten(), nn.Linear(18496, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 1))
        self.layers = nn.Sequential(*layers, *head)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, 150, 150) to (n, 1)."""
        return self.layers(augmented(x) / 255)
