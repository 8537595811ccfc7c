"""Files of Keras 0, 1 and 2: layouts and configurations as their sources write them, numbers against SciPy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.signal import convolve, correlate

import kerato
from kerato import layers, legacy
from kerato.errors import BadFile, InvalidCall
from kerato.legacy import kernels
from kerato.saving.layered import Origin

dice = np.random.default_rng(0)


def numbers(*shape: int) -> Any:
    return dice.normal(size=shape).astype("float32")


def written(path: Path, groups: dict[str, list[Any]], **attributes: Any) -> Path:
    """Weights in the layout of Keras 1 and 2."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in groups]
        file.attrs.update({key: value.encode() for key, value in attributes.items()})
        for name, arrays in groups.items():
            names = [f"{name}_{i}" for i in range(len(arrays))]
            file.create_group(name).attrs["weight_names"] = [item.encode() for item in names]
            for item, array in zip(names, arrays, strict=True):
                file[name][item] = array
    return path


def numbered(path: Path, groups: list[list[Any]]) -> Path:
    """Weights in the layout of Keras 0."""
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = len(groups)
        for k, arrays in enumerate(groups):
            group = file.create_group(f"layer_{k}")
            group.attrs["nb_params"] = len(arrays)
            for p, array in enumerate(arrays):
                group[f"param_{p}"] = array
    return path


# -- kernels -----------------------------------------------------------------------------------------------------------


def first(filters: int = 4, data_format: str = "channels_first") -> Any:
    shape = (3, 6, 7) if data_format == "channels_first" else (6, 7, 3)
    return kerato.Sequential([layers.Input(shape), layers.Conv2D(filters, 3, data_format=data_format, name="conv")])


def by_hand(x: Any, kernel: Any, bias: Any, theano: bool) -> Any:
    """(channels, rows, cols) with a kernel (out, in, rows, cols), as the old backends computed it."""
    apply = convolve if theano else correlate
    planes = [sum(apply(plane, k, mode="valid") for plane, k in zip(x, taps, strict=True)) for taps in kernel]
    return np.stack(planes) + bias[:, None, None]


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
@pytest.mark.parametrize("filters", [3, 4])  # with 3, both orders of the kernel have one shape
@pytest.mark.parametrize("layout", ["numbered", "named"])
def test_kernels_of_keras_0_and_1_turn_and_flip(backend: str, filters: int, layout: str, tmp_path: Path) -> None:
    kernel, bias, x = numbers(filters, 3, 3, 3), numbers(filters), numbers(3, 6, 7)
    path = tmp_path / "old.h5"
    numbered(path, [[kernel, bias]]) if layout == "numbered" else written(path, {"conv": [kernel, bias]})
    model = first(filters)
    model.load_weights(path, original_backend=backend)
    found = model.predict(x[None], verbose=0)[0]
    np.testing.assert_allclose(found, by_hand(x, kernel, bias, backend == "theano"), rtol=1e-4, atol=1e-5)


def test_a_file_that_names_theano_is_flipped_without_being_told(tmp_path: Path) -> None:
    kernel, bias = numbers(3, 3, 3, 4), numbers(4)
    path = written(tmp_path / "net.h5", {"conv": [kernel, bias]}, keras_version="2.0.5", backend="theano")
    model = first(data_format="channels_last")
    model.load_weights(path)
    assert np.array_equal(model.get_weights()[0], kernel[::-1, ::-1])
    path = written(tmp_path / "net.h5", {"conv": [kernel, bias]}, keras_version="2.0.5", backend="tensorflow")
    model.load_weights(path)
    assert np.array_equal(model.get_weights()[0], kernel)


def test_kernels_of_other_layers_turn_too(tmp_path: Path) -> None:
    old = Origin("1", "tensorflow")

    def todays(layer: Any, shape: tuple[int, ...], *arrays: Any) -> Any:
        kerato.Sequential([layers.Input(shape), layer])
        return kernels.todays(layer, list(arrays), old)[0]

    kernel = numbers(3, 1, 2, 4)
    assert np.array_equal(todays(layers.Conv1D(4, 3), (9, 2), kernel), kernel[:, 0])
    kernel = numbers(4, 2, 3, 1)
    assert np.array_equal(todays(layers.Conv1D(4, 3), (9, 2), kernel), np.transpose(kernel, (2, 3, 1, 0))[:, 0])


def test_nested_models_turn_inside(tmp_path: Path) -> None:
    inner = kerato.Sequential([layers.Input((3, 6, 7)), layers.BatchNormalization(axis=1), *first().layers])
    model = kerato.Sequential([layers.Input((3, 6, 7)), inner])
    gamma, beta, mean, variance = (abs(numbers(3)) for _ in range(4))
    kernel, bias = numbers(4, 3, 3, 3), numbers(4)
    model.load_weights(written(tmp_path / "net.h5", {"inner": [gamma, beta, kernel, bias, mean, variance]}))
    wanted = [gamma, beta, mean, variance, np.transpose(kernel, (2, 3, 1, 0)), bias]
    assert all(np.array_equal(a, b) for a, b in zip(inner.get_weights(), wanted, strict=True))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_gates_one_by_one_are_merged(kind: str, tmp_path: Path) -> None:
    """Keras 1 kept W, U and b of each gate: i, c, f, o for LSTM, z, r, h for GRU; today's order is i, f, c, o."""
    names = {"LSTM": "icfo", "GRU": "zrh"}[kind]
    gates = {gate: [numbers(3, 5), numbers(5, 5), numbers(5)] for gate in names}
    options = {} if kind == "LSTM" else {"reset_after": False}
    model = kerato.Sequential([layers.Input((4, 3)), getattr(layers, kind)(5, **options)])
    model.load_weights(written(tmp_path / "net.h5", {"x": [array for parts in gates.values() for array in parts]}))
    order = {"LSTM": "ifco", "GRU": "zrh"}[kind]
    for part, found in enumerate(model.get_weights()):
        assert np.array_equal(found, np.concatenate([gates[gate][part] for gate in order], axis=-1))


def test_old_scripts_may_set_old_kernels() -> None:
    kernel, bias = numbers(4, 3, 3, 3), numbers(4)
    model = first(data_format="channels_last")
    with pytest.raises(ValueError, match="must be an array of shape"):
        model.layers[0].set_weights([kernel, bias])
    with legacy.dialect():
        model.layers[0].set_weights([kernel, bias])
        assert np.array_equal(model.get_weights()[0], np.transpose(kernel, (2, 3, 1, 0)))
        model.layers[0].set_weights(model.layers[0].get_weights())
        assert np.array_equal(model.get_weights()[0], np.transpose(kernel, (2, 3, 1, 0)))
        with pytest.raises(ValueError, match="must be an array of shape"):
            model.layers[0].set_weights([kernel[:2], bias])


def test_numbered_layers_have_no_names_and_lists_are_checked(tmp_path: Path) -> None:
    path = numbered(tmp_path / "old.h5", [[numbers(4, 3, 3, 3), numbers(4)], []])
    with pytest.raises(InvalidCall, match="its layers are numbered and have no names"):
        first().load_weights(path, by_name=True)
    with h5py.File(path, "r+") as file:
        file.attrs["nb_layers"] = 9
    with pytest.raises(BadFile, match=r"layer_2 has no count of its arrays \(nb_params\)"):
        first().load_weights(path)
    with h5py.File(path, "r+") as file:
        file.attrs["nb_layers"], file["layer_0"].attrs["nb_params"] = 1, 3
    with pytest.raises(BadFile, match="lists layer_0/param_2, which it does not hold"):
        first().load_weights(path)


# -- a real file -------------------------------------------------------------------------------------------------------


def squeezenet() -> Any:
    """SqueezeNet v1.1 without its classes."""

    def fire(x: Any, name: str, few: int, many: int) -> Any:
        def conv(x: Any, filters: int, size: int, part: str) -> Any:
            made = layers.Conv2D(filters, size, padding="same", activation="relu", name=f"{name}/{part}")
            return made(x)

        x = conv(x, few, 1, "squeeze1x1")
        return layers.Concatenate(name=f"{name}/concat")([conv(x, many, 1, "expand1x1"), conv(x, many, 3, "expand3x3")])

    x = picture = layers.Input((227, 227, 3))
    x = layers.Conv2D(64, 3, strides=2, activation="relu", name="conv1")(x)
    sizes = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]
    for number, (few, many) in enumerate(sizes, 2):
        if number in (2, 4, 6):
            x = layers.MaxPooling2D(3, strides=2)(x)
        x = fire(x, f"fire{number}", few, many)
    return kerato.Model(picture, x)


@pytest.mark.skipif("KERATO_DATA" not in os.environ, reason="KERATO_DATA names no folder with the file")
@pytest.mark.parametrize("by_name", [False, True])
def test_weights_of_squeezenet_come_in(by_name: bool) -> None:
    path = Path(os.environ["KERATO_DATA"]) / "weights" / "squeezenet_v1.1_notop_keras.h5"
    model = squeezenet()
    model.load_weights(path, by_name=by_name)
    assert model.count_params() == 722_496
    with h5py.File(path) as file:
        for layer in model.layers:
            places = (
                [file[layer.name][name] for name in file[layer.name].attrs["weight_names"]] if layer.weights else []
            )
            assert all(np.array_equal(w, p) for w, p in zip(layer.get_weights(), places, strict=True))


# -- configurations ----------------------------------------------------------------------------------------------------


def whole(path: Path, config: Any, groups: dict[str, list[Any]], version: str, training: Any = None) -> Path:
    """A whole model as Keras 1 and 2 write it."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["keras_version"], file.attrs["backend"] = version.encode(), b"tensorflow"
        if training:
            file.attrs["training_config"] = json.dumps(training).encode()
        written(path.with_suffix(".part"), groups, keras_version=version, backend="tensorflow")
        with h5py.File(path.with_suffix(".part")) as part:
            part.copy(part, file, "model_weights")
    return path


def dense(name: str, units: int, **more: Any) -> dict[str, Any]:
    scaled = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
    config = {
        "name": name,
        "trainable": True,
        "units": units,
        "activation": "relu",
        "use_bias": True,
        "kernel_initializer": {"class_name": "VarianceScaling", "config": scaled},
        "bias_initializer": {"class_name": "Zeros", "config": {}},
        "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}},
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}},
        "bias_constraint": None,
    }
    return {"class_name": "Dense", "config": {**config, **more}}


def weights_of(*sizes: int) -> list[Any]:
    return [numbers(*sizes), numbers(sizes[-1])]


def test_a_sequential_of_keras_2_comes_in_with_how_it_was_compiled(tmp_path: Path) -> None:
    """2.0.5 writes a Sequential as a list of layers."""
    stack = [
        dense("one", 4, batch_input_shape=[None, 3], dtype="float32"),
        {"class_name": "Activation", "config": {"name": "act", "trainable": True, "activation": "hard_sigmoid"}},
        dense("two", 2, kernel_constraint=None),
    ]
    optimizer = {
        "class_name": "Adam",
        "config": {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.99, "decay": 0.0, "epsilon": 1e-8},
    }
    training = {"optimizer_config": optimizer, "loss": "mse", "metrics": ["accuracy"], "loss_weights": None}
    groups = {"one": weights_of(3, 4), "act": [], "two": weights_of(4, 2)}
    path = whole(tmp_path / "net.h5", {"class_name": "Sequential", "config": stack}, groups, "2.0.5", training)
    state = [np.array(7, "int64"), *(numbers(*w.shape) for w in [*groups["one"], *groups["two"]] * 2)]
    with h5py.File(path, "r+") as file:
        group = file.create_group("optimizer_weights")
        group.attrs["weight_names"] = [f"w{i}".encode() for i in range(len(state))]
        for i, array in enumerate(state):
            group[f"w{i}"] = array
    model = kerato.load_model(path)
    assert [layer.name for layer in model.layers] == ["one", "act", "two"]
    assert model.layers[0].kernel_regularizer.l2 == 0.5
    x = numbers(5, 3)
    hidden = np.clip(0.2 * np.maximum(x @ groups["one"][0] + groups["one"][1], 0) + 0.5, 0, 1)
    wanted = np.maximum(hidden @ groups["two"][0] + groups["two"][1], 0)
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-5, atol=1e-6)
    assert (model.optimizer.beta_2, model.optimizer.epsilon, int(model.optimizer.iterations)) == (0.99, 1e-8, 7)
    slots = [model.optimizer._of[weight][name].numpy() for name in ("momentum", "velocity") for weight in model.weights]
    assert all(np.array_equal(a, b) for a, b in zip(slots, state[1:], strict=True))


@pytest.mark.parametrize("offset", [1, 0])
def test_a_graph_of_keras_2_comes_in_with_models_inside(offset: int, tmp_path: Path) -> None:
    """Keras 2 counts the calls of a model in a model from 1, since it has one of its own; not if it began unbuilt."""
    start = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "dtype": "float32", "name": "x"}}
    inner = {"name": "inner", "layers": [dense("deep", 3, batch_input_shape=[None, 3])]}
    config = {
        "name": "outer",
        "layers": [
            {**start, "name": "x", "inbound_nodes": []},
            {
                "class_name": "Sequential",
                "config": inner,
                "name": "inner",
                "inbound_nodes": [[["x", 0, 0, {}]], [["inner", offset, 0, {}]]],
            },
            {
                "class_name": "Add",
                "config": {"name": "sum"},
                "name": "sum",
                "inbound_nodes": [[["x", 0, 0, {}], ["inner", offset + 1, 0, {}]]],
            },
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["sum", 0, 0], ["inner", offset, 0]],
    }
    kernel, bias = weights_of(3, 3)
    groups = {"x": [], "inner": [kernel, bias], "sum": []}
    model = kerato.load_model(whole(tmp_path / "net.h5", {"class_name": "Model", "config": config}, groups, "2.2.4"))
    x = numbers(5, 3)
    once = np.maximum(x @ kernel + bias, 0)
    both = model.predict(x, verbose=0)
    np.testing.assert_allclose(both[0], x + np.maximum(once @ kernel + bias, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(both[1], once, rtol=1e-5, atol=1e-6)


def test_json_of_earlier_versions_comes_in() -> None:
    """The texts of `to_json` in Keras 2 and 0.3."""
    newer = {
        "class_name": "Sequential",
        "config": [dense("one", 4, batch_input_shape=[None, 3])],
        "keras_version": "2.0.5",
    }
    model = kerato.models.model_from_json(json.dumps(newer))
    assert (model.layers[0].name, model.output_shape) == ("one", (None, 4))
    with legacy.dialect():
        assert kerato.models.model_from_config(newer).output_shape == (None, 4)
    older = {"name": "Sequential", "layers": [{"name": "Dense", "custom_name": "d", "output_dim": 4, "input_dim": 3}]}
    if hasattr(legacy, "layers"):
        assert kerato.models.model_from_json(json.dumps(older)).output_shape == (None, 4)
    with pytest.raises(TypeError, match="must be a dict"):
        kerato.models.model_from_config([1])
    with pytest.raises(InvalidCall, match="Use to_json and model_from_json"):
        kerato.models.model_from_yaml("a: b")
    with pytest.raises(InvalidCall, match="Use to_json"):
        model.to_yaml()
