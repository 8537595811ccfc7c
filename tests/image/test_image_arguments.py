"""Every function of `kerato.image`: what it refuses and how it says so, what it leaves alone, what it documents."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kerato import image
from kerato.errors import InvalidValue, KeratoError, UnknownName
from kerato.image import arrays

DRAW = np.random.default_rng(0)
EIGHT = DRAW.integers(0, 256, (24, 32), dtype=np.uint8)
COLOURS = DRAW.integers(0, 256, (24, 32, 3), dtype=np.uint8)
MASK = EIGHT > 128
LABELS = image.label(MASK)[0]
TRIANGLE = np.array([[0, 0], [9, 0], [0, 9]])
FUNCTIONS = {name: getattr(image, name) for name in image.__all__ if callable(getattr(image, name))}

REFUSED: list[tuple[str, Callable[[], Any], str]] = [
    ("empty", lambda: image.gaussian(np.empty((0, 3))), "not empty"),
    ("batch", lambda: image.gaussian(np.zeros((2, 8, 8, 3))), "Hand over one at a time"),
    ("channels", lambda: image.gaussian(np.zeros((8, 8, 2))), "1, 3 or 4 channels"),
    ("half", lambda: image.gaussian(np.zeros((8, 8), np.float16)), "float32 or float64. Got float16 array"),
    ("complex", lambda: image.gaussian(np.zeros((8, 8), complex)), "booleans, integers, float32 or float64"),
    ("words", lambda: image.gaussian("cat.jpg"), "booleans, integers"),
    ("sigma", lambda: image.gaussian(EIGHT, -1), "gaussian: `sigma` must be one number or (rows, columns), each >= 0"),
    ("sigma_nan", lambda: image.gaussian(EIGHT, float("nan")), "Got nan"),
    ("sigma_three", lambda: image.gaussian(COLOURS, (1, 1, 1)), "`sigma` must be"),  # type: ignore[arg-type]
    ("truncate", lambda: image.gaussian(EIGHT, 1, truncate=-1), "`truncate` must be a number >= 0"),
    ("order", lambda: image.gaussian(EIGHT, 1, order=-1), "`order` must be"),
    ("mode", lambda: image.gaussian(EIGHT, 1, mode="reflekt"), "Did you mean 'reflect'"),  # type: ignore[arg-type]
    ("size", lambda: image.median(EIGHT, 0), "median: `size` must be one int or (rows, columns), each >= 1. Got 0"),
    ("size_float", lambda: image.median(EIGHT, 3.5), "Got 3.5"),  # type: ignore[arg-type]
    ("size_even", lambda: image.gaussian_blur(EIGHT, 4), "an odd int >= 1. Got 4"),
    ("blur_dtype", lambda: image.gaussian_blur(EIGHT.astype(np.int64)), "uint8, uint16, int16"),
    ("percent", lambda: image.percentile(EIGHT, 101), "from -100 to 100"),
    ("rank", lambda: image.rank(EIGHT, 9, 3), "from -9 to 8 for a window of 9"),
    ("rank_footprint", lambda: image.rank(EIGHT, 3, footprint=np.eye(3)), "for a window of 3"),
    ("weights", lambda: image.convolve(EIGHT, [1, 2, 1]), "an array (rows, columns)"),
    ("axis", lambda: image.sobel(EIGHT, 2), "`axis` must be 0, 1 or None"),
    ("axis_derivative", lambda: image.gaussian_derivative(EIGHT, 1, 2), "`axis` must be 0 or 1"),
    ("amount", lambda: image.unsharp(EIGHT, 1, -1), "`amount` must be a number >= 0"),
    ("noise", lambda: image.gaussian_noise(EIGHT, -1), "`sigma` must be a number >= 0"),
    ("share", lambda: image.salt_and_pepper(EIGHT, 1.5), "from 0 to 1"),
    ("psnr_shape", lambda: image.psnr(EIGHT, EIGHT[:5]), "shape (24, 32)"),
    ("psnr_peak", lambda: image.psnr(EIGHT, EIGHT, 0), "a number > 0"),
    ("crop", lambda: image.crop(EIGHT, 30, 0, 5), "a box inside the picture of 32 x 24"),
    ("crop_negative", lambda: image.crop(EIGHT, -1), "a box inside"),
    ("resize", lambda: image.resize(EIGHT, (0, 5)), "each >= 1"),
    ("resize_dtype", lambda: image.resize(EIGHT.astype(np.int64), (5, 5)), "float32 or float64"),
    ("method", lambda: image.resize(EIGHT, (5, 5), "cubic"), "'bicubic'"),  # type: ignore[arg-type]
    ("direction", lambda: image.flip(EIGHT, "horizontol"), "Did you mean 'horizontal'"),  # type: ignore[arg-type]
    ("turns", lambda: image.rotate90(EIGHT, 1.5), "`turns` must be an int"),  # type: ignore[arg-type]
    ("angle", lambda: image.rotate(EIGHT, float("inf")), "a finite number of degrees"),
    ("spline", lambda: image.rotate(EIGHT, 5, order=6), "an int from 0 to 5"),
    ("offset", lambda: image.shift(EIGHT, float("nan")), "one number or (rows, columns). Got nan"),
    ("zoom", lambda: image.zoom(EIGHT, 0.01), "large enough to leave a pixel"),
    ("matrix", lambda: image.affine(EIGHT, np.eye(3)), "a finite array (2, 2)"),
    ("coordinates", lambda: image.map_coordinates(EIGHT, [[1, 2, 3]]), "an array (2, ...)"),
    ("mask", lambda: image.statistics(EIGHT, MASK[:5]), "height and width (24, 32)"),
    ("mask_nothing", lambda: image.statistics(EIGHT, MASK & False), "with something inside"),
    ("mask_colours", lambda: image.label(COLOURS), "threshold(picture) makes a mask"),
    ("connectivity", lambda: image.label(MASK, 6), "the connectivity 6 is not known"),  # type: ignore[arg-type]
    ("labels", lambda: image.areas(MASK / 2), "label(mask) makes one"),
    ("labels_size", lambda: image.sum_labels(EIGHT[:5], LABELS), "height and width (5, 32)"),
    ("nothing", lambda: image.center_of_mass(np.zeros((5, 5))), "do not sum to 0"),
    ("uint8", lambda: image.canny(EIGHT / 255.0), "to_uint8(picture) makes it so"),
    ("low", lambda: image.canny(EIGHT, 300, 200), "`low` must be <= high (200)"),
    ("aperture", lambda: image.canny(EIGHT, aperture=4), "3, 5 or 7"),
    ("aperture_harris", lambda: image.harris(EIGHT, aperture=9), "3, 5 or 7"),
    ("adaptive", lambda: image.adaptive_threshold(EIGHT, 4), "an odd int >= 3"),
    ("adaptive_method", lambda: image.adaptive_threshold(EIGHT, 5, 2, "median"), "mean"),  # type: ignore[arg-type]
    ("otsu", lambda: image.otsu(np.array([[np.nan]])), "finite values"),
    ("uint8_nan", lambda: image.to_uint8(np.array([[np.inf, 0]])), "np.nan_to_num"),
    ("uint8_low", lambda: image.to_uint8(EIGHT, 9, 3), "`low` must be <= high (3)"),
    ("points", lambda: image.contours(MASK, "none"), "simple"),  # type: ignore[arg-type]
    ("retrieve", lambda: image.contours(MASK, retrieve="ccomp"), "two_level"),  # type: ignore[arg-type]
    ("contour", lambda: image.contour_area([1, 2, 3]), "an array (n, 2) of points (x, y)"),
    ("contour_empty", lambda: image.perimeter(np.empty((0, 2))), "not empty"),
    ("ellipse", lambda: image.fit_ellipse(TRIANGLE), "at least 5 points"),
    ("line", lambda: image.fit_line(TRIANGLE[:1]), "at least 2 points"),
    ("tolerance", lambda: image.approximate(TRIANGLE, -1), "`tolerance` must be a number >= 0"),
    ("thickness", lambda: image.draw_contours(EIGHT, [TRIANGLE], thickness=0), "an int >= 1, or -1 to fill"),
    ("level", lambda: image.level_lines(EIGHT, float("nan")), "a finite number"),
    ("level_small", lambda: image.level_lines(EIGHT[:1], 5), "at least 2 x 2"),
    ("block", lambda: image.harris(EIGHT, 0), "`block` must be an int >= 1"),
    ("harris_sigma", lambda: image.harris_gaussian(EIGHT, 0), "a number > 0"),
    ("quality", lambda: image.shi_tomasi(EIGHT, quality=0), "above 0, at most 1"),
    ("quality_peaks", lambda: image.peaks(EIGHT, 2), "from 0 to 1"),
    ("refine", lambda: image.refine(EIGHT, [[99, 0]]), "inside the picture of 32 x 24"),
    ("bins", lambda: image.histogram(EIGHT, 0), "`bins` must be an int >= 1"),
    ("range", lambda: image.histogram(EIGHT, range=(5, 5)), "low < high"),
    ("two", lambda: image.histogram_2d(COLOURS, (0, 3)), "two channels that the picture has"),
    ("equalize", lambda: image.equalize(EIGHT / 2), "of dtype uint8"),
    ("equalize_mask", lambda: image.equalize(EIGHT, MASK & False), "with something inside"),
    ("equalize_colour", lambda: image.equalize(COLOURS, colour="hue"), "lightness"),  # type: ignore[arg-type]
    ("clip", lambda: image.clahe(EIGHT, 0), "a number > 0"),
    ("plot", lambda: image.draw_histogram(EIGHT, size=(50, 500)), "each >= 100"),
    ("map", lambda: image.colormap(EIGHT, "hott"), "Did you mean 'hot'"),
    ("density", lambda: image.density([1, 2, 3], (5, 5)), "(n, 2) of (x, y)"),
    ("alpha", lambda: image.overlay(EIGHT, EIGHT, 1.2), "from 0 to 1"),
    ("space", lambda: image.convert_colour(COLOURS, "hvs"), "Did you mean 'hsv'"),
    ("space_shape", lambda: image.convert_colour(EIGHT, "hsv"), "the shape that rgb has"),
    ("space_way", lambda: image.convert_colour(COLOURS, "lab", "hsv"), "Go by way of rgb"),
    ("space_dtype", lambda: image.convert_colour(COLOURS.astype(np.int64), "hsv"), "of a dtype"),
    ("structure", lambda: image.erode(EIGHT, "disk"), "cross, ellipse, square"),  # type: ignore[arg-type]
    ("structure_even", lambda: image.erode(EIGHT, "cross", 4), "an odd int >= 1"),
    ("structure_array", lambda: image.erode(EIGHT, np.ones(3)), "`structure` must be a mask (h, w)"),
    ("iterations", lambda: image.erode(EIGHT, iterations=0), "`iterations` must be an int >= 1"),
    ("pattern", lambda: image.hit_or_miss(MASK, np.eye(3), np.eye(4)), "of hit's shape (3, 3)"),
    ("seed", lambda: image.reconstruct(MASK[:4], MASK), "`seed` must be of the picture's height and width"),
    ("prominence", lambda: image.separate(MASK, -1), "`prominence` must be a number >= 0"),
    ("window", lambda: image.windows(EIGHT, 40), "at most the picture's (24, 32)"),
    ("strides", lambda: image.windows(EIGHT, 3, 0), "each >= 1"),
    ("rule", lambda: image.windows(EIGHT, 3, 1, "maximum"), "max, mean, min, sum"),
    ("rule_weights", lambda: image.windows(EIGHT, 3, 1, np.ones((2, 2))), "weights of shape (3, 3)"),
    ("marks", lambda: image.mark(EIGHT, [[np.nan, 1]]), "a finite array (n, 2)"),
    ("box_labels", lambda: image.draw_boxes(EIGHT, [[1, 2, 3, 4]], ["a", "b"]), "none or 1 words"),
    ("text_size", lambda: image.text(EIGHT, "a", size=2), "an int >= 4"),
    ("sheet", lambda: image.sheet([]), "at least 1"),
    ("captions", lambda: image.sheet([EIGHT], ["a", "b"]), "one for each of 1 pictures"),
]


@pytest.mark.parametrize(("name", "call", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_wrong_argument_gets_one_sentence(name: str, call: Callable[[], Any], message: str) -> None:
    with pytest.raises((InvalidValue, UnknownName)) as caught:
        call()
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert re.match(r"[\w.]+: ", str(caught.value)) and isinstance(caught.value, KeratoError | ValueError)


#: what the functions that take one picture or mask first are called with besides
BESIDES: dict[str, tuple[Any, ...]] = {
    "resize": ((12, 16),),
    "rotate": (20,),
    "shift": (1.5,),
    "zoom": (1.5,),
    "affine": (np.eye(2),),
    "map_coordinates": (np.ones((2, 5)),),
    "convolve": (np.ones((3, 3)),),
    "correlate": (np.ones((3, 3)),),
    "overlay": (EIGHT,),
    "psnr": (COLOURS,),
    "level_lines": (100,),
    "refine": ([[5, 5]],),
    "mark": ([[5, 5]],),
    "draw_boxes": ([[1, 2, 5, 6]], ["a"]),
    "draw_contours": ([TRIANGLE],),
    "text": ("words",),
    "hit_or_miss": (np.eye(3),),
    "reconstruct": (MASK,),
    "sum_labels": (LABELS,),
    "mean_labels": (LABELS,),
}
ON_MASKS = {"contours", "label", "skeleton", "fill_holes", "distance", "separate", "hit_or_miss", "reconstruct"}
ON_PICTURES = {
    name: function
    for name, function in FUNCTIONS.items()
    if next(iter(inspect.signature(function).parameters)) in ("picture", "mask", "seed", "response", "values")
}


def _first(name: str) -> Any:
    return MASK if name in ON_MASKS else COLOURS


@pytest.mark.parametrize("name", ON_PICTURES)
def test_the_input_is_left_alone_and_the_result_repeats(name: str) -> None:
    given = _first(name).copy()
    first = ON_PICTURES[name](given, *BESIDES.get(name, ()))
    np.testing.assert_array_equal(given, _first(name))
    again = ON_PICTURES[name](given, *BESIDES.get(name, ()))
    np.testing.assert_equal(again, first)


@pytest.mark.parametrize("name", ON_PICTURES)
def test_arrays_of_any_memory_layout_are_taken(name: str) -> None:
    turned = np.asfortranarray(_first(name)[::-1, ::-1])[::-1, ::-1]
    turned.setflags(write=False)
    expected = ON_PICTURES[name](_first(name), *BESIDES.get(name, ()))
    np.testing.assert_equal(ON_PICTURES[name](turned, *BESIDES.get(name, ())), expected)


PER_CHANNEL = (
    "uniform median maximum minimum percentile rank convolve correlate laplace sobel prewitt gaussian gaussian_blur "
    "gaussian_derivative gaussian_gradient gaussian_laplace unsharp resize rotate shift zoom affine map_coordinates "
    "flip rotate90 crop erode dilate opening closing gradient top_hat black_hat windows"
)


@pytest.mark.parametrize("name", sorted(PER_CHANNEL.split(" ")))
def test_colours_are_treated_channel_by_channel(name: str) -> None:
    function, besides = FUNCTIONS[name], BESIDES.get(name, ())
    whole = function(COLOURS, *besides)
    for channel in range(3):
        np.testing.assert_array_equal(whole[..., channel], function(COLOURS[..., channel], *besides))
    single = function(COLOURS[..., :1], *besides)
    assert single.ndim == whole.ndim and single.shape[-1] == 1


@pytest.mark.parametrize("name", sorted(PER_CHANNEL.split(" ")))
def test_masks_are_taken_where_pictures_are(name: str) -> None:
    if name != "gaussian_blur":
        result = FUNCTIONS[name](MASK, *BESIDES.get(name, ()))
        assert result.dtype in (np.bool_, np.float64) and np.isfinite(result.astype(float)).all()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstrings_say_what_is_raised_and_where_it_comes_from(name: str) -> None:
    text = inspect.getdoc(FUNCTIONS[name]) or ""
    assert text.split("\n")[0].rstrip().endswith((".", ",", "-")) or "\n" in text
    assert "Raises:" in text
    assert "Source:" in text or name in (
        "to_float",
        "to_rgb",
        "to_uint8",
        "decode",
        "encode",
        "describe",
        "text",
        "draw_boxes",
    )


def test_the_public_names_are_sorted_and_complete() -> None:
    assert len(set(image.__all__)) == len(image.__all__)
    exported = {name for name, value in vars(image).items() if inspect.isfunction(value)}
    assert exported == set(FUNCTIONS)


def test_conversions_keep_what_they_should() -> None:
    deep = np.array([[0, 255, 256, 65535]], np.uint16)
    assert image.to_uint8(deep).tolist() == [[0, 0, 1, 255]]
    assert image.to_uint8(deep, 0, 65535).tolist() == [[0, 1, 1, 255]]
    assert image.to_uint8(MASK).max() == 255
    assert image.to_uint8(np.full((2, 2), 3.3)).tolist() == [[0, 0], [0, 0]]
    assert image.to_float(EIGHT).max() <= 1 and image.to_float(EIGHT).dtype == np.float32
    assert image.to_float(np.array([[-3.5]])).tolist() == [[-3.5]]
    assert image.to_rgb(EIGHT).shape == (24, 32, 3)
    assert image.to_rgb(np.dstack([COLOURS, np.zeros_like(EIGHT)])).min() == 255
    assert arrays.like(np.array([[-5.0, 300.0, 1.5]]), EIGHT).tolist() == [[0, 255, 2]]


def test_grey_is_opencvs_in_eight_and_sixteen_bits() -> None:
    import cv2

    every = DRAW.integers(0, 256, (400, 400, 3), dtype=np.uint8)
    np.testing.assert_array_equal(image.to_grey(every), cv2.cvtColor(every, cv2.COLOR_RGB2GRAY))
    deep = DRAW.integers(0, 65536, (400, 400, 3), dtype=np.uint16)
    np.testing.assert_array_equal(image.to_grey(deep), cv2.cvtColor(deep, cv2.COLOR_RGB2GRAY))
    floats = every.astype(np.float32) / 255
    np.testing.assert_allclose(image.to_grey(floats), cv2.cvtColor(floats, cv2.COLOR_RGB2GRAY), atol=1e-6)


@pytest.mark.parametrize("to", ["hsv", "hls", "lab", "luv", "ycrcb", "xyz", "yuv", "bgr", "grey", "rgba"])
def test_colour_spaces_are_opencvs(to: str) -> None:
    import cv2

    name = {"grey": "GRAY", "lab": "Lab", "luv": "Luv", "ycrcb": "YCrCb"}.get(to, to.upper())
    np.testing.assert_array_equal(
        image.convert_colour(COLOURS, to), cv2.cvtColor(COLOURS, getattr(cv2, f"COLOR_RGB2{name}"))
    )
    np.testing.assert_array_equal(image.convert_colour(COLOURS, "rgb"), COLOURS)


@pytest.mark.parametrize(
    ("method", "code"),
    [("nearest", 0), ("bilinear", 1), ("bicubic", 2), ("area", 3), ("lanczos", 4), (None, 3)],
)
def test_resizing_is_opencvs(method: Any, code: int) -> None:
    import cv2

    for picture in (EIGHT, COLOURS, EIGHT / 255.0, COLOURS.astype(np.float32)):
        np.testing.assert_array_equal(
            image.resize(picture, (10, 17), method), cv2.resize(picture, (17, 10), interpolation=code)
        )
    assert image.resize(COLOURS[..., :1], (10, 17)).shape == (10, 17, 1)
    assert image.resize(MASK, (10, 17), method).dtype == np.bool_
