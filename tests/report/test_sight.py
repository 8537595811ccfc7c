"""What a network sees: filters, heat maps with trust, robustness, noise; and what is left out, with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from report_samples import part

from kerato import layers
from kerato.models import Sequential
from kerato.report import sight as module
from kerato.report.sight import CHANGES, Sight, chosen, sight

pytestmark = pytest.mark.slow

NAMES = ("dark", "bright", "other")


@pytest.fixture(scope="module", autouse=True)
def quick() -> Any:
    """Few steps: what is tested is what comes of them, not how far they go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STEPS", 2)
        patch.setattr(module, "ATTACK_STEPS", 2)
        patch.setattr(module, "FILTERS", 3)
        patch.setattr(module, "CHANGES", CHANGES[-2:])
        yield


@pytest.fixture(scope="module")
def net() -> Sequential:
    """Takes the first pixel of 20 and more for bright ones."""
    model = Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    kernel = np.zeros((3, 3, 1, 4), "float32")
    kernel[1, 1, 0, :2] = 1, 2
    model.layers[1].set_weights([kernel, np.zeros(4, "float32")])
    weights = np.zeros((4, 3), "float32")
    weights[0, 1] = weights[1, 1] = 6
    model.layers[-1].set_weights([weights, np.array([4, 0, -5], "float32")])
    return model


@pytest.fixture(scope="module")
def found(net: Sequential) -> Sight:
    pictures = part(12, 2).pixels
    assert pictures is not None
    pictures[::2] //= 8
    answers = net.predict(pictures, verbose=0)
    return sight(net, pictures, np.arange(12) % 2, answers, NAMES)


def test_every_part_is_there(found: Sight) -> None:
    assert found.left_out == {}
    (responses,) = found.filters
    assert (len(responses.pictures) + responses.silent, responses.tried) == (3, 3)
    assert responses.silent == 1, "the third filter is all zeros"
    assert found.noise is not None and found.noise.said == "class 2" and not found.noise.fooled
    assert found.scale is not None


def test_heat_maps_come_with_a_sentence_and_a_score(found: Sight) -> None:
    assert len(found.heat) == module.MAPS
    assert found.method.startswith("grad_cam at conv2d")
    for one in found.heat:
        assert one.sentence.endswith(".")
        assert 0 <= one.score <= 1
        assert max(one.picture.width, one.picture.height) <= 160
    assert {one.truth for one in found.heat} == {"dark", "bright"}


def test_the_curve_starts_at_the_accuracy_and_falls(found: Sight) -> None:
    assert found.changes == (0.0, *CHANGES[-2:])
    assert found.accuracy[0] == 1.0
    assert list(found.accuracy) == sorted(found.accuracy, reverse=True)
    assert found.attacked == 12


def test_wrong_ones_are_among_those_explained() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1, 2, 2])
    answers = np.eye(3)[[0, 0, 0, 1, 0, 2, 2, 2]] * np.array([9, 8, 7, 6, 5, 8, 3, 2])[:, None]
    assert chosen(labels, answers) == [0, 3, 6, 1, 5, 4]
    assert chosen(labels[:3], answers[:3]) == [0, 1, 2]
    assert chosen(labels[4:6], answers[4:6]) == [1, 0], "where nothing is right, all are wrong ones"


def test_without_held_out_pictures_the_reason_is_said(net: Sequential, monkeypatch: pytest.MonkeyPatch) -> None:
    none = np.zeros((0, 8, 8, 1), np.uint8)
    seen = sight(net, none, np.zeros(0, int), np.zeros((0, 3)), NAMES, budget=1e9)
    assert seen.left_out == {"heat maps": "no pictures were held out.", "robustness": "no pictures were held out."}
    assert seen.noise is not None


def test_over_budget_nothing_is_begun(net: Sequential) -> None:
    pictures = np.zeros((2, 8, 8, 1), np.uint8)
    seen = sight(net, pictures, np.zeros(2, int), np.eye(3)[:2], NAMES, budget=-1)
    assert list(seen.left_out) == ["noise", "heat maps", "robustness", "filters"]
    assert all("takes long" in reason for reason in seen.left_out.values())


def test_what_is_no_network_is_left_out_with_the_reason() -> None:
    seen = sight(object(), np.zeros((1, 8, 8, 1), np.uint8), np.zeros(1, int), np.eye(3)[:1], NAMES)
    assert len(seen.left_out) == 4
    assert all("must be a model" in reason for reason in seen.left_out.values())


def test_the_method_follows_the_finest_places_left(net: Sequential) -> None:
    flat = Sequential([layers.Input((4, 4, 1)), layers.Flatten(), layers.Dense(2, activation="softmax")])
    assert module.method_for(flat, np.zeros((1, 4, 4, 1), "float32")) == "occlusion"
    assert module.method_for(net, np.zeros((1, 8, 8, 1), "float32")) == "grad_cam"
    seen = Sight()
    module._look(seen, flat, (4, 4))
    assert seen.left_out == {"filters": "the network has no convolution."}
