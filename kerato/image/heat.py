"""Heat maps: numbers shown as colours, points shown as density, and both laid over a picture (book 7.3)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.errors import invalid
from kerato.image.arrays import Scale, checked, one_of, opencv, pair, to_grey, to_rgb, to_uint8
from kerato.image.filters import gaussian
from kerato.image.geometry import resize

#: colour maps from cold to hot; hot, inferno, magma, viridis, cividis, bone and pink grow steadily in brightness
COLORMAPS = (
    *("hot", "jet", "turbo", "viridis", "inferno", "magma", "plasma", "cividis", "parula", "twilight", "rainbow"),
    *("hsv", "bone", "pink", "cool", "ocean", "deepgreen", "autumn", "spring", "summer", "winter"),
)


def colormap(
    values: ArrayLike, name: str = "hot", low: float | None = None, high: float | None = None
) -> NDArray[np.uint8]:
    """Pseudo-colours of a grey picture or any numbers: (h, w) -> uint8 RGB (h, w, 3). Colour pictures become grey.

    name: the colour map; with hot, `low` is black and `high` is white.
    low: value shown as the coldest colour; by default the smallest, for uint8 0.
    high: value shown as the hottest colour; by default the largest, for uint8 255.

    Raises: InvalidValue for values that are not finite or low > high; UnknownName for an unknown map.
    Source: book 7.3; cv2.applyColorMap.
    """
    one_of("colormap", "the colour map", name, COLORMAPS)
    cv2 = opencv()
    code = getattr(cv2, f"COLORMAP_{name.upper()}")
    return np.asarray(cv2.applyColorMap(to_uint8(to_grey(values), low, high), code)[..., ::-1]).copy()


def density(points: ArrayLike, size: tuple[int, int], sigma: Scale = 0.0) -> NDArray[np.float64]:
    """How many points lie on every pixel, spread by a Gaussian: points (n, 2) as (x, y) -> (height, width) float64.

    The sum is the number of points inside the picture, whatever `sigma` is.

    points: (x, y) in pixels; pixel (0, 0) holds 0 <= x, y < 1. Points outside are not counted.
    size: height,width of the picture in pixels.
    sigma: how far a point spreads, in pixels; 0 leaves it on its pixel.

    Raises: InvalidValue for points of another shape or not finite, a size below 1 or a negative sigma.
    Source: book 7.3.
    """
    places = np.asarray(points, np.float64)
    if places.size and (places.ndim != 2 or places.shape[1] != 2 or not np.isfinite(places).all()):
        raise invalid("density", "points", "a finite array (n, 2) of (x, y)", places)
    height, width = pair("density", "size", size, 1, integer=True)
    cells = np.floor(places.reshape(-1, 2))
    x, y = cells[((cells >= 0) & (cells < (width, height))).all(axis=1)].astype(np.int64).T
    counts = np.bincount(y * width + x, minlength=height * width).reshape(height, width)
    # mode "reflect" throws back what would spread beyond the border, so that nothing is lost
    return gaussian(counts.astype(np.float64), pair("density", "sigma", sigma), mode="reflect")


def overlay(
    picture: ArrayLike,
    heat: ArrayLike,
    alpha: float = 0.5,
    name: str = "jet",
    low: float | None = None,
    high: float | None = None,
) -> NDArray[np.uint8]:
    """A heat map over a picture: alpha * colours + (1 - alpha) * picture -> uint8 RGB (h, w, 3).

    heat: numbers (h', w'), coloured by `colormap`, or colours (h', w', 3); resized to the picture if they differ.
    alpha: 0 shows the picture only, 1 the heat only.
    name: the colour map.

    Raises: InvalidValue for an alpha outside 0..1 or heat that is not finite; UnknownName for an unknown map.
    Source: book 7.3.
    """
    if not 0 <= alpha <= 1:
        raise invalid("overlay", "alpha", "a number from 0 to 1", alpha)
    below, above = to_rgb(picture), checked("overlay", heat)
    if above.shape[:2] != below.shape[:2]:
        above = resize(above if above.dtype == np.uint8 else above.astype(np.float64), below.shape[:2], "bilinear")
    colours = colormap(above, name, low, high) if above.ndim == 2 else to_rgb(above)
    mixed = alpha * colours.astype(np.float64) + (1 - alpha) * below
    return np.asarray(np.rint(mixed), np.uint8)
