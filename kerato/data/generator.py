"""`ImageDataGenerator`: what happens to each picture on its way into a batch.

A picture is transformed at random (one affine map, channel shift, flips, brightness), then standardised. Which draws
a picture gets depends only on (seed, epoch, index of the sample); see `kerato.data.draws`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato import arguments, config, errors
from kerato.data import affine, draws, transforms
from kerato.data.queue import at_least
from kerato.data.standardize import Standardizer, check_pictures

if TYPE_CHECKING:
    from kerato.data.iterators import DirectoryIterator, NumpyArrayIterator
    from kerato.data.loading import Path

Array = NDArray[Any]
Shift = float | int | Sequence[float]
Params = dict[str, Any]

AT_REST: Final = {"theta": 0.0, "tx": 0.0, "ty": 0.0, "shear": 0.0, "zx": 1.0, "zy": 1.0}
"""The geometry that leaves a picture as it is."""

SLOTS: Final = 12
"""Uniform numbers per picture before those of its channels. Each transformation has its own place among them, so that
switching one on leaves the others as they were."""


def _zoom_pair(value: Any, _: Any) -> tuple[float, float]:
    low, high = (1 - value, 1 + value) if isinstance(value, (int, float, np.number)) else value
    if not 0 < low <= high:
        raise ValueError
    return float(low), float(high)


def _shift(value: Any, _: Any) -> Any:
    if isinstance(value, bool) or not np.all(np.isfinite(np.asarray(value, dtype=np.float64))):
        raise ValueError
    return value


def _pair(value: Any, _: Any) -> tuple[float, float]:
    low, high = value
    if not 0 <= low <= high:
        raise ValueError
    return float(low), float(high)


def _order(value: Any, _: Any) -> int:
    if isinstance(value, bool) or value not in range(6):
        raise ValueError
    return int(value)


def _shift_by(amount: Any, extent: int, share: float, sign: float) -> float:
    """Pixels from two uniform numbers; see `width_shift_range`."""
    if isinstance(amount, (float, np.floating)):
        return float((2 * share - 1) * amount * (extent if amount < 1 else 1))
    values = range(amount) if isinstance(amount, (int, np.integer)) else np.asarray(amount).ravel().tolist()
    if not len(values):
        return 0.0
    step = values[int(share * len(values))] * (1 if sign < 0.5 else -1)
    return float(step * (extent if max(map(abs, values)) < 1 else 1))


class ImageDataGenerator(Standardizer):
    """Pictures transformed at random and standardised, in batches: Keras's class, argument for argument.

    Each picture is transformed in this order: one affine map about its centre (rotation, shift, shear and zoom
    together, so that it is resampled once), channel shift, horizontal flip, vertical flip, brightness. Then it is
    standardised in this order: `preprocessing_function`, `rescale`, sample-wise centre and deviation, feature-wise
    centre and deviation, ZCA whitening.

    rotation_range: degrees; the angle is uniform in [-range, range].
    width_shift_range, height_shift_range: a float below 1 is a fraction of the picture's size, one of 1 or more a
        number of pixels, both uniform in [-range, range]; an int n draws a whole number of pixels in (-n, n); a
        sequence draws one of its values with either sign.
    shear_range: an angle in `shear_unit`, uniform in [-range, range].
    zoom_range: z for factors in [1 - z, 1 + z], or (lowest, highest), drawn for rows and columns independently; a
        factor above 1 shows more of the scene.
    channel_shift_range: grey levels, uniform in [-range, range] for each channel, clipped to the picture's extremes.
    fill_mode, cval: what lies outside the picture: `constant` (`cval`), `nearest`, `reflect`, `wrap`.
    horizontal_flip, vertical_flip: mirror half of the pictures.
    rescale: factor on all values; None and 0 leave them.
    preprocessing_function: called once for each picture, on a float32 array of rank 3, in a worker's thread; returns
        an array of the same shape.
    samplewise_center, samplewise_std_normalization: mean 0 and deviation 1 over all values of a picture.
    featurewise_center, featurewise_std_normalization: the same per channel, with statistics that `fit` takes.
    zca_whitening, zca_epsilon: decorrelates pixels, with a matrix that `fit` takes; implies featurewise_center.
    brightness_range: (lowest, highest) factor on the values, within the range 0..255 or the picture's own.
    validation_split: fraction of the samples that `subset="validation"` gives.
    interpolation_order: 0 reads the nearest pixel, 1 interpolates, 2 to 5 are splines (with SciPy).
    dtype: of the batches, K.floatx() unless given.
    shear_unit: `degrees` or `radians`.

    Raises:
        InvalidValue, InvalidType: an argument breaks its rule.

    Source: book 7.1; Keras 2.0.5, `keras/preprocessing/image.py`.
    Differs: in Keras 2.0.5 `interpolation_order` was 0, `shear_unit` radians, the centre one pixel off, and
    sample-wise statistics were taken over the channels of each pixel, against its documentation. Keras 3 draws one
    channel shift for all channels and moves pictures sideways by `height_shift_range`.
    """

    checks: ClassVar[dict[str, arguments.Rule]] = {
        "*_center": arguments.flag,
        "*_normalization": arguments.flag,
        "*_flip": arguments.flag,
        "zca_whitening": arguments.flag,
        "zca_epsilon": arguments.number(0),
        "rotation_range": arguments.number(0),
        "width_shift_range": arguments.Rule("a number or a sequence of numbers", _shift),
        "height_shift_range": arguments.Rule("a number or a sequence of numbers", _shift),
        "shear_range": arguments.number(0),
        "zoom_range": arguments.Rule("a number in [0, 1), or a pair 0 < lowest <= highest", _zoom_pair),
        "channel_shift_range": arguments.number(0),
        "fill_mode": arguments.one_of(*affine.FILL_MODES),
        "cval": arguments.number(),
        "rescale": arguments.optional(arguments.number()),
        "data_format": arguments.optional(arguments.one_of(*config.DATA_FORMATS)),
        "brightness_range": arguments.optional(arguments.Rule("a pair 0 <= lowest <= highest", _pair)),
        "validation_split": arguments.number(0, below=1),
        "interpolation_order": arguments.Rule("an int from 0 (nearest pixel) to 5", _order),
        "dtype": arguments.optional(arguments.one_of("float16", "float32", "float64")),
        "shear_unit": arguments.one_of(*affine.SHEAR_UNITS),
    }

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0.0,
        width_shift_range: Shift = 0.0,
        height_shift_range: Shift = 0.0,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Array], ArrayLike] | None = None,
        data_format: str | None = None,
        *,
        brightness_range: Sequence[float] | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
        shear_unit: str = "degrees",
    ) -> None:
        self.data_format = data_format or config.image_data_format()
        self.dtype = dtype or config.floatx()
        self.featurewise_center = featurewise_center or zca_whitening

    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> Params:
        """What would happen to a picture of `img_shape` (rank 3): one draw, as a dict for `apply_transform`.

        Keys: `theta` (degrees clockwise), `tx` and `ty` (pixels that the scene moves up and left), `shear` (in
        `shear_unit`), `zx` and `zy` (factors of rows and columns), `flip_horizontal`, `flip_vertical`,
        `channel_shift_intensity` (grey levels per channel, or None), `brightness` (a factor, or None). Without a seed,
        one is drawn from `np.random`.
        """
        return self.draw(img_shape, draws.seed_or_fresh("get_random_transform", seed))

    def draw(self, img_shape: tuple[int, ...], seed: int, epoch: int = 0, index: int = 0) -> Params:
        """The transformation that (seed, epoch, index) gives to a picture of `img_shape`.

        Raises:
            InvalidValue: `img_shape` has not three numbers.
        """
        if len(img_shape) != 3:
            raise errors.invalid("ImageDataGenerator", "img_shape", "the shape of one picture, of rank 3", img_shape)
        height, width, channels = img_shape if self.channel_axis else (*img_shape[1:], img_shape[0])
        u = draws.uniforms(seed, epoch, index, SLOTS + channels)
        both = 2 * u - 1
        low, high = self.zoom_range
        shift, bright = self.channel_shift_range, self.brightness_range
        return {
            "theta": float(both[0] * self.rotation_range),
            "tx": _shift_by(self.height_shift_range, height, u[1], u[2]),
            "ty": _shift_by(self.width_shift_range, width, u[3], u[4]),
            "shear": float(both[5] * self.shear_range),
            "zx": float(low + (high - low) * u[6]),
            "zy": float(low + (high - low) * u[7]),
            "flip_horizontal": bool(self.horizontal_flip and u[8] < 0.5),
            "flip_vertical": bool(self.vertical_flip and u[9] < 0.5),
            "channel_shift_intensity": both[SLOTS:] * shift if shift else None,
            "brightness": float(bright[0] + (bright[1] - bright[0]) * u[10]) if bright else None,
        }

    def apply_transform(self, x: ArrayLike, transform_parameters: Params) -> Array:
        """`x` (rank 3) transformed as `get_random_transform` says -> float32 of the same shape; keys may be missing.

        Raises:
            InvalidValue: `x` is not of rank 3.
        """
        planes = self.transformed(affine.as_planes(x, self.channel_axis), transform_parameters)
        return np.array(np.moveaxis(planes, 0, self.channel_axis), order="C")

    def random_transform(self, x: ArrayLike, seed: int | None = None) -> Array:
        """`x` (rank 3) transformed at random -> float32 of the same shape. Without a seed, one is drawn.

        Raises:
            InvalidValue: `x` is not of rank 3.
        """
        picture = np.asarray(x)
        return self.apply_transform(picture, self.get_random_transform(picture.shape, seed))

    def transformed(self, planes: Array, parameters: Params) -> Array:
        """`planes` (channels, height, width) float32 transformed; flips are views."""
        geometry = {name: parameters.get(name, rest) for name, rest in AT_REST.items()}
        if geometry != AT_REST:
            matrix = affine.affine_matrix(**geometry, shear_unit=self.shear_unit)
            centred = affine.transform_matrix_offset_center(matrix, *planes.shape[1:])
            planes = affine.warp(planes, centred, self.interpolation_order, self.fill_mode, self.cval)
        if parameters.get("channel_shift_intensity") is not None:
            planes = transforms.apply_channel_shift(planes, parameters["channel_shift_intensity"])
        if parameters.get("flip_horizontal"):
            planes = planes[:, :, ::-1]
        if parameters.get("flip_vertical"):
            planes = planes[:, ::-1]
        if parameters.get("brightness") is not None:
            planes = transforms.apply_brightness_shift(planes, parameters["brightness"])
        return planes

    def prepare(self, planes: Array, out: Array, seed: int, epoch: int, index: int) -> None:
        """Transform `planes` (channels, height, width) by (seed, epoch, index), standardise, and write into `out`.

        `out` is the picture's place in a batch, in the generator's data format.
        """
        shape = (*planes.shape[1:], len(planes)) if self.channel_axis else planes.shape
        picture = out if out.dtype == np.float32 else np.empty(out.shape, dtype=np.float32)
        # Plane by plane, because NumPy is three times slower at the same as one transposed assignment.
        for place, plane in zip(
            np.moveaxis(picture, self.channel_axis, 0),
            self.transformed(planes, self.draw(shape, seed, epoch, index)),
            strict=True,
        ):
            place[...] = plane
        standard = self._standardized(picture)
        if standard is not out:
            out[...] = standard

    def fit(self, x: ArrayLike, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Take the statistics that the feature-wise steps need from sample pictures `x` (rank 4).

        They are taken of the pictures as those steps will see them: after `preprocessing_function`, `rescale` and the
        sample-wise steps, and with `augment` of `rounds` random transformations of each. Mean and deviation are per
        channel, over (samples, rows, columns). For ZCA with X (n, d): sigma = X'X / n = U diag(S) U',
        `principal_components` = U diag(1 / sqrt(S + zca_epsilon)) U'.

        Raises:
            InvalidValue: `x` is not of rank 4, has not 1, 3 or 4 channels, or `rounds` is not an int >= 1.

        Differs: Keras 2.0.5 takes them before `rescale`, and later ones before `preprocessing_function`.
        """
        sample = check_pictures("fit", x, self.channel_axis)
        if augment:
            at_least("fit", "rounds", rounds, 1)
            sample = self._augmented(sample, rounds, draws.seed_or_fresh("fit", seed))
        self.take_statistics(sample)

    def _augmented(self, sample: Array, rounds: int, seed: int) -> Array:
        shape = sample.shape[1:]
        return np.stack(
            [
                self.apply_transform(picture, self.draw(shape, seed, epoch, index))
                for epoch in range(rounds)
                for index, picture in enumerate(sample)
            ]
        )

    def flow(
        self,
        x: ArrayLike,
        y: ArrayLike | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        *,
        sample_weight: ArrayLike | None = None,
        subset: str | None = None,
        workers: int | None = None,
        max_queue_size: int = 10,
    ) -> NumpyArrayIterator:
        """Batches of the pictures `x` (rank 4), endless: `x` alone, (x, y), or (x, y, sample_weight).

        The other arguments are those of `kerato.data.iterators.Iterator`.

        Raises:
            InvalidValue: `x` is not of rank 4 or has not 1, 3 or 4 channels; lengths differ; an argument is wrong.
        """
        from kerato.data.iterators import NumpyArrayIterator

        return NumpyArrayIterator(
            x,
            y,
            self,
            sample_weight=sample_weight,
            subset=subset,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            workers=workers,
            max_queue_size=max_queue_size,
        )

    def flow_from_directory(
        self,
        directory: Path,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Path | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        *,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        cache_bytes: int = 2**29,
        workers: int | None = None,
        max_queue_size: int = 10,
    ) -> DirectoryIterator:
        """Batches of the pictures in a folder with one sub-folder per class, endless; see `DirectoryIterator`.

        Raises:
            BadFile: the folder or a class is missing, there is no picture, or all are broken.
            InvalidValue, UnknownName: an argument is wrong.
        """
        from kerato.data.iterators import DirectoryIterator

        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            cache_bytes=cache_bytes,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            workers=workers,
            max_queue_size=max_queue_size,
        )
