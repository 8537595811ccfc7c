"""`.safetensors` files: both ways, read by the format's own package, strict, and with the optimizer's state."""

from __future__ import annotations

import json
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import saving_nets as nets
from safetensors.numpy import load_file, save, save_file

import kerato
from kerato import layers
from kerato.errors import BadFile, InvalidCall, MissingExtra

FILE = "net.safetensors"


def small(units: int = 3, **options: Any) -> Any:
    model = kerato.Sequential([layers.Input((5,)), layers.Dense(4), layers.Dense(units, **options)])
    nets.fill(model)
    return model


def same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("name", nets.NETS)
def test_weights_come_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    model, other = nets.NETS[name](kerato), nets.NETS[name](kerato)
    nets.fill(model)
    model.save_weights(tmp_path / FILE)
    other.load_weights(tmp_path / FILE)
    assert same(model.get_weights(), other.get_weights())


def test_the_names_are_paths_and_the_bytes_repeat(tmp_path: Path) -> None:
    model = small()
    model.save_weights(tmp_path / FILE)
    found = load_file(tmp_path / FILE)
    assert sorted(found) == [f"layers/{layer}/vars/{i}" for layer in ("dense", "dense_1") for i in (0, 1)]
    assert same([found["layers/dense/vars/0"]], model.get_weights()[:1])
    before = (tmp_path / FILE).read_bytes()
    model.save_weights(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == before
    with pytest.raises(BadFile, match="exists already"):
        model.save_weights(tmp_path / FILE, overwrite=False)


def test_files_of_others_come_in(tmp_path: Path) -> None:
    model, wanted = small(), [np.random.default_rng(i).normal(size=s) for i, s in enumerate([(5, 4), 4, (4, 3), 3])]
    paths = [f"layers/{layer}/vars/{i}" for layer in ("dense", "dense_1") for i in (0, 1)]
    save_file(dict(zip(paths, wanted, strict=True)), tmp_path / FILE)  # float64
    model.load_weights(tmp_path / FILE)
    assert same(model.get_weights(), [array.astype("float32") for array in wanted])


def test_bfloat16_is_kept(tmp_path: Path) -> None:
    model, other = (kerato.Sequential([layers.Input((5,)), layers.Dense(2, dtype="bfloat16")]) for _ in range(2))
    model.save_weights(tmp_path / FILE)
    other.load_weights(tmp_path / FILE)
    assert b'"BF16"' in (tmp_path / FILE).read_bytes()
    assert same(model.get_weights(), other.get_weights())


def test_the_optimizers_state_goes_along_to_the_same_optimizer_only(tmp_path: Path) -> None:
    model, loaded, other = small(), small(), small()
    for one, optimizer in ((model, "adam"), (loaded, "adam"), (other, "rmsprop")):
        one.compile(optimizer, "mse")
    nets.train(model, 2)
    model.save_weights(tmp_path / FILE)
    loaded.optimizer.build(loaded.trainable_variables)
    for one in (loaded, other):
        one.load_weights(tmp_path / FILE)
    assert same([v.numpy() for v in loaded.optimizer.variables], [v.numpy() for v in model.optimizer.variables])
    assert int(other.optimizer.iterations.numpy()) == 0
    nets.train(model, 1)
    nets.train(loaded, 1)
    assert same(model.get_weights(), loaded.get_weights())


def test_every_misfit_is_named_at_once_and_nothing_changes(tmp_path: Path) -> None:
    source = {
        "layers/dense/vars/0": np.zeros((5, 4), "int32"),
        "layers/dense/vars/1": np.ones(4, "float32"),
        "layers/dense_1/vars/0": np.zeros((4, 2), "float32"),
        "layers/dense_2/vars/0": np.zeros(1, "float32"),
    }
    save_file(source, tmp_path / FILE)
    model = small()
    before = model.get_weights()
    with pytest.raises(BadFile) as caught:
        model.load_weights(tmp_path / FILE)
    assert str(caught.value) == (
        f"{tmp_path / FILE}: the weights do not fit the model {model.name!r} in 4 places; not in the file: "
        "layers/dense_1/vars/1 (3,); not in the model: layers/dense_2/vars/0 (1,); of another shape or dtype: "
        "layers/dense_1/vars/0 (4, 2) instead of (4, 3), layers/dense/vars/0 int32 instead of float32. "
        "Nothing was loaded."
    )
    assert same(before, model.get_weights())
    model.load_weights(tmp_path / FILE, skip_mismatch=True)
    assert same(model.get_weights(), [before[0], np.ones(4, "float32"), *before[2:]])
    with pytest.raises(InvalidCall, match="have no names of layers"):
        model.load_weights(tmp_path / FILE, by_name=True)


def header(**entries: Any) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


HOSTILE = {
    "no header": b"not a file of tensors",
    "a header longer than the file": struct.pack("<Q", 2**60),
    "values beyond the end": header(a={"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}) + bytes(4),
    "a shape of more than there is": header(a={"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}) + bytes(4),
    "a dtype of no weight": header(a={"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}) + bytes(4),
    "a dtype of nobody": header(a={"dtype": "object", "shape": [1], "data_offsets": [0, 4]}) + bytes(4),
    "cut": save({"a": np.ones(4)})[:-8],
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_what_no_program_wrote_is_refused(content: bytes, tmp_path: Path) -> None:
    model = small()
    before = model.get_weights()
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BadFile, match=r"net\.safetensors: "):
        model.load_weights(tmp_path / FILE)
    assert same(before, model.get_weights())


def test_whatever_bytes_a_file_has_it_is_read_or_refused(tmp_path: Path) -> None:
    model = small()
    model.save_weights(tmp_path / FILE)
    whole, dice = (tmp_path / FILE).read_bytes(), np.random.default_rng(5)
    for _ in range(100):
        damaged = bytearray(whole)
        for place in dice.integers(0, 300, 3):
            damaged[place] = dice.integers(256)
        (tmp_path / FILE).write_bytes(damaged)
        with suppress(BadFile):
            model.load_weights(tmp_path / FILE)


def test_without_the_package_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    model.save_weights(tmp_path / FILE)
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    for use in (model.save_weights, model.load_weights):
        with pytest.raises(MissingExtra, match=r'^a \.safetensors file needs .* pip install "kerato\[safetensors\]"$'):
            use(tmp_path / FILE)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"missing\.safetensors: there is no such file"):
        small().load_weights(tmp_path / "missing.safetensors")
