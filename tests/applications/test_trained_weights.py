"""`weights='imagenet'`: found on this machine, or downloaded from a server that breaks off, is wrong or absent."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_server import Server

from kerato.applications import VGG16, MobileNet, imagenet_utils, naming, trained, vgg
from kerato.errors import BadFile

pytestmark = pytest.mark.slow

WEIGHTS = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
NAMES = {str(number): [f"n{number:08d}", f"class {number}"] for number in range(1000)} | {
    "18": ["n01582220", "magpie"],
    "65": ["n01751748", "sea_snake"],
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of a very narrow VGG-16, whose digest is the one that is published."""
    monkeypatch.setattr(vgg, "FILTERS", (2, 2, 3, 3, 3))
    path = tmp_path / WEIGHTS
    VGG16(weights=None, include_top=False).save_weights(path)
    published(monkeypatch, "vgg16", path)
    return path


def published(monkeypatch: pytest.MonkeyPatch, name: str, path: Path) -> None:
    full, base = trained.FILES[name]
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setitem(trained.FILES, name, (full, replace(base, md5=digest)))


@pytest.fixture
def mirror(server: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A mirror that has the weights."""
    Server.files[f"/weights/{WEIGHTS}"] = file.read_bytes()
    monkeypatch.setenv("KERATO_MIRROR", server)
    return server


def same(model: Any, path: Path) -> None:
    wanted = VGG16(weights=path, include_top=False).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), wanted, strict=True))


def test_downloaded_once_and_kept(mirror: str, file: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same(VGG16(include_top=False), file)
    assert f"downloading {WEIGHTS}" in capsys.readouterr().err
    asked = len(Server.asked)
    same(VGG16(include_top=False), file)
    assert len(Server.asked) == asked == 1
    assert (home / "weights" / WEIGHTS).read_bytes() == file.read_bytes()


def test_goes_on_where_the_connection_broke(mirror: str, file: Path) -> None:
    Server.faults = ["cut", "500"]
    same(VGG16(include_top=False), file)
    assert [span for _, span in Server.asked] == ["", *[f"bytes={file.stat().st_size // 2}-"] * 2]


def test_goes_on_in_the_next_process(mirror: str, file: Path, home: Path) -> None:
    Server.faults = ["cut"] * 3
    with pytest.raises(BadFile, match=r"expected [\d,]+ bytes, got [\d,]+ .*Try again: it goes on from there"):
        VGG16(include_top=False)
    kept = (home / "weights" / f"{WEIGHTS}.part").stat().st_size
    same(VGG16(include_top=False), file)
    assert Server.asked[-1] == (f"/weights/{WEIGHTS}", f"bytes={kept}-")


def test_another_file_is_discarded(mirror: str, home: Path) -> None:
    Server.files[f"/weights/{WEIGHTS}"] = b"something else"
    with pytest.raises(BadFile, match=r"expected the md5 [0-9a-f]{32}, got [0-9a-f]{32}. The file was discarded"):
        VGG16(include_top=False)
    assert list((home / "weights").glob("*.h5*part")) == list((home / "weights").glob("*.h5")) == []


@pytest.mark.parametrize("fault", ["absent", "offline"])
def test_what_to_put_where_is_said_in_one_sentence(
    fault: str, mirror: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "absent":
        Server.files.clear()
    else:
        monkeypatch.setenv("KERATO_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(BadFile, match="Not Found" if fault == "absent" else "refused") as caught:
        VGG16(include_top=False)
    said = str(caught.value)
    assert f"Put the file {WEIGHTS} into {home / 'weights'}, or name a file of weights." in said
    assert "\n" not in said


def test_without_a_network_its_own_address_is_named() -> None:
    with pytest.raises(BadFile, match=r"^https://storage.googleapis.com/tensorflow/keras-applications/vgg19/vgg19_wei"):
        naming.trained.place(trained.FILES["vgg19"][0])


def test_keras_s_folder_is_looked_through(file: Path, tmp_path: Path) -> None:
    (tmp_path / "keras" / "models").mkdir(parents=True)
    shutil.copy(file, tmp_path / "keras" / "models")
    same(VGG16(include_top=False), file)


def test_a_file_with_the_top_gives_the_convolutions_by_name(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vgg, "WIDTH", 4)
    full = VGG16(weights=None, input_shape=(32, 32, 3), classes=5)
    full.save_weights(tmp_path / "full.h5")
    base = VGG16(weights=tmp_path / "full.h5", include_top=False)
    for layer in base.layers[1:]:
        for mine, other in zip(layer.get_weights(), full.get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)
    with pytest.raises(BadFile, match="fc1"):
        VGG16(weights=file, input_shape=(32, 32, 3), classes=5)


def test_a_missing_file_and_other_layers_are_said(file: Path, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"nowhere.h5: expected a file of weights for vgg16, 'imagenet' or None"):
        VGG16(weights=tmp_path / "nowhere.h5", include_top=False)
    with pytest.raises(BadFile):
        MobileNet(weights=file, include_top=False)


def test_without_a_digest_only_the_owner_is_trusted(
    server: str, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small: dict[str, Any] = {"alpha": 0.25, "include_top": False, "input_shape": (128, 128, 3)}
    name, key = "mobilenet_2_5_128_tf_no_top.h5", "mobilenet_2_5_128"
    model = MobileNet(weights=None, **small)
    model.save_weights(tmp_path / name)
    Server.files[f"/owner/{name}"] = Server.files[f"/weights/{name}"] = (tmp_path / name).read_bytes()
    full, base = trained.FILES[key]
    assert base.remote == f"https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/{name}"
    monkeypatch.setitem(trained.FILES, key, (full, replace(base, folder=f"{server}/owner")))
    monkeypatch.setenv("KERATO_MIRROR", server)
    with pytest.raises(BadFile, match=f"{name}: is not on this machine, and no digest is known to check what a mirror"):
        MobileNet(**small)
    monkeypatch.delenv("KERATO_MIRROR")
    found = MobileNet(**small)
    assert found.name == "mobilenet_0.25_128"
    assert all(np.array_equal(a, b) for a, b in zip(found.get_weights(), model.get_weights(), strict=True))
    assert f"{name}: no digest of it is published" in capsys.readouterr().err
    assert Server.asked == [(f"/owner/{name}", "")]


def test_without_a_digest_a_file_of_another_size_is_discarded(
    server: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = trained.File(f"{server}/owner", ("net.h5",))
    Server.files["/owner/net.h5"] = b""
    with pytest.raises(BadFile, match="the server does not say how large it is"):
        trained.place(file)
    Server.files["/owner/net.h5"] = b"four"
    monkeypatch.setattr(trained, "_size", lambda url, file: 3)
    with pytest.raises(BadFile, match="expected the size 3, got 4"):
        trained.place(file)


@pytest.fixture
def index(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror that has names of classes."""
    body = json.dumps(NAMES).encode()
    Server.files["/weights/imagenet_class_index.json"] = body
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(trained, "CLASS_INDEX", replace(trained.CLASS_INDEX, md5=digest))
    monkeypatch.setenv("KERATO_MIRROR", server)


def test_row_2_4_04_classes_65_and_18_have_their_names(index: None) -> None:
    answers = np.full((2, 1000), 1e-4)
    answers[0, 65], answers[1, [18, 3]] = 0.999, (0.6, 0.2)
    found = imagenet_utils.decode_predictions(answers, top=2)
    assert found[0][0] == ("n01751748", "sea_snake", 0.999)
    assert [name for _, name, _ in found[1]] == ["magpie", "class 3"]
    imagenet_utils.decode_predictions(answers)
    assert len(Server.asked) == 1
    with pytest.raises(ValueError, match=r"an array of shape \(batch, 1000\)"):
        imagenet_utils.decode_predictions(answers[0])


def test_names_that_are_damaged_or_not_there_are_said(index: None, home: Path) -> None:
    Server.files.clear()
    with pytest.raises(BadFile, match=r"Put the file imagenet_class_index.json into .*weights"):
        imagenet_utils.decode_predictions(np.zeros((1, 1000)))
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "imagenet_class_index.json").write_text('{"0": ["n1", "one"]}')
    with pytest.raises(BadFile, match="expected ImageNet's 1000 classes, and it is damaged"):
        imagenet_utils.decode_predictions(np.zeros((1, 1000)))


def test_a_net_to_look_into_takes_raw_pictures_and_says_whether_it_has_learned(
    file: Path, home: Path, index: None
) -> None:
    model, remark = naming.seen("vgg16", include_top=False)
    assert f"{WEIGHTS} is not on this machine. Put it into {home / 'weights'}; it comes from https://" in remark
    assert model.inputs[0].dtype == "uint8"
    (home / "weights").mkdir(parents=True)
    shutil.copy(file, home / "weights")
    model, remark = naming.seen("VGG16", include_top=False)
    assert remark == ""
    same(model.get_layer("vgg16"), file)
    x = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype("uint8")
    prepared = imagenet_utils.preprocess_input(x.astype("float32"))
    expected = VGG16(weights=file, include_top=False).predict(prepared, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-4)
    shutil.copy(trained.place(trained.CLASS_INDEX), home / "weights" / "names.json")
    assert naming.seen("squeezenet")[0].extra["class_names"][65] == "sea_snake"
