"""`.h5` files in the layout of Keras 1 and 2: what is written comes back, misfits are named, code is never run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import saving_nets as nets

import kerato
from kerato import layers, ops, saving
from kerato.errors import BadFile, InvalidCall, InvalidValue, KeratoError, UnknownName

NAMES = [name for name in nets.NETS if not name.startswith("random")]


def same(first: list[Any], second: list[Any]) -> bool:
    return len(first) == len(second) and all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def small(units: int = 3, name: str = "small", **options: Any) -> Any:
    stack = [
        layers.Input((5,)),
        layers.Dense(4, activation="tanh", name="one"),
        layers.BatchNormalization(name="norm"),
        layers.Dense(units, name="two", **options),
    ]
    model = kerato.Sequential(stack, name=name)
    nets.fill(model)
    return model


# -- round trips -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_networks_come_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    model = nets.NETS[name](kerato)
    nets.fill(model)
    model.save(tmp_path / "net.h5")
    loaded = kerato.load_model(tmp_path / "net.h5")
    assert same(model.get_weights(), loaded.get_weights())
    assert json.loads(loaded.to_json()) == json.loads(model.to_json())
    loaded.save(tmp_path / "again.hdf5")
    assert (tmp_path / "again.hdf5").read_bytes() == (tmp_path / "net.h5").read_bytes()
    model.save_weights(tmp_path / "weights.h5")
    for path in ("weights.h5", "net.h5"):
        other = nets.NETS[name](kerato)
        other.load_weights(tmp_path / path)
        assert same(model.get_weights(), other.get_weights())


@pytest.mark.parametrize("optimizer", ["adam", "nadam"])
@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_training_goes_on_where_it_stopped_or_begins_anew(optimizer: str, ending: str, tmp_path: Path) -> None:
    model = small(activation="softmax")
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    nets.train(model, 2)
    model.save(tmp_path / f"net{ending}")
    model.save(tmp_path / f"bare{ending}", include_optimizer=False)
    loaded, bare = (kerato.load_model(tmp_path / f"{name}{ending}") for name in ("net", "bare"))
    assert bare.optimizer is None
    assert same(model.get_weights(), bare.get_weights())
    assert int(loaded.optimizer.iterations) == 2
    assert same([v.numpy() for v in model.optimizer.variables], [v.numpy() for v in loaded.optimizer.variables])
    for one in (model, loaded):
        nets.train(one, 1)
    assert same(model.get_weights(), loaded.get_weights())
    assert loaded.metrics_names == model.metrics_names
    assert kerato.load_model(tmp_path / f"net{ending}", compile=False).optimizer is None


def test_objects_and_schedules_come_back(tmp_path: Path) -> None:
    model = small(activation="softmax")
    rate = kerato.schedules.ExponentialDecay(0.1, 10, 0.5)
    metrics = [kerato.metrics.MeanSquaredError(), "mae"]
    model.compile(kerato.optimizers.SGD(rate, momentum=0.5), kerato.losses.CategoricalCrossentropy(), metrics=metrics)
    model.save(tmp_path / "net.h5")
    loaded = kerato.load_model(tmp_path / "net.h5")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert loaded._compiled["loss"].get_config() == model._compiled["loss"].get_config()


def distance(y: Any, p: Any) -> Any:
    return ops.mean(ops.abs(y - p), axis=-1)


def test_a_loss_of_ones_own_is_asked_for_with_a_warning(tmp_path: Path) -> None:
    model = small()
    model.compile("sgd", distance)
    model.save(tmp_path / "net.h5")
    with pytest.warns(
        UserWarning, match=r"net\.h5: losses: loss 'distance' is not known.* The model is not compiled\."
    ):
        assert kerato.load_model(tmp_path / "net.h5").optimizer is None
    assert kerato.load_model(tmp_path / "net.h5", {"distance": distance}).optimizer is not None


def test_facts_and_float_types_come_back(tmp_path: Path) -> None:
    model = small(dtype="bfloat16")
    saving.save_model(model, tmp_path / "net.h5", extra={"class_names": ["cat", "dog"]})
    loaded = kerato.load_model(tmp_path / "net.h5")
    assert loaded.extra == saving.read_extra(tmp_path / "net.h5") == {"class_names": ["cat", "dog"]}
    assert [v.dtype for v in loaded.weights] == [v.dtype for v in model.weights]
    assert same(model.get_weights(), loaded.get_weights())


def test_frozen_layers_keep_their_weights(tmp_path: Path) -> None:
    """Keras 2 lists trained weights first, so freezing changes the order."""
    model = nets.NETS["nested"](kerato)
    nets.fill(model)
    model.get_layer("graph").trainable = False
    model.layers[1].trainable = False
    model.save(tmp_path / "net.h5")
    assert same(model.get_weights(), kerato.load_model(tmp_path / "net.h5").get_weights())


@pytest.mark.slow
def test_long_lists_of_names_are_cut_into_several_attributes(tmp_path: Path) -> None:
    names = [f"{'long' * 50}_{i}" for i in range(700)]
    x = layers.Input((2,))
    model = kerato.Model(x, layers.Add()([layers.Activation("relu", name=name)(x) for name in names]))
    model.save_weights(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5") as file:
        assert "layer_names" not in file.attrs
        assert {"layer_names0", "layer_names1", "layer_names2"} <= set(file.attrs)
        found = [name.decode() for i in range(3) for name in file.attrs[f"layer_names{i}"]]
    assert found == [layer.name for layer in model.layers]
    model.load_weights(tmp_path / "net.h5")


class Scaled(kerato.layers.Layer):
    """A layer of the user's with a layer inside."""

    def __init__(self, factor: float, **common: Any) -> None:
        super().__init__(**common)
        self.factor, self.inner = factor, layers.Dense(3)

    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],))
        self.inner.build(input_shape)

    def call(self, x: Any) -> Any:
        return self.inner(x * self.scale * self.factor)


def test_layers_of_ones_own_come_back(tmp_path: Path) -> None:
    model = kerato.Sequential([layers.Input((3,)), Scaled(2.0), layers.Dense(2)])
    nets.fill(model)
    model.save(tmp_path / "net.h5")
    loaded = kerato.load_model(tmp_path / "net.h5", {"Scaled": Scaled})
    assert loaded.layers[0].factor == 2.0
    assert same(model.get_weights(), loaded.get_weights())
    with pytest.raises(UnknownName, match=r"net\.h5: the class 'Scaled' is not known"):
        kerato.load_model(tmp_path / "net.h5")


class Own(kerato.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_a_model_without_a_graph_has_weights_but_no_whole_file(tmp_path: Path) -> None:
    model, other = Own(), Own()
    for one in (model, other):
        one(np.ones((1, 3), "float32"))
    with pytest.raises(InvalidValue, match=r"holds Sequential models and graphs only. Save it as a \.keras file"):
        model.save(tmp_path / "net.h5")
    model.save_weights(tmp_path / "weights.h5")
    other.load_weights(tmp_path / "weights.h5")
    assert same(model.get_weights(), other.get_weights())


# -- what does not fit -------------------------------------------------------------------------------------------------


def test_everything_that_does_not_fit_is_named_and_nothing_is_changed(tmp_path: Path) -> None:
    small(2).save_weights(tmp_path / "net.h5")
    model = kerato.Sequential([*small().layers, layers.Dense(1, name="three")], name="other")
    model.build((None, 5))
    before = model.get_weights()
    with pytest.raises(BadFile) as caught:
        model.load_weights(tmp_path / "net.h5")
    assert str(caught.value) == (
        f"{tmp_path / 'net.h5'}: the weights do not fit the model 'other' in 4 places; not in the file: three/kernel "
        "(3, 1), three/bias (1,); of another shape or dtype: two/kernel (4, 2) instead of (4, 3), two/bias (2,) "
        "instead of (3,). Nothing was loaded."
    )
    assert same(before, model.get_weights())
    model.load_weights(tmp_path / "net.h5", skip_mismatch=True)
    assert same(small(2).get_weights()[:6], model.get_weights()[:6])
    assert same(before[6:], model.get_weights()[6:])
    with pytest.raises(BadFile, match=r"not in the model: two/two/kernel \(4, 2\), two/two/bias \(2,\)"):
        kerato.Sequential([layers.Input((5,)), *small().layers[:2]]).load_weights(tmp_path / "net.h5")
    with pytest.raises(BadFile, match="two 1 array instead of 2"):
        small(2, use_bias=False).save_weights(tmp_path / "less.h5")
        small(2).load_weights(tmp_path / "less.h5")


def test_layers_are_matched_by_name(tmp_path: Path) -> None:
    small().save_weights(tmp_path / "net.h5")
    x = layers.Input((5,))
    y = layers.Dense(2, name="new")(layers.Dense(4, name="one")(x))
    model = kerato.Model(x, layers.Dense(9, name="two")(y))
    before = model.get_weights()
    with pytest.raises(BadFile, match=r"2 places; of another shape or dtype: two/kernel \(4, 3\) instead of \(2, 9\)"):
        model.load_weights(tmp_path / "net.h5", by_name=True)
    assert same(before, model.get_weights())
    model.load_weights(tmp_path / "net.h5", by_name=True, skip_mismatch=True)
    assert same(small().layers[0].get_weights(), model.get_layer("one").get_weights())
    assert same(before[2:], model.get_weights()[2:])


def test_by_name_needs_names(tmp_path: Path) -> None:
    model = small()
    for name in ("net.weights.h5", "net.keras"):
        (model.save if name.endswith("keras") else model.save_weights)(tmp_path / name)
        with pytest.raises(InvalidCall, match=r"have no names of layers\. Load them without by_name"):
            model.load_weights(tmp_path / name, by_name=True)


def test_weights_are_asked_for_at_the_right_time(tmp_path: Path) -> None:
    small().save_weights(tmp_path / "net.h5")
    with pytest.raises(InvalidCall, match="the weights do not exist yet"):
        kerato.Sequential([layers.Dense(4)]).load_weights(tmp_path / "net.h5")
    with pytest.raises(
        BadFile, match=r"holds weights, not a whole model\. Make the model and call model\.load_weights"
    ):
        kerato.load_model(tmp_path / "net.h5")


# -- hostile and damaged files -----------------------------------------------------------------------------------------


def changed(path: Path, change: Callable[[Any], None]) -> Path:
    small().save(path)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def soft_link(file: Any) -> None:
    del file["model_weights/one"]
    file["model_weights/one"] = h5py.SoftLink("/model_weights/two")


def external_link(file: Any) -> None:
    file["model_weights/more"] = h5py.ExternalLink("/etc/passwd", "/")


def external_data(file: Any) -> None:
    del file["model_weights/one/one/bias"]
    file.create_dataset("model_weights/one/one/bias", (4,), "float32", external=[("/etc/passwd", 0, 16)])


def shape_bomb(file: Any) -> None:
    del file["model_weights/one/one/kernel"]
    file.create_dataset("model_weights/one/one/kernel", (2**40, 4), "float32", chunks=(2**10, 4))


def texts(file: Any) -> None:
    file["model_weights/text"] = "hello"


def reference(file: Any) -> None:
    file.attrs["model_config"] = file["model_weights"].ref


def lost(file: Any) -> None:
    del file["model_weights/one/one/bias"]


def lost_group(file: Any) -> None:
    del file["model_weights/two"]


def numbers(file: Any) -> None:
    file["model_weights"].attrs["layer_names"] = np.arange(3)


def upwards(file: Any) -> None:
    file["model_weights/one"].attrs["weight_names"] = [b"../two/two/kernel"]


def no_json(file: Any) -> None:
    file.attrs["model_config"] = b"{"


def no_weights(file: Any) -> None:
    del file["model_weights"]


HOSTILE = {
    soft_link: "is a link to another place or file",
    external_link: "is a link to another place or file",
    external_data: "takes its values from another file",
    shape_bomb: "declares 17,592,186,044,416 bytes where 0 are stored",
    texts: "holds no numbers",
    reference: "has the attribute 'model_config', which is neither text nor numbers",
    lost: "lists model_weights/one/one/bias, which it does not hold",
    lost_group: "lists the layer model_weights/two, which it does not hold",
    numbers: "has the attribute 'layer_names', which is no list of names",
    upwards: r"lists model_weights/one/\.\./two/two/kernel, which it does not hold",
    no_json: "model_config in it is no JSON",
    no_weights: "has no group model_weights",
}


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_hostile_files_are_refused_in_one_sentence(change: Callable[[Any], None], tmp_path: Path) -> None:
    path = changed(tmp_path / "net.h5", change)
    with pytest.raises(BadFile, match=HOSTILE[change]) as caught:
        kerato.load_model(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["net.h5"]


def configured(path: Path, change: Callable[[Any], Any]) -> Path:
    def edit(file: Any) -> None:
        file.attrs["model_config"] = json.dumps(change(json.loads(file.attrs["model_config"])))

    return changed(path, edit)


def last(**layer: Any) -> Callable[[Any], Any]:
    def change(config: Any) -> Any:
        config["config"]["layers"].append(layer)
        return config

    return change


CODE = ["4wEAAAAAAAAA", None, None]

CONFIGURATIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "the system": (last(class_name="system", config={"command": "true"}), "the class 'system' of the module|known"),
    "a module": (last(class_name="system", module="os", config={}), "the class 'system' of the module 'os' is not"),
    "code": (last(class_name="Lambda", config={"name": "l", "function": CODE}), "code from files is never run. Give"),
    "a gadget": (last(class_name="TFSMLayer", config={"filepath": "x"}), "the class 'TFSMLayer' .*is not known"),
    "a pickle": (last(class_name="TorchModuleWrapper", config={}), "the class 'TorchModuleWrapper' .*is not known"),
    "a file": (last(class_name="Dense", config={"units": 1, "weights": "/etc/passwd"}), "."),
    "a list": (lambda config: [1], "is damaged"),
    "nothing": (lambda config: {"class_name": "Sequential"}, "is damaged"),
    "no layers": (lambda config: {"class_name": "Model", "config": {"name": "m"}}, "is damaged|describes"),
    "no model": (lambda config: config["config"]["layers"][1], "it describes a Dense, not a model"),
    "calls": (
        lambda config: {
            "class_name": "Model",
            "config": {"layers": [{"class_name": "Dense", "config": {}, "name": "d", "inbound_nodes": [[3]]}]},
        },
        "a call in it is no list of places",
    ),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_nothing_but_known_classes_is_reachable(case: str, tmp_path: Path) -> None:
    change, match = CONFIGURATIONS[case]
    path = configured(tmp_path / "net.h5", change)
    with pytest.raises(KeratoError, match=match) as caught:
        kerato.load_model(path)
    assert str(caught.value).startswith(str(path))


def test_code_is_replaced_by_the_function_that_the_program_gives(tmp_path: Path) -> None:
    path = configured(tmp_path / "net.h5", last(class_name="Lambda", config={"name": "twice", "function": CODE}))
    with pytest.raises(
        InvalidCall, match=r"the Lambda 'twice' holds Python code.*custom_objects=\{'twice': function\}"
    ):
        kerato.load_model(path)
    loaded = kerato.load_model(path, custom_objects={"twice": lambda x: x * 2})
    assert np.allclose(nets.outputs_of(loaded)[0], 2 * nets.outputs_of(small())[0])


def test_a_cut_file_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "net.h5"
    small().save(path)
    whole = path.read_bytes()
    for share in (0.05, 0.3, 0.6, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(BadFile, match="damaged"):
            kerato.load_model(path)
