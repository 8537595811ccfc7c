"""Evidence: what is found out about a model and its pictures."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from report_samples import part

from kerato import applications, layers
from kerato.data.generator import ImageDataGenerator
from kerato.data.parts import Part
from kerato.image.files import decode, write
from kerato.models import Sequential
from kerato.report import Record, evidence, gather
from kerato.report.thumbnails import as_seen, filters, thumbnail
from kerato.tasks.scores import scores


class Knowing:
    """A model that reads the class from the first pixel, and takes every third picture for the next class."""

    name, variables, trainable_weights = "knowing", (), ()
    layers: tuple[Any, ...] = ()

    def __init__(self, classes: int) -> None:
        self.classes, self.asked = classes, 0

    def __repr__(self) -> str:
        return "Knowing"

    def count_params(self) -> int:
        return 7

    def predict(self, x: Any, batch_size: int) -> Any:
        assert len(x) == batch_size
        self.asked += len(x)
        truth = x[:, 0, 0, 0] // 20
        said = np.where(np.arange(len(x)) % 3 == 0, (truth + 1) % self.classes, truth)
        sure = 0.6 + 0.3 * x[:, 1, 1, 0] / 255
        return np.eye(self.classes)[said] * sure[:, None] + 0.1 / self.classes


def record(classes: int, **more: Any) -> Record:
    return Record("set", "net", [f"c{i}" for i in range(classes)], {"loss": [1.0], "acc": [0.5]}, **more)


def decoded(address: str) -> Any:
    return decode(base64.b64decode(address.partition(",")[2]), channels="stored")


@pytest.mark.parametrize("classes", [2, 12])
@pytest.mark.parametrize("shape", [(8, 8, 1), (10, 6, 3)])
def test_mistakes_are_the_surest_wrong_answers(classes: int, shape: tuple[int, int, int]) -> None:
    model, train, test = Knowing(classes), part(50, classes, shape), part(130, classes, shape)
    found = gather(record(classes), model, train, test)
    assert len(found.mistakes) == evidence.MISTAKES
    sure = [item.probability for item in found.mistakes]
    assert sure == sorted(sure, reverse=True)
    for item in found.mistakes:
        at = test.names.index(item.name)
        assert item.truth == f"c{test.labels[at]}"
        assert item.said == f"c{(test.labels[at] + 1) % classes}"
        assert np.array_equal(decoded(item.picture.address), test.picture(at).squeeze())
    assert found.train_accuracy == pytest.approx(33 / 50)
    assert (sum(found.counts["training"]), sum(found.counts["test"])) == (50, 130)
    assert found.parameters == 7


def test_given_answers_are_not_computed_again() -> None:
    model, train, test = Knowing(3), part(10, 3), part(20, 3)
    answers = np.tile([0.2, 0.7, 0.1], (20, 1))
    found = gather(record(3, part="validation"), model, train, test, scores(answers, test.labels, "abc"), answers)
    assert model.asked == evidence.BATCH
    assert {item.said for item in found.mistakes} == {"c1"}
    assert found.learning.held == pytest.approx(7 / 20)
    assert found.learning.part == "validation"


def test_without_a_part_to_judge() -> None:
    found = gather(record(2), Knowing(2), part(10, 2))
    assert (found.scores, found.mistakes, list(found.counts)) == (None, [], ["training"])
    assert found.learning.held is None


def test_of_many_pictures_a_sample_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "TRAIN_SAMPLE", 30)
    monkeypatch.setattr(evidence, "HELD_SAMPLE", 70)
    model = Knowing(2)
    found = gather(record(2), model, part(1000, 2), part(900, 2))
    assert (found.train_sample, model.asked) == (30, 64 + 128)
    assert sum(found.counts["test"]) == 900


def test_pictures_may_stay_in_their_files(tmp_path: Path) -> None:
    test = part(9, 3, (8, 8, 3))
    paths = [str(write(tmp_path / f"{i}.png", test.picture(i))) for i in range(9)]
    filed = Part(test.names, test.groups, test.labels, test.picture_shape, None, paths)
    found, same = (gather(record(3), Knowing(3), one, one) for one in (filed, test))
    assert found == same


def test_training_pictures_are_those_of_the_first_epoch_with_augmentation() -> None:
    plain = part(30, 3)
    flips = ImageDataGenerator(rotation_range=40.0, data_format="channels_last")
    varied = part(30, 3, generator=flips, shuffle=True)
    found = gather(record(3), Knowing(3), varied).seen
    assert len(found) == evidence.SEEN
    x, y = varied.batch(0, 0)
    assert [one.label for one in found] == [f"c{label}" for label in y[: len(found)]]
    assert np.array_equal(decoded(found[0].picture.address), x[0].squeeze())
    assert gather(record(3), Knowing(3), plain).seen[0].picture != found[0].picture


@pytest.mark.parametrize("scaling", [(1 / 255, 0.0), (1 / 127.5, -1.0)])
def test_pictures_are_shown_behind_the_preparing_layers(scaling: tuple[float, float]) -> None:
    pictures = part(4, 2, (6, 6, 3)).pixels
    assert pictures is not None
    stack = [layers.Input((6, 6, 3)), layers.Rescaling(*scaling), layers.Flatten(), layers.Dense(2)]
    assert np.array_equal(as_seen(Sequential(stack), pictures), pictures)
    smaller = Sequential([layers.Input((6, 6, 3)), layers.Resizing(3, 3), layers.Rescaling(*scaling), layers.Flatten()])
    assert as_seen(smaller, pictures).shape == (4, 3, 3, 3)


@pytest.mark.parametrize(("net", "shape", "size"), [("digits_cnn", (8, 8, 1), (3, 3)), ("mlp", (8, 8, 3), (8, 8))])
def test_filters_share_one_scale(net: str, shape: tuple[int, int, int], size: tuple[int, int]) -> None:
    model = applications.build(net, shape, 2)
    found = filters(model, shape)
    assert found is not None
    shown = np.stack([decoded(one.address) for one in found.pictures]).astype(float)
    assert shown.shape[1:3] == size
    kernel = next(layer for layer in model.layers if layer.trainable_variables).kernel.numpy()
    wanted = kernel.reshape(*size, shape[2], -1)[..., 0]
    assert found.extent == pytest.approx(np.abs(kernel).max())
    assert np.allclose((shown[0] / 127.5 - 1).reshape(wanted.shape) * found.extent, wanted, atol=found.extent / 200)
    assert found.total == kernel.shape[-1]


def test_filters_over_other_channels_are_not_shown() -> None:
    model = Sequential([layers.Input((8, 8, 5)), layers.Conv2D(4, 3)])
    assert filters(model, (8, 8, 5)) is None
    assert filters(Sequential([layers.Input((8, 8, 1)), layers.Flatten()]), (8, 8, 1)) is None


@pytest.mark.parametrize("channels", [1, 3])
def test_large_pictures_are_shrunk(channels: int) -> None:
    found = thumbnail(np.full((400, 300, channels), 200, np.uint8))
    assert (found.width, found.height, found.small) == (120, 160, False)
    assert found.address.startswith("data:image/jpeg;base64,")
    assert abs(int(decoded(found.address).flat[0]) - 200) <= 2
