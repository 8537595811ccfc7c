"""The nets that were trained on ImageNet: totals, names and answers are those of Keras 3.15.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerato
from kerato import applications, layers
from kerato.applications import imagenet_utils, mobilenet, mobilenet_v2, pretrained, resnet, resnet50, vgg16, vgg19
from kerato.errors import InvalidType, InvalidValue
from kerato.models import Model

#: net -> its weights with the top, and without; the numbers of Keras
TOTALS = {
    "VGG16": (138_357_544, 14_714_688),
    "VGG19": (143_667_240, 20_024_384),
    "ResNet50": (25_636_712, 23_587_712),
    "MobileNet": (4_253_864, 3_228_864),
    "MobileNetV2": (3_538_984, 2_257_984),
    "SqueezeNet": (1_235_496, 722_496),
}

slow = pytest.mark.slow

#: net -> how it is made, its first answers and their sum in Keras 3.15.1 on JAX, for `filled` weights and `PICTURE`
ANSWERS = {
    "VGG16": ({"include_top": False, "pooling": "avg"}, [8.845973, 9.824734, 6.862352], 2502.5073),
    "VGG19": ({"include_top": False, "pooling": "max"}, [5.494115, 1.786490, 3.212209], 2268.3310),
    "ResNet50": ({"classes": 3}, [-7198.534, 1916.0037, 4503.1895], -779.3408),
    "MobileNet": ({"classes": 3, "alpha": 0.5}, [1.438226, 0.029989, -0.145647], 1.322569),
    "MobileNetV2": ({"classes": 3, "alpha": 0.35}, [2.053040, 3.152800, 1.605152], 6.810993),
}
PICTURE = np.random.default_rng(0).uniform(-1, 1, (1, 45, 33, 3)).astype("float32")


def net(name: str, **options: Any) -> Any:
    return getattr(applications, name)(weights=None, **options)


def filled(model: Model) -> None:
    """Weights that are the same in every library."""
    arrays: list[Any] = []
    for number, old in enumerate(model.get_weights()):
        draws = np.random.default_rng(number)
        if old.ndim == 1:
            arrays.append(draws.uniform(0.5, 1.5, old.shape))
        else:
            spread = np.float32(np.sqrt(2 / np.prod(old.shape[:-1])))
            arrays.append(draws.standard_normal(old.shape, "float32") * spread)
    model.set_weights(arrays)


@slow
@pytest.mark.parametrize("name", TOTALS)
def test_totals_are_exact(name: str) -> None:
    full, base = net(name), net(name, include_top=False)
    assert (full.count_params(), base.count_params()) == TOTALS[name]
    assert full.output_shape == (None, 1000)
    assert name not in ("MobileNet", "MobileNetV2") or full.name == f"{name.lower()}_1.00_224"
    assert base.input_shape == (None, None, None, 3)
    assert all(w._slot.values[w._index] is None for w in full.weights), "nothing is drawn before it is needed"


@slow
@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_those_of_keras(name: str) -> None:
    options, first, total = ANSWERS[name]
    ending = {"classifier_activation": None} if options.get("include_top", True) else {}
    model = net(name, input_shape=(45, 33, 3), **options, **ending)
    filled(model)
    found = model.predict(PICTURE, verbose=0)[0]
    np.testing.assert_allclose(found[:3], first, rtol=2e-5, atol=2e-6)
    assert found.sum() == pytest.approx(total, rel=2e-5)


@slow
def test_names_are_those_of_keras() -> None:
    assert [layer.name for layer in net("VGG19").layers][-8:] == [
        *("block5_conv2", "block5_conv3", "block5_conv4", "block5_pool", "flatten", "fc1", "fc2", "predictions"),
    ]
    names = [layer.name for layer in net("ResNet50", include_top=False, pooling="avg").layers]
    assert names[-1] == "avg_pool"
    assert names[1:9] == [
        *("conv1_pad", "conv1_conv", "conv1_bn", "conv1_relu", "pool1_pad", "pool1_pool"),
        *("conv2_block1_1_conv", "conv2_block1_1_bn"),
    ]
    assert net("MobileNet", alpha=0.5, input_shape=(40, 64, 3)).name == "mobilenet_0.50_40"
    assert net("MobileNetV2", include_top=False).name == "mobilenetv2_1.00_None"
    assert net("MobileNetV2", alpha=1.4, include_top=False).output_shape[-1] == 1792


def test_the_modules_have_what_keras_has() -> None:
    for module, mode in (
        (vgg16, "caffe"),
        (vgg19, "caffe"),
        (resnet, "caffe"),
        (mobilenet, "tf"),
        (mobilenet_v2, "tf"),
    ):
        assert module.decode_predictions is imagenet_utils.decode_predictions
        assert mode in str(module.preprocess_input.__doc__)
    assert resnet50.ResNet50 is applications.ResNet50
    x = np.arange(12, dtype="float32").reshape(1, 2, 2, 3)
    np.testing.assert_allclose(vgg16.preprocess_input(x)[0, 0, 0], [2 - 103.939, 1 - 116.779, 0 - 123.68], rtol=1e-6)
    np.testing.assert_allclose(mobilenet.preprocess_input(x)[0, 1, 1], np.array([9, 10, 11]) / 127.5 - 1, rtol=1e-6)
    assert x[0, 0, 0].tolist() == [0, 1, 2], "the picture that is given stays as it is"


@pytest.mark.parametrize("other", ["conv5_1", "conv1_2", "pool3", "fc6", "fc8"])
def test_layers_of_vgg_have_two_names(other: str) -> None:
    mine = {"conv5_1": "block5_conv1", "conv1_2": "block1_conv2", "pool3": "block3_pool", "fc6": "fc1"}
    model = net("VGG16")
    assert model.get_layer(other) is model.get_layer(mine.get(other, "predictions"))


def test_the_other_name_is_only_for_who_has_not_the_first() -> None:
    model = kerato.Sequential(
        [layers.Input((8, 8, 3)), layers.Conv2D(1, 3, name="conv1_1"), layers.Conv2D(1, 3, name="block1_conv1")]
    )
    assert model.get_layer("conv1_1").name == "conv1_1"
    assert model.get_layer("block1_conv1").name == "block1_conv1"
    with pytest.raises(ValueError, match="conv1_2"):
        model.get_layer("conv1_2")
    with pytest.raises(ValueError, match="block1_conv1"):
        model.get_layer("conv1_1_bn")


def test_channels_first_has_the_same_layers() -> None:
    before = kerato.config.image_data_format()
    kerato.config.set_image_data_format("channels_first")
    try:
        for name in ("VGG16", "MobileNetV2"):
            model = net(name, include_top=False, input_shape=(3, 64, 96))
            assert model.output_shape[2:] == (2, 3)
            assert model.count_params() == TOTALS[name][1]
    finally:
        kerato.config.set_image_data_format(before)


def test_a_net_stands_on_a_tensor_and_what_is_before_it() -> None:
    pictures = layers.Input((40, 40, 3))
    model = net("VGG16", include_top=False, input_tensor=layers.Rescaling(1 / 255)(pictures))
    assert model.inputs == [pictures]
    assert model.output_shape == (None, 1, 1, 512)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("VGG16", {"pooling": "mean"}, "vgg16: `pooling` must be None, 'avg' or 'max'"),
        ("VGG16", {"input_shape": (31, 64, 3)}, "vgg16: `input_shape` must be at least 32 pixels a side"),
        ("VGG16", {"input_shape": (None, 64, 3)}, "a known size, since the top needs one"),
        ("VGG19", {"input_shape": (64, 64)}, "the shape of one picture"),
        ("ResNet50", {"weights": "imagenet", "classes": 10}, "`classes` must be 1000. Got 10"),
        ("ResNet50", {"weights": "imagenet", "input_shape": (64, 64, 3)}, r"must be \(224, 224, 3\) with"),
        (
            "ResNet50",
            {"weights": "imagenet", "classifier_activation": "relu"},
            "None or 'softmax' with trained weights",
        ),
        ("MobileNet", {"weights": "imagenet", "alpha": 0.3}, "0.25, 0.5, 0.75 or 1 with weights='imagenet'. Got 0.3"),
        ("MobileNet", {"weights": "imagenet", "depth_multiplier": 2}, "`depth_multiplier` must be 1"),
        ("MobileNetV2", {"weights": "imagenet", "alpha": 0.3}, "mobilenetv2: `alpha` must be 0.35"),
    ],
)
def test_what_cannot_be_is_said(name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        getattr(applications, name)(**{"weights": None, **options})


def test_an_array_is_no_tensor_to_build_on() -> None:
    with pytest.raises(InvalidType, match="`input_tensor` must be a tensor such as Input gives"):
        net("VGG16", include_top=False, input_tensor=np.zeros((1, 32, 32, 3)))


@slow
def test_a_file_tells_the_net_that_it_is_of(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from kerato.applications import vgg

    monkeypatch.setattr(vgg, "FILTERS", (2, 2, 2, 2, 2))
    made = {
        "vgg16": net("VGG16", include_top=False),
        "vgg19": net("VGG19", include_top=False),
        "mobilenet": net("MobileNet", include_top=False, alpha=0.25),
        "mobilenetv2": net("MobileNetV2", include_top=False, alpha=0.35),
    }
    for name, model in made.items():
        path = tmp_path / f"{name}.h5"
        model.save_weights(path)
        assert pretrained.row_for(path).name == name
