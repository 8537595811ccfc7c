"""Writing is all or nothing, and reading refuses what no program wrote, each with one sentence."""

from __future__ import annotations

import errno
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import kerato
from kerato import layers, saving
from kerato.errors import BadFile, InvalidValue, KeratoError, UnknownName

# -- writing -----------------------------------------------------------------------------------------------------------


def small(**options: Any) -> Any:
    return kerato.Sequential([layers.Input((3,)), layers.Dense(2, name="dense", **options)], name="small")


def failing(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "net.keras"
    small().save(path)
    before = path.read_bytes()
    monkeypatch.setattr(os, step, failing(errno.ENOSPC))
    with pytest.raises(BadFile, match=r"net\.keras: cannot be written \(No space left on device\)\. The old file is"):
        small().save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.keras"]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        small().save_weights(tmp_path / "net.weights.h5")
    assert not os.listdir(tmp_path)


def test_places_that_cannot_be_written_are_named(tmp_path: Path) -> None:
    model = small()
    with pytest.raises(BadFile, match=r"cannot be written \(No such file or directory\)"):
        model.save(tmp_path / "missing" / "net.keras")
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(BadFile, match="because it is a folder"):
        model.save(tmp_path / "folder.keras")
    model.save(tmp_path / "net.keras")
    with pytest.raises(BadFile, match="exists already"):
        model.save(tmp_path / "net.keras", overwrite=False)
    with pytest.raises(InvalidValue, match=r"must be a file name that ends in \.keras, \.h5 or \.hdf5"):
        model.save(tmp_path / "net.pkl")
    with pytest.raises(InvalidValue, match=r"a file name that ends in \.weights\.h5, \.safetensors, \.h5 or \.hdf5"):
        model.save_weights(tmp_path / "net.npz")


def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "net.keras"
    link.symlink_to(tmp_path / "real" / "net.keras")
    small().save(link)
    assert link.is_symlink()
    assert (tmp_path / "real" / "net.keras").is_file()


def test_the_same_model_is_the_same_file(tmp_path: Path) -> None:
    model = small()
    model.save(tmp_path / "a.keras")
    model.save(tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    names = zipfile.ZipFile(tmp_path / "a.keras").namelist()
    assert names == ["metadata.json", "config.json", "model.weights.h5", "kerato.json"]


# -- hostile and damaged files -----------------------------------------------------------------------------------------


def parts() -> tuple[dict[str, Any], bytes]:
    """The configuration of `small()`, and its weights."""
    model = small()
    return json.loads(model.to_json()), saving.weights.weights_bytes(model)


Members = dict[str, bytes]


def packed(path: Path, config: Any, weights: bytes, more: Members | None = None, pack: bool = False) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if pack else zipfile.ZIP_STORED) as archive:
        archive.writestr("config.json", config if isinstance(config, (str, bytes)) else json.dumps(config))
        archive.writestr("model.weights.h5", weights)
        for name, data in (more or {}).items():
            archive.writestr(name, data)
    return path


def refused(path: Path, match: str, error: type[KeratoError] = BadFile, **options: Any) -> None:
    with pytest.raises(error, match=match) as caught:
        kerato.load_model(path, **options)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text


def test_files_that_are_no_models_are_named(tmp_path: Path) -> None:
    refused(tmp_path / "missing.keras", "there is no such file")
    refused(tmp_path, "is a folder")
    refused(Path(__file__) / "net.keras", "cannot be read")
    path = tmp_path / "net.keras"
    path.touch()
    refused(path, "is empty")
    path.write_bytes(b"hello, I am text")
    refused(path, r"is no \.keras file \(a zip archive\); it begins with b'hello, I'")
    path.write_bytes(parts()[1])
    refused(path, "holds weights, not a whole model")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    refused(path, r"is an archive without config\.json")


def test_cut_files_are_refused_wherever_they_are_cut(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    small().save(path)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        refused(path, "is cut short or damaged")
    config, weights = parts()
    for share in (0.05, 0.5, 0.9):
        refused(packed(path, config, weights[: int(len(weights) * share)]), "the weights are damaged")
    refused(packed(path, "{", weights), "is no JSON")
    refused(packed(path, b"\xff\xfe", weights), "is no JSON")


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    small().save(path)
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"units")] ^= 1
    path.write_bytes(whole)
    refused(path, r"is damaged at config\.json \(Bad CRC-32")


def test_archives_that_unpack_to_much_more_are_refused(tmp_path: Path) -> None:
    config, weights = parts()
    path = tmp_path / "net.keras"
    zeros = bytes(2**23)
    refused(packed(path, config, zeros, pack=True), r"model\.weights\.h5 in it declares 8,388,608 bytes in")
    refused(packed(path, zeros, weights, pack=True), r"config\.json in it declares")
    many = {f"assets/{i}": b"" for i in range(saving.archive.LIMIT_MEMBERS)}
    refused(packed(path, config, weights, many), "holds 1,002 members")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "assets/../../evil", "C:\\evil", "assets\\..\\evil"])
def test_members_outside_the_archive_are_refused(name: str, tmp_path: Path) -> None:
    refused(packed(tmp_path / "net.keras", *parts(), {name: b"evil"}), "outside the archive")
    assert os.listdir(tmp_path) == ["net.keras"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_named_twice_are_refused(tmp_path: Path) -> None:
    refused(packed(tmp_path / "net.keras", *parts(), {"config.json": b"{}"}), "names a member twice")


def with_layer(record: Any) -> tuple[dict[str, Any], bytes]:
    config, weights = parts()
    config["config"]["layers"].append(record)
    return config, weights


def record(module: str | None, class_name: str, config: Any, registered: str | None = None) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": registered}


GADGETS = {
    "a function of the system": record("os", "system", {"command": "true"}),
    "by registered name": record("keras.layers", "no_layer", {}, "os>system"),
    "as a function": record("builtins", "function", "eval", "eval"),
    "a function of the library": record("keras.utils", "get_file", {"origin": "http://x"}),
    "the loader itself": record("keras.saving", "load_model", {"filepath": "x"}),
    "a setter": record("keras.config", "enable_unsafe_deserialization", {}),
    "a private class": record("kerato.saving.records", "Reading", {}),
    "an inner class": record("kerato.layers.base", "Layer", {}),
    "an operation as a layer": record("kerato.ops", "__import__", {}),
    "the file system": record("keras.layers", "TFSMLayer", {"filepath": "x"}),
    "pickles": record("keras.layers", "TorchModuleWrapper", {"module": "x"}),
    "a similar name": record("keras.layers", "Densse", {"units": 1}),
}


@pytest.mark.parametrize("gadget", GADGETS)
def test_nothing_but_known_classes_is_reachable(gadget: str, tmp_path: Path) -> None:
    refused(packed(tmp_path / "net.keras", *with_layer(GADGETS[gadget])), "is not known", UnknownName)


def test_a_near_name_is_suggested(tmp_path: Path) -> None:
    path = packed(tmp_path / "net.keras", *with_layer(GADGETS["a similar name"]))
    refused(path, "the class 'Densse' of the module|Did you mean 'Dense'", UnknownName)


CODE = {
    "Keras 3": {"class_name": "__lambda__", "config": {"code": "4wEAAAAA", "defaults": None, "closure": None}},
    "Keras 2": ["4wEAAAAA", None, None],
}


@pytest.mark.parametrize("version", CODE)
def test_code_is_never_run(version: str, tmp_path: Path) -> None:
    layer = record("keras.layers", "Lambda", {"name": "l", "function": CODE[version], "function_type": "lambda"})
    path = packed(tmp_path / "net.keras", *with_layer(layer))
    refused(path, "code from files is never run", KeratoError)
    refused(path, "code from files is never run", KeratoError, custom_objects={"l": abs})
    with pytest.raises(InvalidValue, match="code in files is never run"):
        kerato.load_model(path, safe_mode=False)


def deep(levels: int) -> Any:
    """A list in a list in a list ..."""
    return [deep(levels - 1)] if levels else 1


def initialised(config: dict[str, Any], value: Any) -> dict[str, Any]:
    """The configuration with `value` for the initializer of its Dense layer."""
    config["config"]["layers"][1]["config"]["kernel_initializer"] = value
    return config


DAMAGED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda config: [],
    "no model": lambda config: config["config"]["layers"][1],
    "a number as layers": lambda config: {**config, "config": {"name": "x", "layers": 3}},
    "a text as configuration": lambda config: {**config, "config": "x"},
    "a layer without configuration": lambda config: {**config, "config": {"layers": [{"class_name": "Dense"}]}},
    "units of a text": lambda config: json.loads(json.dumps(config).replace('"units": 2', '"units": "many"')),
    "an unknown argument": lambda config: json.loads(json.dumps(config).replace('"units"', '"unitz"')),
    "a shape of a text": lambda config: {
        **config,
        "config": {**config["config"], "build_input_shape": "x", "layers": []},
    },
    "nested too deeply": lambda config: json.loads(
        '{"class_name":"Sequential","module":"keras","config":{"layers":[' * 60 + "]}}" * 60
    ),
    "lists nested too deeply": lambda config: initialised(config, deep(900)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_configurations_are_refused(damage: str, tmp_path: Path) -> None:
    config, weights = parts()
    refused(packed(tmp_path / "net.keras", DAMAGED[damage](config), weights), ".", KeratoError)


def graph(**changes: Any) -> dict[str, Any]:
    """A graph `x -> dense`, one entry of whose dense layer is changed."""
    x = layers.Input((3,), name="x")
    config: dict[str, Any] = json.loads(kerato.Model(x, layers.Dense(2, name="dense")(x), name="net").to_json())
    config["config"]["layers"][1].update(changes)
    return config


def call(*place: Any) -> list[dict[str, Any]]:
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 3], "keras_history": list(place)}}
    return [{"args": [tensor], "kwargs": {}}]


GRAPHS = {
    "its own output": graph(inbound_nodes=call("dense", 0, 0)),
    "a layer that is not there": graph(inbound_nodes=call("y", 0, 0)),
    "a call that is not there": graph(inbound_nodes=call("x", 1, 0)),
    "a negative call": graph(inbound_nodes=call("x", -1, 0)),
    "an output that is not there": graph(inbound_nodes=call("x", 0, 1)),
    "no place": graph(inbound_nodes=call("x")),
    "no tensor": graph(inbound_nodes=[{"args": [1.0], "kwargs": {}}]),
    "calls of a text": graph(inbound_nodes="x"),
    "a name twice": graph(name="x"),
    "no name": graph(name=None, config={}),
    "an unknown operation": graph(module="keras.src.ops.numpy", class_name="Load"),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_that_cannot_be_are_refused(name: str, tmp_path: Path) -> None:
    refused(packed(tmp_path / "net.keras", GRAPHS[name], parts()[1]), ".", KeratoError)


def leaf_paths(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all entries of nested lists and dicts."""
    for key, item in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield (*path, key)
        yield from leaf_paths(item, (*path, key))


def changed(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a path."""
    copy = json.loads(json.dumps(tree))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


ODD: tuple[Any, ...] = (None, -1, 10**30, "x", [], {}, True, [[1]], {"class_name": "Dense", "config": {}})


def test_whatever_stands_in_a_configuration_is_read_or_refused(tmp_path: Path) -> None:
    config, weights = graph(), parts()[1]
    for number, path in enumerate(leaf_paths(config)):
        file = packed(tmp_path / "net.keras", changed(config, path, ODD[number % len(ODD)]), weights)
        with suppress(KeratoError):
            kerato.load_model(file)


def test_whatever_bytes_weights_have_they_are_read_or_refused(tmp_path: Path) -> None:
    model, whole = small(), parts()[1]
    dice = np.random.default_rng(3)
    for _ in range(150):
        damaged = bytearray(whole)
        for place in dice.integers(0, len(whole), 4):
            damaged[place] = dice.integers(256)
        (tmp_path / "net.weights.h5").write_bytes(damaged)
        with suppress(BadFile):
            model.load_weights(tmp_path / "net.weights.h5")


def test_damaged_packed_weights_are_refused(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).uniform(size=(3, 2)).astype("float32")
    whole = hdf5(lambda file: file.create_dataset(KERNEL, data=numbers, compression="gzip", chunks=(3, 2)))
    start = whole.index(b"\x78\x5e")
    damaged = whole[: start + 2] + b"\xff" * 8 + whole[start + 10 :]
    refused(packed(tmp_path / "net.keras", parts()[0], damaged), f"{KERNEL} in the weights cannot be read")


# -- hostile weights ---------------------------------------------------------------------------------------------------

KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"


def hdf5(fill: Callable[[Any], Any]) -> bytes:
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file[BIAS] = np.zeros(2, "float32")
        fill(file)
    return memory.getvalue()


def outside(file: Any) -> None:
    file.create_dataset(KERNEL, (3, 2), "float32", external=[("secret.bin", 0, 24)])


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((3, 2), "float32")
    layout[:] = h5py.VirtualSource("secret.h5", "x", (3, 2))
    file.create_virtual_dataset(KERNEL, layout)


def circle(file: Any) -> None:
    file[KERNEL] = np.zeros((3, 2), "float32")
    file["layers/again"] = file["layers"]


HOSTILE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "an external link": (lambda f: f.__setitem__(KERNEL, h5py.ExternalLink("secret.h5", "/x")), "is a link"),
    "a soft link": (lambda f: f.__setitem__(KERNEL, h5py.SoftLink(f"/{BIAS}")), "is a link"),
    "a linked group": (lambda f: f.__setitem__("layers/more", h5py.ExternalLink("secret.h5", "/")), "is a link"),
    "external storage": (outside, "takes its values from another file"),
    "virtual data": (virtual, "takes its values from another file"),
    "a huge shape": (lambda f: f.create_dataset(KERNEL, (10**7, 10**6), "f4"), "declares 40,000,000,000,000 bytes"),
    "a huge packed shape": (
        lambda f: f.create_dataset(KERNEL, (10**6, 10**6), "f4", chunks=(1000, 1000), compression="gzip"),
        "declares 4,000,000,000,000 bytes where 0 are stored",
    ),
    "packed zeros": (
        lambda f: f.create_dataset(KERNEL, data=np.zeros((2000, 2000), "f4"), compression="gzip"),
        "declares 16,000,000 bytes",
    ),
    "texts": (lambda f: f.create_dataset(KERNEL, data=["a", "b"]), "holds no numbers"),
    "nothing": (lambda f: f.create_dataset(KERNEL, dtype="f4", data=h5py.Empty("f4")), "holds no numbers"),
    "a type": (lambda f: f.__setitem__(KERNEL, np.dtype("f4")), "is a data type"),
    "a circle": (circle, "nested too deeply"),
    "another shape": (lambda f: f.__setitem__(KERNEL, np.zeros((2, 2), "f4")), r"\(2, 2\) instead of \(3, 2\)"),
    "a group for an array": (lambda f: f.create_group(KERNEL), "not in the file"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_weights_are_refused_and_change_nothing(name: str, tmp_path: Path) -> None:
    fill, reason = HOSTILE[name]
    weights = hdf5(fill)
    refused(packed(tmp_path / "net.keras", parts()[0], weights), reason)
    model = small()
    before = model.get_weights()
    (tmp_path / "net.weights.h5").write_bytes(weights)
    with pytest.raises(BadFile, match=reason):
        model.load_weights(tmp_path / "net.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_huge_sizes_in_the_configuration_allocate_nothing(tmp_path: Path) -> None:
    config, weights = parts()
    text = json.dumps(config).replace('"units": 2', '"units": 1000000000000')
    refused(packed(tmp_path / "net.keras", text, weights), r"\(3, 2\) instead of \(3, 1000000000000\)")


def test_compressed_weights_of_honest_size_are_read(tmp_path: Path) -> None:
    numbers = np.arange(6, dtype="float32").reshape(3, 2)
    weights = hdf5(lambda file: file.create_dataset(KERNEL, data=numbers, compression="gzip"))
    loaded = kerato.load_model(packed(tmp_path / "net.keras", parts()[0], weights, pack=True))
    assert np.array_equal(loaded.get_weights()[0], numbers)


def test_facts_of_another_kind_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "net.keras", *parts(), {"kerato.json": b"[1]"})
    with pytest.raises(BadFile, match="is no dict"):
        saving.read_extra(path)
    assert saving.read_extra(packed(path, *parts())) == {}


def test_json_that_is_none_is_refused() -> None:
    with pytest.raises(BadFile, match="model_from_json: the configuration is damaged: it is no JSON"):
        saving.model_from_json("{")
    with pytest.raises(KeratoError, match="model_from_json: "):
        saving.model_from_json('{"class_name": "Sequential", "config": {"layers": [{}]}, "module": "keras"}')
