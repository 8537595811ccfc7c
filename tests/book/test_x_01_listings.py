"""The book's listings, word for word from files, through `kerato run`.

`listings/L05.py` is listing L5 as the book prints it, less what the conversion of its text did twice or lost (book.md
0.2). `before_L06.py` defines the names that a listing leaves open (`step`, `output_index`, `process_line`, the model it
adds to, the imports of the page before). L2 is a line for a Windows shell. L10's file is read from the current folder,
a thousandth of its draws.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
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


def restore() -> None:
    """`keras` is again what it was, and the settings are."""
    legacy.uninstall()
    config.set_dialect(None)
    config.set_backend("tensorflow")


@pytest.fixture(autouse=True)
def as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder."""
    monkeypatch.chdir(tmp_path)
    yield
    restore()


def run(*numbers: int, first: bool = False, then: str = "") -> dict[str, Any]:
    """The names that the listings leave, run one after the other as one script."""
    files = [LISTINGS / f"{kind}L{number:02}.py" for number in numbers for kind in ("before_", "")]
    return run_text("".join(file.read_text() for file in files if file.exists()) + then, first)


def run_text(text: str, first: bool) -> dict[str, Any]:
    """The names that a script leaves; pictures have their channels first or last."""
    script = Path("script.py")
    script.write_text(text)
    config.set_image_data_format("channels_first" if first else "channels_last")
    return scripts.run(script)


def test_row_x_01_every_listing_is_there() -> None:
    assert sorted(path.stem for path in LISTINGS.glob("L*")) == [f"L{number:02}" for number in range(1, 21)]


def test_row_x_01_l1(capsys: pytest.CaptureFixture[str]) -> None:
    run(1)
    assert capsys.readouterr().out == "[4 6]\n[3 7]\n"


def test_row_x_01_l2_what_it_installs_is_there() -> None:
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
start = np.random.RandomState(0).random_sample((1, 3, img_width, img_height)) * 20 + 128.
first = iterate([start])
shallow = K.function([input_img], [layer_dict['conv1_1'].output])([start])[0]
"""


@dataclass
class Drawn:
    """What L3 to L7 leave."""

    names: dict[str, Any]
    stored: dict[int, list[Any]]
    printed: str
    picture: Any


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drawn]:
    """L3 to L7 as one script, on a file of weights; once for the rows that look at it."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(action="ignore"):
        patch.chdir(tmp_path_factory.mktemp("vgg16"))
        stored = weights_file(Path("vgg16_weights.h5"))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            names = run(3, 4, 5, 6, 7, first=True, then=CHECKS)
        yield Drawn(names, stored, out.getvalue(), image.read("conv5_1_filter_0.png"))
    restore()


@pytest.mark.slow
def test_row_2_2_01_the_convolutions_of_vgg_16_listing_3(drawn: Drawn) -> None:
    model = drawn.names["model"]
    assert (len(model.layers), model.output_shape, model.count_params()) == (31, (1, 512, 4, 4), 14_714_688)
    assert len({layer.name for layer in model.layers}) == 31


@pytest.mark.slow
def test_row_2_2_02_the_input_of_the_first_layer_feeds_a_function(drawn: Drawn) -> None:
    assert drawn.names["input_img"] is drawn.names["model"].layers[0].input is drawn.names["model"].input
    assert drawn.names["input_img"].shape == (1, 3, 128, 128)


def test_row_2_2_03_layers_by_name(drawn: Drawn) -> None:
    assert drawn.names["layer_dict"]["conv5_1"].output is drawn.names["layer_output"]
    assert drawn.names["layer_output"].shape == (1, 512, 8, 8)


def test_row_2_2_04_weights_from_a_file_layer_by_layer_listing_4(drawn: Drawn) -> None:
    """The file has a Dense more than the model; the first convolution computes what its kernels in the file say."""
    assert drawn.printed == "Model loaded.\n"
    x = np.pad(drawn.names["start"][0], ((0, 0), (1, 1), (1, 1)))
    kernel = drawn.stored[1][0]
    for row, column in ((0, 0), (5, 100), (127, 64)):
        expected = np.einsum("fcij,cij->f", kernel, x[:, row : row + 3, column : column + 3])
        found = drawn.names["shallow"][0, :, row, column]
        np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-3, atol=1e-2)


def test_row_2_2_05_old_kernels_turn(drawn: Drawn) -> None:
    model = drawn.names["model"]
    for k in (1, 29):
        kernel, bias = drawn.stored[k]
        np.testing.assert_array_equal(model.layers[k].get_weights()[0], kernel.transpose(2, 3, 1, 0))
        np.testing.assert_array_equal(model.layers[k].get_weights()[1], bias)


def test_row_2_2_06_the_loss_is_the_mean_of_one_map(drawn: Drawn) -> None:
    assert drawn.names["loss"].shape == ()
    assert drawn.names["first"][0] > 0, "the filter answers"


def test_row_2_2_08_and_row_2_2_09_iterate_gives_the_loss_and_a_gradient_of_size_one_listing_5(drawn: Drawn) -> None:
    loss, gradient = drawn.names["first"]
    assert (loss.shape, gradient.shape) == ((), (1, 3, 128, 128))
    assert np.sqrt(np.mean(np.square(gradient))) == pytest.approx(1, abs=0.03), "1e-5 is added to it"


def test_row_2_2_10_twenty_steps_uphill_listing_6(drawn: Drawn) -> None:
    assert drawn.names["i"] == 19
    assert drawn.names["loss_value"] > 1.5 * drawn.names["first"][0]


def test_row_2_2_11_a_tensor_as_a_picture_listing_7(drawn: Drawn) -> None:
    picture = drawn.names["img"]
    assert (picture.shape, picture.dtype) == ((128, 128, 3), np.uint8)
    assert picture.mean() == pytest.approx(127, abs=3)


def test_row_2_2_12_the_picture_is_in_the_file(drawn: Drawn) -> None:
    np.testing.assert_array_equal(drawn.picture, drawn.names["img"])


@pytest.mark.parametrize(("width", "height", "out"), [(96, 96, (1, 512, 3, 3)), (160, 128, (1, 512, 5, 4))])
def test_row_2_2_13_pictures_of_any_size(width: int, height: int, out: tuple[int, ...]) -> None:
    listing = (LISTINGS / "L03.py").read_text()
    sized = listing.replace("img_width, img_height = 128, 128", f"img_width, img_height = {width}, {height}")
    assert sized != listing
    assert run_text(sized, first=True)["model"].output_shape == out


SMALL = """
from keras.models import Sequential
from keras.layers import Convolution2D
model = Sequential()
model.add(Convolution2D(2, 3, 3, activation='tanh', name='conv5_1', batch_input_shape=(1, 3, 6, 5)))
input_img, layer_dict = model.layers[0].input, {'conv5_1': model.layers[0]}
"""


def test_row_2_2_07_the_gradient_is_that_of_finite_differences() -> None:
    """Listing 5 on a net of one layer, every pixel moved both ways."""
    iterate = run_text(SMALL + (LISTINGS / "L05.py").read_text(), first=True)["iterate"]
    x = np.random.default_rng(0).normal(size=(1, 3, 6, 5)).astype("float32")
    found, slopes = iterate([x])[1], np.zeros(x.shape)
    for place in np.ndindex(*x.shape):
        step = np.zeros(x.shape, "float32")
        step[place] = 0.05
        slopes[place] = (iterate([x + step])[0] - iterate([x - step])[0]) / 0.1
    np.testing.assert_allclose(found, slopes / (np.sqrt(np.mean(slopes**2)) + 1e-5), atol=0.01)


def test_row_2_4_02_and_x_01_l8_the_output_of_a_layer() -> None:
    found = run(8)
    model = found["model"]
    assert found["layer_output"] is model.layers[-1].output
    loss = found["K"].function([model.input], [found["loss"]])([np.ones((2, 4))])[0]
    assert loss == pytest.approx(model.predict(np.ones((2, 4)))[:, 3].mean(), rel=1e-6)


def test_row_x_01_l9_compiled() -> None:
    model = run(9)["model"]
    assert model.count_params() == 16_362
    history = model.fit(np.ones((4, 500)), np.eye(10)[:4], epochs=1, verbose=0).history
    assert len(history["loss"]) == 1
    assert model.metrics_names == ["loss", "acc"]


def test_row_3_1_44_and_x_01_l10_a_generator_that_reads_a_file() -> None:
    Path("my_file.txt").write_text("0 1 2\n1 0 1\n1 1 3\n")
    found = run(10)
    assert len(found["drawn"]) >= 10 * 10, "ten draws per epoch"
    assert all(file.closed for file in found["opened"][:-1]) and len(found["opened"]) > 30
    found["opened"][-1].close()


@pytest.mark.parametrize("number", [11, 12])
def test_row_x_01_l11_and_l12_a_layer_from_its_configuration(number: int) -> None:
    found = run(number)
    made = found["reconstructed_layer" if number == 11 else "layer"]
    assert type(made) is found["Dense"] and made.get_config() == found["config"]


def test_row_x_01_l13_what_a_layer_knows_of_its_calls() -> None:
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
def test_row_x_01_l14_to_l18_shapes(number: int, first: bool, shape: tuple[int | None, ...]) -> None:
    assert run(*((9, 14) if number == 14 else (number,)), first=first)["model"].output_shape == shape


def test_row_x_01_l19_a_lambda_squares() -> None:
    model = run(19)["model"]
    x = np.float32([[1, 2, 3, 4]])
    np.testing.assert_allclose(model.predict(x), (x @ model.get_weights()[0]) ** 2, rtol=1e-5)


def test_row_x_01_l20_antirectifier() -> None:
    found = run(20)
    expected = [[0, 0, 0.223607, 0.670820, 0.670820, 0.223607, 0, 0]]
    np.testing.assert_allclose(found["model"].predict(np.float32([[1, 2, 3, 4]])), expected, atol=1e-5)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(command_line.kerato, ["run", *arguments])


def test_row_1_4_01_and_x_01_the_command_runs_listings(tmp_path: Path) -> None:
    """L15 only has the book's shape with channels first: the option says so, and `--backend theano` (row 1.4-01)."""
    text = (LISTINGS / "before_L15.py").read_text() + (LISTINGS / "L15.py").read_text()
    Path("l15.py").write_text(text + "print model.output_shape\n")
    for option in (["--channels-first"], ["--backend", "theano"]):
        result = command(*option, "l15.py")
        assert (result.exit_code, result.stdout) == (0, "(None, 65536)\n"), result.output
        config.set_backend("tensorflow")
