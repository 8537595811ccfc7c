"""Batches: the same whoever makes them, restartable anywhere, and an end with the file's name when one is broken."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from kerato.data.generator import ImageDataGenerator
from kerato.errors import BadFile, InvalidValue, UnknownName

RNG = np.random.default_rng(11)
PICTURES = RNG.integers(0, 256, (50, 16, 14, 3)).astype(np.uint8)
AUGMENTED: dict[str, Any] = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 10,
    "zoom_range": 0.3,
    "channel_shift_range": 20,
    "horizontal_flip": True,
    "vertical_flip": True,
    "brightness_range": (0.5, 1.5),
    "rescale": 1 / 255,
}


@pytest.fixture
def folder(tmp_path: Path) -> Any:
    """Two classes of 12 JPEG pictures."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number in range(12):
            pixels = RNG.integers(0, 256, (40, 50, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number:02}.jpg")
    return tmp_path


def by_sample(source: Any, epochs: int = 2) -> Any:
    """(epoch, index) -> picture, over whole epochs of `next`."""
    return {
        (epoch, int(index)): picture
        for epoch in range(epochs)
        for step in range(len(source))
        for index, picture in zip(source.ids(epoch, step), next(source), strict=True)
    }


def equal(one: Any, other: Any) -> Any:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("where", ["array", "folder"])
def test_pictures_do_not_depend_on_workers_or_batch_size(folder: Path, where: str) -> None:
    generator = ImageDataGenerator(**AUGMENTED)

    def source(workers: int, batch_size: Any) -> Any:
        options: dict[str, Any] = {"workers": workers, "batch_size": batch_size, "seed": 5}
        if where == "array":
            return generator.flow(PICTURES, **options)
        return generator.flow_from_directory(folder, (32, 32), class_mode=None, **options)

    reference = by_sample(source(1, 8))
    for workers, batch_size in [(0, 8), (1, 32), (4, 8), (4, 32)]:
        assert equal(by_sample(source(workers, batch_size)), reference)
    assert not np.array_equal(reference[0, 3], reference[1, 3])


def test_order_and_pictures_depend_on_the_seed() -> None:
    sources = [ImageDataGenerator(**AUGMENTED).flow(PICTURES, seed=seed) for seed in (1, 2)]
    assert sources[0].ids(0, 0).tolist() != sources[1].ids(0, 0).tolist()
    assert not equal(*[by_sample(source, 1) for source in sources])


def test_a_batch_by_address_is_the_batch_in_passing() -> None:
    source = ImageDataGenerator(**AUGMENTED).flow(PICTURES, np.arange(50), batch_size=16, seed=3)
    for epoch, step in itertools.product(range(2), range(4)):
        pictures, labels = next(source)
        again, same = source(epoch, step)
        np.testing.assert_array_equal(pictures, again)
        np.testing.assert_array_equal(labels, same)
        np.testing.assert_array_equal(labels, source.ids(epoch, step))


def test_state_restore_reset_and_epoch_end() -> None:
    generator = ImageDataGenerator(**AUGMENTED)
    source = generator.flow(PICTURES, batch_size=16)
    for _ in range(6):
        next(source)
    assert source.state() == {"seed": source.seed, "epoch": 1, "batch_index": 2}
    later = generator.flow(PICTURES, batch_size=16)
    later.restore(source.state())
    for _ in range(4):
        np.testing.assert_array_equal(next(source), next(later))
    source.reset()
    np.testing.assert_array_equal(next(source), source(2, 0))
    source.on_epoch_end()
    assert (source.epoch, source.batch_index) == (3, 0)
    np.testing.assert_array_equal(next(source), source(3, 0))


def test_indexing_and_streams() -> None:
    source = ImageDataGenerator(**AUGMENTED).flow(PICTURES, batch_size=16, seed=1)
    assert len(source) == 4
    assert len(source[3]) == len(source[-1]) == 2
    assert iter(source) is source
    stream = source.stream(2, 3)
    np.testing.assert_array_equal(next(stream), source(2, 3))
    np.testing.assert_array_equal(next(stream), source(3, 0))
    assert (source.epoch, source.batch_index) == (0, 0)
    with pytest.raises(IndexError, match="batch 4 of 4"):
        source[4]
    with pytest.raises(InvalidValue, match=r"`step` must be in \[0, 4\)"):
        source(0, 4)


@pytest.mark.parametrize("workers", [0, 3])
def test_reading_by_index_as_keras_does(workers: int) -> None:
    source = ImageDataGenerator(**AUGMENTED).flow(PICTURES, batch_size=16, seed=1, workers=workers)
    places = [(0, 0), (0, 0), (0, 1), (0, 3), (0, 2), (0, 3), None, (1, 0), (1, 1), (1, 1), None, (2, 0)]
    for place in places:
        if place is None:
            source.on_epoch_end()
        else:
            np.testing.assert_array_equal(source[place[1]], source(*place))
    np.testing.assert_array_equal(next(source), source(2, 0))
    source.restore({"seed": 2, "epoch": 2, "batch_index": 1})
    other = ImageDataGenerator(**AUGMENTED).flow(PICTURES, batch_size=16, seed=2)
    np.testing.assert_array_equal(next(source), other(2, 1))


def test_reading_by_index_in_order_is_made_ahead() -> None:
    made: list[int] = []

    def count(picture: Any) -> Any:
        made.append(1)
        return picture

    source = ImageDataGenerator(preprocessing_function=count).flow(PICTURES, batch_size=5, workers=2, max_queue_size=3)
    for step in range(10):
        source[step]
    source.on_epoch_end()
    for step in range(10):
        source[step]
    deadline = time.monotonic() + 5
    while len(made) < 115 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert 100 < len(made) <= 120


def test_without_a_seed_numpy_gives_one() -> None:
    np.random.seed(1337)
    first = ImageDataGenerator(**AUGMENTED).flow(PICTURES)
    np.random.seed(1337)
    second = ImageDataGenerator(**AUGMENTED).flow(PICTURES)
    assert first.seed == second.seed
    np.testing.assert_array_equal(next(first), next(second))


def test_weights_subsets_and_lengths() -> None:
    generator = ImageDataGenerator(validation_split=0.2)
    y, weights = np.arange(50), np.arange(50) / 50
    held = generator.flow(PICTURES, y, shuffle=False, subset="validation", sample_weight=weights)
    kept = generator.flow(PICTURES, y, shuffle=False, subset="training")
    assert (held.n, kept.n) == (10, 40)
    pictures, labels, weight = next(held)
    np.testing.assert_array_equal(pictures, PICTURES[:10])
    np.testing.assert_array_equal(weight, labels / 50)
    assert next(kept)[1][0] == 10
    with pytest.raises(InvalidValue, match="flow: `y` must be as long as `x`"):
        generator.flow(PICTURES, y[:4])
    with pytest.raises(UnknownName, match="Did you mean 'validation'"):
        generator.flow(PICTURES, subset="validaton")
    with pytest.raises(InvalidValue, match="without a validation split"):
        ImageDataGenerator().flow(PICTURES, subset="training")
    with pytest.raises(InvalidValue, match="at least one sample"):
        generator.flow(PICTURES[:2], subset="validation")


def test_the_subsets_of_a_folder_are_a_partition_of_each_class(folder: Path) -> None:
    generator = ImageDataGenerator(validation_split=0.25)
    held, kept = (generator.flow_from_directory(folder, subset=name) for name in ("validation", "training"))
    assert np.bincount(held.classes).tolist() == [3, 3]
    assert sorted(held.filenames + kept.filenames) == ImageDataGenerator().flow_from_directory(folder).filenames


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_a_file_that_breaks_later_ends_the_iteration_by_name(folder: Path, workers: int) -> None:
    generator = ImageDataGenerator(**AUGMENTED)
    source = generator.flow_from_directory(folder, (32, 32), batch_size=4, workers=workers, cache_bytes=0)
    next(source)
    victim = folder / "b" / "07.jpg"
    victim.write_bytes(victim.read_bytes()[:300])
    with pytest.raises(BadFile, match=r"07\.jpg"):
        for _ in range(24):
            next(source)
    with pytest.raises(BadFile, match=r"07\.jpg"):
        next(source)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_the_user_s_function_keeps_its_kind_and_gets_the_name(folder: Path, workers: int) -> None:
    def fails(picture: Any) -> Any:
        raise ZeroDivisionError("mine")

    generator = ImageDataGenerator(preprocessing_function=fails)
    source = generator.flow_from_directory(folder, (32, 32), shuffle=False, workers=workers)
    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        next(source)
    assert "00.jpg" in caught.value.__notes__[0]
    with pytest.raises(ZeroDivisionError) as caught:
        next(generator.flow(PICTURES, shuffle=False, workers=workers))
    assert "sample 0 (epoch 0, batch 0)" in caught.value.__notes__[0]


def test_files_are_read_once_while_memory_allows(folder: Path) -> None:
    source = ImageDataGenerator(**AUGMENTED).flow_from_directory(folder, (32, 32), class_mode=None, seed=2)
    before = next(source)
    for path in folder.rglob("*.jpg"):
        path.unlink()
    np.testing.assert_array_equal(source(0, 0), before)
    Image.fromarray(PICTURES[0]).save(folder / "a" / "one.png")
    small = ImageDataGenerator().flow_from_directory(folder, (32, 32), class_mode=None, cache_bytes=100)
    next(small)
    assert not small._cache


def test_a_dropped_iterator_leaves_no_threads() -> None:
    before = set(threading.enumerate())
    source = ImageDataGenerator(**AUGMENTED).flow(PICTURES, workers=3)
    next(source)
    del source
    gc.collect()
    deadline = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def test_threads_may_share_an_iterator() -> None:
    source = ImageDataGenerator().flow(PICTURES, np.arange(50), batch_size=5, seed=1)
    seen = []

    def take() -> None:
        for _ in range(5):
            seen.extend(next(source)[1].tolist())

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted([*range(50), *range(50)])


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
@pytest.mark.parametrize(("color_mode", "channels"), [("rgb", 3), ("grayscale", 1), ("rgba", 4)])
def test_colour_modes_and_data_formats(
    folder: Path, tmp_path: Path, color_mode: str, channels: int, data_format: str
) -> None:
    generator = ImageDataGenerator(**AUGMENTED, data_format=data_format, dtype="float64")
    source = generator.flow_from_directory(
        folder, (20, 24), color_mode, batch_size=3, save_to_dir=tmp_path / "saved", save_format="jpg"
    )
    pictures, labels = next(source)
    assert pictures.shape == ((3, 20, 24, channels) if data_format == "channels_last" else (3, channels, 20, 24))
    assert (pictures.dtype, labels.dtype, labels.shape) == (np.float64, np.float32, (3, 2))
    assert len(list((tmp_path / "saved").iterdir())) == 3


def test_wrong_arguments(folder: Path) -> None:
    generator: Any = ImageDataGenerator()
    with pytest.raises(UnknownName, match="Did you mean 'sparse'"):
        generator.flow_from_directory(folder, class_mode="sparce")
    with pytest.raises(UnknownName, match="color_mode 'grey' is not known"):
        generator.flow_from_directory(folder, color_mode="grey")
    with pytest.raises(UnknownName, match="Did you mean 'bilinear'"):
        generator.flow_from_directory(folder, interpolation="bilinaer")
    with pytest.raises(InvalidValue, match=r"`target_size` must be a pair"):
        generator.flow_from_directory(folder, target_size=150)
    with pytest.raises(InvalidValue, match=r"`batch_size` must be an int >= 1\. Got 0"):
        generator.flow_from_directory(folder, batch_size=0)
    (folder / "c").mkdir()
    with pytest.raises(InvalidValue, match=r"`class_mode` must be for two classes \(3 were found\)"):
        generator.flow_from_directory(folder, class_mode="binary")


def test_feature_wise_steps_without_fit_warn_once() -> None:
    generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    with pytest.warns(UserWarning, match="featurewise_center and featurewise_std_normalization do nothing"):
        source = generator.flow(PICTURES, shuffle=False)
    np.testing.assert_array_equal(next(source), PICTURES[:32])


@pytest.mark.slow
def test_the_example_makes_its_preview(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    example = Path(__file__).parents[2] / "examples" / "7_1_augmentation_preview.py"
    ran = subprocess.run([sys.executable, example, tmp_path], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert len(list((tmp_path / "preview").glob("cat_*.jpeg"))) == 21
    assert (tmp_path / "7_1_augmentation_preview.jpg").stat().st_size > 20_000


def test_names_are_where_keras_users_look() -> None:
    import kerato.data
    import kerato.preprocessing

    assert kerato.data.ImageDataGenerator is kerato.preprocessing.image.ImageDataGenerator
    assert "load_img" in dir(kerato.data)
    assert "image" in dir(kerato.preprocessing)
    for module in (kerato.data, kerato.preprocessing):
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            getattr(module, "nothing")  # noqa: B009


def test_importing_augmentation_imports_no_engine() -> None:
    code = (
        "import sys, kerato.data; assert 'numpy' not in sys.modules\n"
        "from kerato.preprocessing.image import ImageDataGenerator\n"
        "heavy = {'jax', 'cv2', 'scipy', 'PIL', 'av', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
