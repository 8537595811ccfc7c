"""Book 2.4: the whole VGG-16, pictures that a net takes for a class, and any class out of a thousand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from toy_nets import digit_net

import kerato
from kerato import layers, see
from kerato.applications import VGG16


def test_row_2_4_01_vgg_16_with_its_dense_layers_has_138_million_weights() -> None:
    model = VGG16(weights=None)
    assert model.count_params() == 138_357_544
    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, 1000)
    top = {layer.name: layer for layer in model.layers[-4:]}
    assert list(top) == ["flatten", "fc1", "fc2", "predictions"]
    assert [top[name].units for name in ("fc1", "fc2", "predictions")] == [4096, 4096, 1000]
    assert top["fc1"].activation is kerato.activations.relu
    assert top["predictions"].activation is kerato.activations.softmax
    assert model.get_layer("conv5_1") is model.get_layer("block5_conv1"), "the book's name and Keras's"


def test_row_2_4_03_noise_becomes_every_class(tmp_path: Any) -> None:
    model = digit_net()
    for target in range(10):
        found = see.fool(model, target)
        assert found.probability >= 0.99
        answer = model.predict(found.values[None], verbose=0)[0]
        assert answer[target] == pytest.approx(found.probability, abs=1e-5)
        assert found.fooled
        assert found.values.min() >= 0
        assert found.values.max() <= 1
    assert found.trace[0] < found.trace[-1]
    picture = kerato.image.read(found.save(tmp_path / "nine.png"))
    np.testing.assert_array_equal(picture[..., 0], found.picture[..., 0])
    saved = model.predict(found.picture[None] / np.float32(255), verbose=0)[0, 9]
    assert saved == pytest.approx(found.probability_as_saved, abs=1e-5)
    assert found.as_json()["target"] == 9


@pytest.mark.parametrize(("number", "name"), [(65, "sea_snake"), (18, "magpie"), (999, "class 999")])
def test_row_2_4_04_any_of_a_thousand_outputs_may_be_chosen_and_has_its_name(number: int, name: str) -> None:
    net = kerato.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1000, activation="softmax")])
    net.set_weights([50 * weight for weight in net.get_weights()])  # so that it can be sure of something
    names = [f"class {i}" for i in range(1000)]
    names[65], names[18] = "sea_snake", "magpie"
    net.extra["class_names"] = names
    found = see.fool(net, number)
    assert (found.target, found.name, found.answer) == (number, name, number)
    assert found.probability >= 0.99
    assert see.maximize(net, number, recipe="book", steps=2).names[0].startswith(f"{name} \u00b7 ")
