"""What is saved comes back: numbers bit for bit, configurations, how a model was compiled and how far trained."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import saving_nets as nets

import kerato
from kerato import layers, models, ops, saving
from kerato.arguments import snake_case
from kerato.errors import BadFile, InvalidCall, InvalidType, InvalidValue, UnknownName
from kerato.graph import gradients

NAMES = [name for name in nets.NETS if not name.startswith("random")]


def same(first: list[Any], second: list[Any]) -> bool:
    return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def filled(name: str) -> Any:
    model = nets.NETS[name](kerato)
    nets.fill(model)
    return model


def small(units: int = 3, **options: Any) -> Any:
    model = kerato.Sequential([layers.Input((5,)), layers.Dense(4, activation="tanh"), layers.Dense(units, **options)])
    nets.fill(model)
    return model


@pytest.mark.parametrize("name", NAMES)
def test_networks_come_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    model = filled(name)
    model.save(tmp_path / "net.keras")
    model.save_weights(tmp_path / "net.weights.h5")
    loaded = kerato.load_model(tmp_path / "net.keras")
    assert same(nets.outputs_of(model), nets.outputs_of(loaded))
    assert same(model.get_weights(), loaded.get_weights())
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert json.loads(loaded.to_json()) == json.loads(model.to_json())
    loaded.save(tmp_path / "again.keras")
    assert (tmp_path / "again.keras").read_bytes() == (tmp_path / "net.keras").read_bytes()
    for path in ("net.weights.h5", "net.keras"):
        other = nets.NETS[name](kerato)
        other.load_weights(tmp_path / path)
        assert same(model.get_weights(), other.get_weights())


@pytest.mark.parametrize("name", NAMES)
def test_configurations_and_clones_describe_the_same(name: str) -> None:
    model = nets.NETS[name](kerato)
    wanted = model.get_config()
    assert type(model).from_config(json.loads(json.dumps(wanted))).get_config() == wanted
    assert models.model_from_json(model.to_json()).get_config() == wanted
    copy = models.clone_model(model)
    assert copy.get_config() == wanted
    assert not set(copy.variables) & set(model.variables)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam"])
def test_training_goes_on_where_it_stopped(optimizer: str, tmp_path: Path) -> None:
    model = small(activation="softmax")
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    nets.train(model, 2)
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras")
    assert int(loaded.optimizer.iterations) == 2
    nets.train(model, 2)
    nets.train(loaded, 2)
    assert same(model.get_weights(), loaded.get_weights())
    assert loaded.metrics_names == model.metrics_names


def test_compiled_objects_and_functions_come_back(tmp_path: Path) -> None:
    def distance(y: Any, p: Any) -> Any:
        return ops.mean(ops.abs(y - p), axis=-1)

    model = small()
    rate = kerato.schedules.ExponentialDecay(0.1, 10, 0.5)
    sgd = kerato.optimizers.SGD(rate, momentum=0.5, clipnorm=1.0)
    model.compile(sgd, distance, metrics=[kerato.metrics.MeanSquaredError(), "mae", distance], loss_weights=[0.5])
    model.save(tmp_path / "net.keras")
    with pytest.raises(UnknownName, match=r"net\.keras: the function 'distance' is not known"):
        kerato.load_model(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras", {"distance": distance})
    assert loaded.optimizer.get_config() == sgd.get_config()
    nets.train(model, 1)
    nets.train(loaded, 1)
    assert same(model.get_weights(), loaded.get_weights())
    assert kerato.load_model(tmp_path / "net.keras", compile=False).optimizer is None


def test_another_optimizers_state_is_left_alone(tmp_path: Path) -> None:
    model = small(activation="softmax")
    model.compile("rmsprop", "categorical_crossentropy")
    nets.train(model, 1)
    model.save_weights(tmp_path / "net.weights.h5")
    other = small(activation="softmax")
    other.compile(kerato.optimizers.SGD(momentum=0.9), "categorical_crossentropy")
    other.optimizer.build(other.trainable_variables)
    other.load_weights(tmp_path / "net.weights.h5")
    assert same(model.get_weights(), other.get_weights())
    assert all(not v.numpy().any() for v in other.optimizer.variables if v.shape)


def test_an_optax_transformation_is_said_to_be_left_out(tmp_path: Path) -> None:
    optax = pytest.importorskip("optax")
    model = small()
    model.compile(optax.sgd(0.1), "mse")
    with pytest.warns(UserWarning, match="cannot be written down"):
        model.save(tmp_path / "net.keras")
    assert kerato.load_model(tmp_path / "net.keras").optimizer is None


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_bfloat16", "mixed_float16"])
def test_other_float_types_come_back(policy: str, tmp_path: Path) -> None:
    model = small(dtype=policy)
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras")
    assert [layer.dtype_policy for layer in loaded.layers] == ["float32", policy]
    assert [v.dtype for v in loaded.variables] == [v.dtype for v in model.variables]
    assert same(model.get_weights(), loaded.get_weights())


def test_frozen_layers_stay_frozen_and_others_do_not(tmp_path: Path) -> None:
    model = nets.NETS["nested"](kerato)
    model.get_layer("graph").trainable = False
    model.layers[-1].trainable = True
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras")
    assert len(loaded.trainable_weights) == len(model.trainable_weights) < len(model.weights)


def test_facts_travel_with_the_model(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    saving.save_model(small(), path, extra={"class_names": ["cat", "dog"], "scale": 1 / 255})
    loaded = kerato.load_model(path)
    assert loaded.extra == saving.read_extra(path) == {"class_names": ["cat", "dog"], "scale": 1 / 255}
    loaded.save(path)
    assert saving.read_extra(path)["class_names"] == ["cat", "dog"]
    with pytest.raises(InvalidType, match="`extra` must be plain data"):
        saving.save_model(loaded, path, extra={"f": print})
    with pytest.raises(InvalidValue, match="`extra` must be a dict"):
        saving.save_model(loaded, path, extra=["cat"])  # type: ignore[arg-type]


# -- functions and classes of the user's -------------------------------------------------------------------------------


def double(x: Any) -> Any:
    return x * 2


def sine(x: Any) -> Any:
    import jax.numpy as jnp

    return jnp.sin(jnp.asarray(x))


def with_lambdas() -> Any:
    x = layers.Input((3,))
    y = layers.Lambda(sine)(layers.Lambda(double)(layers.Dense(3)(x)))
    return kerato.Model(x, layers.Lambda(lambda t: t + 1, name="plus")(y))


def test_lambdas_are_saved_by_name_and_loaded_from_the_program(tmp_path: Path) -> None:
    model = with_lambdas()
    model.save(tmp_path / "net.keras")
    mine = {"double": double, "sine": sine, "plus": lambda t: t + 1}
    loaded = kerato.load_model(tmp_path / "net.keras", custom_objects=mine)
    assert same(nets.outputs_of(model), nets.outputs_of(loaded))
    with pytest.raises(UnknownName, match=r"the function 'double' is not known.*custom_objects=\{'double'"):
        kerato.load_model(tmp_path / "net.keras")
    with saving.custom_object_scope(mine):
        assert [layer.name for layer in kerato.load_model(tmp_path / "net.keras").layers][-1] == "plus"


def test_clones_keep_functions() -> None:
    model = with_lambdas()
    copy = models.clone_model(model)
    copy.set_weights(model.get_weights())
    assert same(nets.outputs_of(model), nets.outputs_of(copy))


def test_clones_of_layers_can_be_of_another_class() -> None:
    def softer(layer: Any) -> Any:
        return layers.Activation("tanh", name=layer.name) if layer.name == "last" else type(layer)(4)

    model = kerato.Sequential([layers.Input((4,)), layers.Dense(4), layers.Activation("relu", name="last")])
    assert models.clone_model(model, softer).layers[-1].activation.__name__ == "tanh"


def test_a_lambda_that_uses_more_than_its_input_is_refused(tmp_path: Path) -> None:
    x = layers.Input((3,))
    other = layers.Dense(3)(x)
    model = kerato.Model(x, layers.Lambda(lambda t: t + other, name="both")(x))
    with pytest.raises(InvalidValue, match=r"both \(Lambda\): the function uses other tensors or layers"):
        model.save(tmp_path / "net.keras")
    assert not list(tmp_path.iterdir())


def test_variables_between_layers_are_refused(tmp_path: Path) -> None:
    x = layers.Input((3,))
    model = kerato.Model(x, x * kerato.Variable(2.0))
    with pytest.raises(InvalidType, match="cannot be written to a file"):
        model.save(tmp_path / "net.keras")


class Scale(layers.Layer):
    """A layer with a list of layers, and a weight of its own."""

    def __init__(self, count: int, activation: Any = None, **common: Any) -> None:
        super().__init__(**common)
        self.count, self.activation = count, activation
        self.parts = [layers.Dense(3) for _ in range(count)]

    def build(self, input_shape: Any) -> None:
        self.factor = self.add_weight(shape=(3,), initializer="ones", name="factor")

    def call(self, x: Any) -> Any:
        for part in self.parts:
            x = part(x)
        return (self.activation or double)(x * self.factor)


class Net(models.Model):
    """A model without a graph."""

    def __init__(self, units: int, **common: Any) -> None:
        super().__init__(**common)
        self.scale, self.out = Scale(2), layers.Dense(units)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        return self.out(self.scale(inputs))


def test_classes_of_the_users_come_back(tmp_path: Path) -> None:
    model = kerato.Sequential([layers.Input((3,)), Scale(2, activation=sine), layers.Dense(2, activation=double)])
    nets.fill(model)
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras", {"Scale": Scale, "sine": sine, "double": double})
    assert same(nets.outputs_of(model), nets.outputs_of(loaded))
    assert [path for path in saving.weights.plan(model).variables if "scale" in path] == [
        "layers/scale/vars/0",
        *(f"layers/scale/parts/{part}/vars/{i}" for part in ("dense", "dense_1") for i in range(2)),
    ]
    with pytest.raises(UnknownName, match=r"the class 'Scale' of the module .* is not known"):
        kerato.load_model(tmp_path / "net.keras")


def test_models_without_a_graph_come_back_built(tmp_path: Path) -> None:
    model, x = Net(4), np.ones((2, 3), "float32")
    expected = model.predict(x)
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras", {"Net": Net, "Scale": Scale})
    assert np.array_equal(loaded.predict(x), expected)
    with pytest.raises(InvalidValue, match="only Sequential models and graphs can be cloned"):
        models.clone_model(model)


class Sum(models.Model):
    """A model without a graph that takes several inputs, in a dict or a list."""

    def __init__(self, **common: Any) -> None:
        super().__init__(**common)
        self.out = layers.Dense(2)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        first, second = inputs.values() if isinstance(inputs, dict) else inputs
        return self.out(first + second)


@pytest.mark.parametrize("names", [None, ("a", "b")])
def test_models_without_a_graph_and_with_several_inputs_come_back(names: Any, tmp_path: Path) -> None:
    arrays = [np.ones((2, 3), "float32"), np.zeros((2, 3), "float32")]
    x: Any = dict(zip(names, arrays, strict=True)) if names else arrays
    model = Sum()
    expected = model(x)
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras", {"Sum": Sum})
    assert np.array_equal(loaded(x), expected)


def test_functions_may_be_named_by_a_text_alone() -> None:
    text = small(activation="tanh").to_json().replace('"tanh"', '"mine"')
    loaded = models.model_from_json(text, {"mine": double})
    assert loaded.layers[0].activation is double


def test_a_fresh_program_can_begin_with_loading(tmp_path: Path) -> None:
    small().save(tmp_path / "net.keras")
    code = "import sys; from kerato.saving import load_model; print(len(load_model(sys.argv[1]).layers))"
    run = [sys.executable, "-c", code, str(tmp_path / "net.keras")]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout == "2\n"


def test_registered_classes_need_no_passing(tmp_path: Path) -> None:
    register = saving.register_keras_serializable("tests", "Doubled")
    register(Scale)
    try:
        kerato.Sequential([layers.Input((3,)), Scale(1)]).save(tmp_path / "net.keras")
        assert type(kerato.load_model(tmp_path / "net.keras").layers[0]) is Scale
        assert saving.get_custom_objects()["tests>Doubled"] is Scale
    finally:
        saving.get_custom_objects().clear()


# -- graphs ------------------------------------------------------------------------------------------------------------


def test_a_layer_in_two_nested_models_stays_one(tmp_path: Path) -> None:
    one, x, y = layers.Dense(3), layers.Input((3,)), layers.Input((3,))
    model = kerato.Model(y, [kerato.Model(x, one(x))(y), one(one(y)), layers.Dense(3)(y)])
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras")
    assert len(loaded.weights) == 4
    assert same(nets.outputs_of(model), nets.outputs_of(loaded))


def test_models_from_the_middle_of_a_graph_come_back(tmp_path: Path) -> None:
    x = layers.Input((3,))
    middle = layers.Dense(4)(x)
    model = kerato.Model(middle, layers.Dense(2)(middle * 2))
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras")
    assert same(nets.outputs_of(model), nets.outputs_of(loaded))


def test_operations_that_keras_has_not_come_back_too(tmp_path: Path) -> None:
    x = layers.Input((4, 6))
    y = ops.scale_axes(ops.repeat_axes(x, [2], [1]), [2], [2]) + ops.shape(x)[0] * 2
    model = kerato.Model(x, ops.einsum("bij,bij->bi", y, ops.relu(y, negative_slope=0.1)))
    model.save(tmp_path / "net.keras")
    assert same(nets.outputs_of(model), nets.outputs_of(kerato.load_model(tmp_path / "net.keras")))


def test_formulas_of_keras_are_read() -> None:
    config = kerato.Model(x := layers.Input((3,)), ops.sigmoid(x)).get_config()
    for name, options in {
        "Silu": dict[str, float](),
        "Celu": {"alpha": 0.5},
        "LeakyRelu": {"negative_slope": 0.1},
    }.items():
        config["layers"][1].update(class_name=name, config={"name": "formula", **options})
        loaded = models.Model.from_config(config)
        formula = kerato.activations.get(snake_case(name))
        numbers = np.linspace(-2, 2, 6, dtype="float32").reshape(2, 3)
        assert np.allclose(loaded.predict(numbers), formula(numbers, **options), atol=1e-6)


def test_gradients_between_layers_are_refused() -> None:
    x: Any = layers.Input((3,))
    slope = gradients(ops.sum(x * x), [x])[0]
    with pytest.raises(InvalidValue, match="gradients between the layers cannot be written to a file"):
        kerato.Model(x, slope).get_config()


def test_calls_keep_their_keywords(tmp_path: Path) -> None:
    x = layers.Input((3,))
    dropout = layers.Dropout(1.0)
    model = kerato.Model(x, layers.Concatenate()([dropout(x, training=True), dropout(x)]))
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras")
    found = loaded.predict(np.ones((2, 3), "float32"))
    assert found.tolist() == [[0, 0, 0, 1, 1, 1]] * 2


def test_a_first_layer_with_an_input_shape_becomes_two(tmp_path: Path) -> None:
    model = kerato.Sequential([layers.Dense(2, input_shape=(3,)), layers.Lambda(kerato.activations.relu)])
    model.save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras")
    assert loaded.input_shape == (None, 3)
    assert same(nets.outputs_of(model), nets.outputs_of(loaded))


def test_unbuilt_models_come_back_unbuilt(tmp_path: Path) -> None:
    kerato.Sequential([layers.Dense(2)]).save(tmp_path / "net.keras")
    loaded = kerato.load_model(tmp_path / "net.keras")
    assert not loaded.built
    assert loaded.predict(np.ones((2, 3), "float32")).shape == (2, 2)
    with pytest.raises(InvalidCall, match="the weights do not exist yet"):
        kerato.Sequential([layers.Dense(2)]).save_weights(tmp_path / "net.weights.h5")
    loaded.save_weights(tmp_path / "net.weights.h5")
    with pytest.raises(InvalidCall, match="the weights do not exist yet"):
        kerato.Sequential([layers.Dense(2)]).load_weights(tmp_path / "net.weights.h5")


# -- weights that do not fit -------------------------------------------------------------------------------------------


def test_every_weight_that_does_not_fit_is_named_and_nothing_changes(tmp_path: Path) -> None:
    source = kerato.Sequential([layers.Input((5,)), layers.Dense(4), layers.Dense(2), layers.BatchNormalization()])
    source.save_weights(tmp_path / "net.weights.h5")
    target = kerato.Sequential([layers.Input((5,)), layers.Dense(4), layers.Dense(3), layers.Dense(1)])
    before = target.get_weights()
    with pytest.raises(BadFile) as caught:
        target.load_weights(tmp_path / "net.weights.h5")
    text = str(caught.value)
    assert "in 8 places" in text
    for part in (
        "not in the file: layers/dense_2/vars/0 (3, 1)",
        "not in the model: layers/batch_normalization/vars/0",
    ):
        assert part in text
    assert "of another shape or dtype: layers/dense_1/vars/0 (4, 2) instead of (4, 3)" in text
    assert same(before, target.get_weights())
    target.load_weights(tmp_path / "net.weights.h5", skip_mismatch=True)
    assert same(source.get_weights()[:2], target.get_weights()[:2])
    assert same(before[2:], target.get_weights()[2:])


def test_the_stored_form_is_pinned() -> None:
    """The configuration and the weight paths of a small graph, as files hold them: a change here breaks old files."""
    kerato.clear_session()
    x = layers.Input((4,), name="x")
    shared = layers.Dense(4, name="shared")
    y = layers.Dropout(0.5, name="drop")(shared(shared(x) * 2))
    model = kerato.Model(x, {"y": layers.Add(name="sum")([y, x[:, :4]])}, name="net")
    found = {"config": json.loads(model.to_json()), "weights": sorted(saving.weights.plan(model).groups)}
    golden = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
    assert found == golden
