"""One call each on every kind of model: nested, shared, several inputs or outputs, films, own classes, any ending."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import see_reference as reference

import kerato
from kerato import layers, see
from kerato.applications import VGG16, vgg
from kerato.see.lens import lens_of
from kerato.variables import Run

draws = np.random.default_rng(0)
X = draws.random((2, 12, 12, 3)).astype("float32")


def body(channels: int = 3, **options: Any) -> list[Any]:
    """Two convolutions."""
    return [
        layers.Input((channels, 12, 12) if options else (12, 12, channels)),
        layers.Conv2D(4, 3, activation="relu", name="early", **options),
        layers.Conv2D(5, 3, activation="relu", name="late", **options),
    ]


def base() -> Any:
    """A small convolutional net without its head."""
    return kerato.Sequential(body(), name="base")


def flat(ending: str = "activation", units: int = 3, channels: int = 3) -> Any:
    ends: dict[str, list[Any]] = {
        "activation": [layers.Dense(units, activation="softmax", name="answer")],
        "layer": [layers.Dense(units, name="answer"), layers.Softmax()],
        "activation layer": [layers.Dense(units, name="answer"), layers.Activation("softmax")],
        "missing": [layers.Dense(units, name="answer")],
        "sigmoid": [layers.Dense(1, activation="sigmoid", name="answer")],
    }
    return kerato.Sequential([*body(channels), layers.GlobalAveragePooling2D(), *ends[ending]])


def nested() -> Any:
    """Model > Sequential > Model."""
    inside = kerato.Input((12, 12, 3))
    middle = kerato.Sequential([layers.Input((12, 12, 3)), layers.Rescaling(1.0), kerato.Model(inside, base()(inside))])
    x = kerato.Input((12, 12, 3))
    return kerato.Model(x, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(middle(x))))


def two_inputs() -> Any:
    x, facts = kerato.Input((12, 12, 3), name="picture"), kerato.Input((4,), name="facts")
    joined = layers.Concatenate()([layers.GlobalAveragePooling2D()(base()(x)), layers.Dense(3)(facts)])
    return kerato.Model([facts, x], layers.Dense(3, activation="softmax")(joined))


def two_outputs() -> Any:
    x = kerato.Input((12, 12, 3))
    y = base()(x)
    side = layers.Conv2D(2, 3, activation="relu", name="side")(y)
    first = layers.Dense(3, activation="softmax", name="kind")(layers.GlobalAveragePooling2D()(y))
    second = layers.Dense(2, activation="softmax", name="size")(layers.GlobalAveragePooling2D()(side))
    return kerato.Model(x, [first, second])


def siamese() -> Any:
    a, b = kerato.Input((12, 12, 3), name="left"), kerato.Input((12, 12, 3), name="right")
    twin = kerato.Sequential([*body(), layers.Flatten(), layers.Dense(4)], name="twin")
    apart = layers.Subtract()([twin(a), twin(b)])
    return kerato.Model([a, b], layers.Dense(1, use_bias=False)(layers.Multiply()([apart, apart])))


def channels_first() -> Any:
    first = {"data_format": "channels_first"}
    return kerato.Sequential([*body(**first), layers.GlobalAveragePooling2D(**first), layers.Dense(3)])


class Own(kerato.Model):
    """A class of one's own, with a branch in Python."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.pool, self.answer = base(), layers.GlobalAveragePooling2D(), layers.Dense(3)

    def call(self, x: Any, training: bool = False) -> Any:
        return self.answer(self.pool(self.body(x)))


def own() -> Any:
    net = Own()
    net(X)
    return net


def film() -> Any:
    """A net for pictures at every step of a film."""
    steps = layers.TimeDistributed(kerato.Sequential([*body(), layers.GlobalAveragePooling2D()]))
    ends = [layers.LSTM(4), layers.Dense(3, activation="softmax")]
    return kerato.Sequential([layers.Input((4, 12, 12, 3)), steps, *ends])


def recurrent_film() -> Any:
    """Convolutions with a memory, then a convolution for every frame."""
    kept = layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True, name="memory")
    each = layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu", name="late"))
    ends = [layers.GlobalAveragePooling3D(), layers.Dense(3, activation="softmax")]
    return kerato.Sequential([layers.Input((4, 12, 12, 3)), kept, each, *ends])


def transfer() -> Any:
    """VGG-16, very narrow, as the base of a model of one's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vgg, "FILTERS", (2, 2, 3, 3, 4))
        inside = VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    return kerato.Sequential([layers.Rescaling(1.0), inside, layers.Flatten(), layers.Dense(3, activation="softmax")])


def volume() -> Any:
    """Convolutions over time and places."""
    ends = [layers.GlobalAveragePooling3D(), layers.Dense(3)]
    return kerato.Sequential([layers.Input((4, 12, 12, 3)), layers.Conv3D(3, 3, activation="relu", name="late"), *ends])


def transformer(mean: bool = False, side: int = 4) -> Any:
    """Patches of 3 x 3 as tokens, two blocks of attention; the answer from the mean of the tokens or from the first."""
    x = kerato.Input((3 * side, 3 * side, 3))
    y = layers.Conv2D(8, 3, strides=3, name="patches")(x)
    y = layers.Reshape((side * side, 8))(y)
    if not mean:
        y = layers.ZeroPadding1D((1, 0))(y)  # a class token of zeros
    for number in range(2):
        z = layers.LayerNormalization(name=f"before_{number}")(y)
        y = layers.Add(name=f"attended_{number}")(
            [y, layers.MultiHeadAttention(2, 4, name=f"attention_{number}")(z, z)]
        )
        z = layers.Dense(8, activation="gelu")(layers.LayerNormalization()(y))
        y = layers.Add(name=f"block_{number}")([y, z])
    token = layers.GlobalAveragePooling1D()(y) if mean else layers.Lambda(lambda t: t[:, 0], output_shape=(8,))(y)
    return kerato.Model(x, layers.Dense(3, activation="softmax")(token))


FIRST = np.moveaxis(X, -1, 1)
FACTS = draws.random((2, 4)).astype("float32")
Z = draws.random((2, 12, 12, 3)).astype("float32")

#: how to build, what it takes, the layer that Grad-CAM chooses
ZOO: dict[str, tuple[Any, Any, str]] = {
    "flat": (flat, X, "late"),
    "nested": (nested, X, "late"),
    "two inputs": (two_inputs, [FACTS, X], "base/late"),
    "two outputs": (two_outputs, X, "base/late"),
    "siamese": (siamese, [X, Z], "twin/late"),
    "channels first": (channels_first, FIRST, "late"),
    "own class": (own, X, "late"),
    "grey": (lambda: flat(channels=1), X[..., :1], "late"),
}


@pytest.mark.parametrize("name", ZOO)
def test_one_call_explains(name: str) -> None:
    build, x, layer = ZOO[name]
    found = see.explain(build(), x, trust=False)
    assert found.maps.shape == (2, 12, 12)
    assert np.isfinite(found.raw).all()
    assert found.layer is not None
    assert found.layer.endswith(layer)
    assert found.pictures.dtype == np.uint8
    assert found.pictures.shape[:3] == (2, 12, 12)


@pytest.mark.parametrize(
    ("build", "layer"),
    [(film, "late"), (volume, "late"), (recurrent_film, "late")],
    ids=["every step", "volume", "memory"],
)
@pytest.mark.slow
def test_films_have_a_map_for_every_frame(build: Any, layer: str) -> None:
    x = draws.random((2, 4, 12, 12, 3)).astype("float32")
    found = see.explain(build(), x, trust=False)
    assert found.maps.shape == (2, 4, 12, 12)
    assert found.layer is not None
    assert found.layer.endswith(layer)
    height, width, channels = found.overlay(0).shape
    assert (height % 12, width, channels) == (0, height, 3)


@pytest.mark.slow
def test_a_nested_vgg_is_looked_into_by_both_names_of_its_layers() -> None:
    net = transfer()
    x = draws.random((2, 32, 32, 3)).astype("float32")
    net(x)
    for layer in ("conv4_3", "block4_conv3", "vgg16/conv4_3"):
        found = see.explain(net, x, 0, layer=layer, trust=False)
        assert (found.layer, found.maps.shape) == ("vgg16/block4_conv3", (2, 32, 32))
    assert see.filters(net, "conv1_2", 2, steps=1).layer == "vgg16/block1_conv2"
    with pytest.raises(ValueError, match=r"layer 'conv6_1' is not known"):
        see.explain(net, x, 0, layer="conv6_1")


@pytest.mark.parametrize("mean", [False, True], ids=["class token", "mean"])
@pytest.mark.slow
def test_transformers_by_tokens_and_by_attention(mean: bool) -> None:
    net = transformer(mean)
    found = see.explain(net, X, trust=False)
    assert found.maps.shape == (2, 12, 12)
    assert found.layer == ("block_1" if mean else "before_1")
    assert (found.raw != 0).any(), "the tokens looked at have a say"
    rolled = see.explain(net, X, method="attention_rollout", trust=False).raw

    scores = []
    for number in range(2):
        layer = net.get_layer(f"attention_{number}")
        tokens = kerato.Model(net.input, net.get_layer(f"before_{number}").output).predict(X, verbose=0)
        scores.append(np.asarray(layer(tokens, tokens, return_attention_scores=True)[1], "float64"))
    for i in range(2):
        full = reference.rollout([attention[i] for attention in scores])
        row = full.mean(0) if mean else full[0, 1:]
        grown = np.kron(row.reshape(4, 4), np.ones((3, 3)))
        np.testing.assert_allclose(rolled[i, 1::3, 1::3], grown[1::3, 1::3], atol=1e-5)


@pytest.mark.slow
def test_each_side_of_a_siamese_net_is_explained() -> None:
    net = siamese()
    left, right = (see.explain(net, [X, Z], input=side, trust=False) for side in ("left", "right"))
    assert (left.layer, right.layer) == ("twin/late", "twin@1/late")
    np.testing.assert_array_equal(right.pictures, np.uint8(np.rint(Z * 255)))
    swapped = see.explain(net, [Z, X], input="left", trust=False)
    np.testing.assert_allclose(swapped.raw, right.raw, atol=1e-6)  # the distance is the same both ways
    assert lens_of(net, "see").classes([X, Z], 0) == 1
    with pytest.raises(ValueError, match="from 0 to 0"):
        see.explain(net, [X, Z], 1)
    with pytest.raises(ValueError, match=r"the input 'lefft' is not known.*'left'"):
        see.explain(net, [X, Z], input="lefft")


def test_each_output_has_its_own_layer() -> None:
    net = two_outputs()
    found = see.explain(net, X, output="size", trust=False)
    assert found.layer == "side"
    assert see.explain(net, X, 2, output="kind", trust=False).layer == "base/late"
    with pytest.raises(ValueError, match="from 0 to 1"):
        see.explain(net, X, 2, output=1)


def test_endings_are_looked_behind() -> None:
    nets = [flat(ending) for ending in ("activation", "layer", "activation layer", "missing")]
    for net in nets[1:]:
        net.set_weights(nets[0].get_weights())
    maps = [see.explain(net, 40 * X, 1, trust=False) for net in nets]
    for found in maps[1:]:
        np.testing.assert_allclose(found.raw, maps[0].raw, rtol=1e-5)
        np.testing.assert_allclose(found.scores, maps[0].scores, rtol=1e-5)


def test_one_sigmoid_has_two_sides() -> None:
    net = flat("sigmoid")
    no, yes = (see.explain(net, X, side, "gradient_x_input", trust=False) for side in (0, 1))
    np.testing.assert_allclose(no.raw, -yes.raw, rtol=1e-6)
    np.testing.assert_allclose(1 / (1 + np.exp(-yes.scores)), net.predict(X, verbose=0)[:, 0], rtol=1e-5)
    assert lens_of(net, "see").classes([X], 0) == 2
    target = int(net.predict(X[:1], verbose=0)[0, 0] < 0.5)
    fooled = see.fool(net, target, X[0], steps=30)
    assert fooled.trace[-1] > fooled.trace[0]
    answer = float(net.predict(fooled.values[None], verbose=0)[0, 0])
    assert fooled.probability == pytest.approx(answer if target else 1 - answer, abs=1e-5)


@pytest.mark.parametrize("name", ["nested", "channels first"])
@pytest.mark.slow
def test_filters_ascend_and_noise_fools(name: str) -> None:
    net, x, _ = ZOO[name][0](), ZOO[name][1], None
    sheet = see.filters(net, "early", [0, 1, 2, 3], 12, steps=3, step=4.0)
    assert len(sheet) + len(sheet.dead) == 4
    assert (sheet.trace[-1] > sheet.trace[0]).all()
    assert sheet.pictures.shape[1:3] == (12, 12)
    assert see.fool(net, 1, x[0], steps=150).probability > see.fool(net, 1, x[0], steps=1).probability


def test_a_value_that_a_hook_replaces_keeps_its_mask() -> None:
    net = kerato.Sequential([layers.Input((3, 2)), layers.Masking(), layers.Dense(2)])
    x = np.ones((1, 3, 2), "float32")
    x[:, 1] = 0
    with Run(hook=lambda _, value: value * 2.0) as run:
        value = net.compute_values((x,), {})
    np.testing.assert_array_equal(run.mask_of(value), [[True, False, True]])
