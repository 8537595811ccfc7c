"""The book's listings, word for word from files, through `kerato run`.

`listings/L05.py` is listing L5 as the book prints it, less what the conversion of its text did twice or lost (book.md
0.2). `before_L06.py` defines the names that a listing leaves open (`step`, `output_index`, `process_line`, the model it
adds to, the imports of the page before). L2 is a line for a Windows shell. L10's file is read from the current folder,
a thousandth of its draws.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner, Result

from kerato import __main__ as command_line
from kerato import config, image, legacy
from kerato.legacy import scripts

LISTINGS = Path(__file__).parent / "listings"

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(autouse=True)
def as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder; afterwards `keras` is again what it was, and the settings are."""
    monkeypatch.chdir(tmp_path)
    yield
    legacy.uninstall()
    config.set_dialect(None)
    config.set_image_data_format("channels_last")


def run(*numbers: int, first: bool = False, then: str = "") -> dict[str, Any]:
    """The names that the listings leave, run one after the other as one script."""
    parts = []
    for number in numbers:
        files = (LISTINGS / f"before_L{number:02}.py", LISTINGS / f"L{number:02}.py")
        parts += [file.read_text() for file in files if file.exists()]
    script = Path("script.py")
    script.write_text("".join(parts) + then)
    config.set_image_data_format("channels_first" if first else "channels_last")
    return scripts.run(script)


def test_x_01_every_listing_is_there() -> None:
    assert sorted(path.stem for path in LISTINGS.glob("L*")) == [f"L{number:02}" for number in range(1, 21)]


def test_x_01_l1(capsys: pytest.CaptureFixture[str]) -> None:
    run(1)
    assert capsys.readouterr().out == "[4 6]\n[3 7]\n"


def test_x_01_l2_what_it_installs_is_there() -> None:
    assert "opencv_python" in (LISTINGS / "L02.txt").read_text()
    assert hasattr(importlib.import_module("cv2"), "imread")


#: filters of the convolutions of VGG-16, by block
BLOCKS = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]


def weights_file(path: Path) -> dict[int, list[Any]]:
    """A file of the layout of `vgg16_weights.h5`, kernels (filters, channels, rows, columns); layer -> its weights.

    It goes on behind the convolutions, as that file does: layer 31 is a Dense.
    """
    draws, channels, number = np.random.default_rng(0), 3, 0
    layers: dict[int, list[Any]] = {}
    for block in BLOCKS:
        for filters in block:
            layers[number] = []
            scale = np.sqrt(2 / (9 * channels))
            kernel = draws.standard_normal((filters, channels, 3, 3), dtype="float32") * np.float32(scale)
            layers[number + 1] = [kernel, np.zeros(filters, "float32")]
            number, channels = number + 2, filters
        layers[number] = []
        number += 1
    layers[number] = [np.zeros((4, 2), "float32"), np.zeros(2, "float32")]
    with h5py.File(path, "w") as file:
        file.attrs["nb_layers"] = len(layers)
        for k, arrays in layers.items():
            group = file.create_group(f"layer_{k}")
            group.attrs["nb_params"] = len(arrays)
            for p, array in enumerate(arrays):
                group[f"param_{p}"] = array
    return layers


CHECKS = """
assert layer_dict['conv5_1'].output is layer_output
first = iterate([np.random.RandomState(0).random_sample((1, 3, img_width, img_height)) * 20 + 128.])
"""


def test_x_01_l3_to_l7_a_filter_of_vgg_16_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows 2.2-01 to 2.2-12: the net, its weights from a file, loss, gradient, ascent and picture."""
    layers = weights_file(Path("vgg16_weights.h5"))
    found = run(3, 4, 5, 6, 7, first=True, then=CHECKS)
    model = found["model"]
    assert capsys.readouterr().out == "Model loaded.\n"
    assert (len(model.layers), model.output_shape, model.count_params()) == (31, (1, 512, 4, 4), 14_714_688)
    assert len({layer.name for layer in model.layers}) == 31
    np.testing.assert_array_equal(model.layers[1].get_weights()[0], layers[1][0].transpose(2, 3, 1, 0))
    np.testing.assert_array_equal(model.layers[29].get_weights()[1], layers[29][1])
    loss, gradient = found["first"]
    assert np.sqrt(np.mean(np.square(gradient))) == pytest.approx(1, abs=0.03), "1e-5 is added to it"
    assert found["loss_value"] > loss > 0
    picture = image.read("conv5_1_filter_0.png")
    assert picture.shape == (128, 128, 3)
    np.testing.assert_array_equal(picture, found["img"])
    assert picture.mean() == pytest.approx(127, abs=3)


def test_x_01_l8_the_output_of_a_layer() -> None:
    found = run(8)
    model = found["model"]
    assert found["layer_output"] is model.layers[-1].output
    loss = found["K"].function([model.input], [found["loss"]])([np.ones((2, 4))])[0]
    assert loss == pytest.approx(model.predict(np.ones((2, 4)))[:, 3].mean(), rel=1e-6)


def test_x_01_l9_compiled() -> None:
    model = run(9)["model"]
    assert model.count_params() == 16_362
    history = model.fit(np.ones((4, 500)), np.eye(10)[:4], epochs=1, verbose=0).history
    assert len(history["loss"]) == 1
    assert model.metrics_names == ["loss", "acc"]


def test_x_01_l10_a_generator_that_reads_a_file() -> None:
    Path("my_file.txt").write_text("0 1 2\n1 0 1\n1 1 3\n")
    found = run(10)
    assert len(found["drawn"]) >= 10 * 10, "ten draws per epoch"
    assert all(file.closed for file in found["opened"][:-1]) and len(found["opened"]) > 30


@pytest.mark.parametrize("number", [11, 12])
def test_x_01_l11_and_l12_a_layer_from_its_configuration(number: int) -> None:
    found = run(number)
    made = found["reconstructed_layer" if number == 11 else "layer"]
    assert type(made) is found["Dense"] and made.get_config() == found["config"]


def test_x_01_l13_what_a_layer_knows_of_its_calls() -> None:
    layer = run(13)["layer"]
    assert (layer.input_shape, layer.get_output_shape_at(0)) == ((None, 16), (None, 32))


@pytest.mark.parametrize(
    ("number", "first", "shape"),
    [
        (14, False, (None, 32)),
        (15, True, (None, 65536)),
        (15, False, (None, 6144)),
        (16, False, (None, 3, 2, 2)),
        (17, False, (None, 64, 10)),
        (18, False, (None, 3, 32)),
    ],
)
def test_x_01_l14_to_l18_shapes(number: int, first: bool, shape: tuple[int | None, ...]) -> None:
    assert run(*((9, 14) if number == 14 else (number,)), first=first)["model"].output_shape == shape


def test_x_01_l19_a_lambda_squares() -> None:
    model = run(19)["model"]
    x = np.float32([[1, 2, 3, 4]])
    np.testing.assert_allclose(model.predict(x), (x @ model.get_weights()[0]) ** 2, rtol=1e-5)


def test_x_01_l20_antirectifier() -> None:
    found = run(20)
    expected = [[0, 0, 0.223607, 0.670820, 0.670820, 0.223607, 0, 0]]
    np.testing.assert_allclose(found["model"].predict(np.float32([[1, 2, 3, 4]])), expected, atol=1e-5)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(command_line.kerato, ["run", *arguments])


def test_x_01_the_command_runs_listings(tmp_path: Path) -> None:
    """L15 only has the book's shape with channels first: the option says so, and `--backend theano` (row 1.4-01)."""
    text = (LISTINGS / "before_L15.py").read_text() + (LISTINGS / "L15.py").read_text()
    Path("l15.py").write_text(text + "print model.output_shape\n")
    for option in (["--channels-first"], ["--backend", "theano"]):
        result = command(*option, "l15.py")
        assert (result.exit_code, result.stdout) == (0, "(None, 65536)\n"), result.output
        config.set_backend("tensorflow")
