"""Standardising pictures: the part of `ImageDataGenerator` that is the same for every epoch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato import arguments, errors

Array = NDArray[Any]

EPSILON: Final = 1e-7
"""Added to standard deviations before dividing by them."""


def check_pictures(owner: str, x: ArrayLike, channel_axis: int) -> Array:
    """`x` as an array (samples, ...) of pictures whose channels are on `channel_axis` of each.

    Raises:
        InvalidValue: it is not of rank 4, is empty, or has not 1, 3 or 4 channels.
    """
    pictures = np.asarray(x)
    if pictures.ndim != 4 or not len(pictures):
        raise errors.invalid(owner, "x", "pictures in an array of rank 4, at least one", pictures)
    if pictures.shape[channel_axis + 1] not in (1, 3, 4):
        rule = f"an array with 1, 3 or 4 channels on axis {channel_axis + 1}"
        raise errors.invalid(owner, "x", rule, pictures, "`data_format` says where the channels are.")
    return pictures


class Standardizer(arguments.Configurable):
    """Brings pictures to a common scale: with what is known beforehand, their own statistics, or those of a sample."""

    mean: Array | None = None
    std: Array | None = None
    principal_components: Array | None = None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """The arguments, which `Configurable` stores."""

    @property
    def channel_axis(self) -> int:
        """The axis of a single picture that its channels are on: 0 or 2."""
        return 0 if self.data_format == "channels_first" else 2

    def standardize(self, x: ArrayLike) -> Array:
        """One picture (rank 3) standardised -> a new array of the same shape, of the generator's `dtype`.

        Warns when feature-wise statistics are asked for and `fit` has not taken them.

        Raises:
            InvalidValue: `preprocessing_function` changed the shape.
        """
        self.warn_unless_fitted()
        return self._standardized(np.array(x, dtype=np.float32)).astype(self.dtype, copy=False)

    def warn_unless_fitted(self) -> None:
        """Warn when feature-wise statistics are asked for that `fit` has not taken."""
        missing = [
            name
            for name, value in (
                ("featurewise_center", self.mean),
                ("featurewise_std_normalization", self.std),
                ("zca_whitening", self.principal_components),
            )
            if getattr(self, name) and value is None
        ]
        if missing:
            message = f"ImageDataGenerator: {' and '.join(missing)} do nothing before fit(x) has seen sample data."
            warnings.warn(message, stacklevel=3)

    def _standardized(self, x: Array) -> Array:
        """`x` (rank 3) float32, which may be overwritten, standardised."""
        x = self._own_statistics(x)
        if self.featurewise_center and self.mean is not None:
            x -= self.mean
        if self.featurewise_std_normalization and self.std is not None:
            x /= self.std + EPSILON
        if self.zca_whitening and self.principal_components is not None:
            x = (x.reshape(-1) @ self.principal_components).reshape(x.shape)
        return x

    def _own_statistics(self, x: Array) -> Array:
        """The steps that need nothing but the picture."""
        if self.preprocessing_function is not None:
            x = self._preprocessed(x)
        if self.rescale:
            x *= np.float32(self.rescale)
        if self.samplewise_center:
            x -= x.mean(dtype=np.float64)
        if self.samplewise_std_normalization:
            x /= x.std(dtype=np.float64) + EPSILON
        return x

    def _preprocessed(self, x: Array) -> Array:
        # A copy, because the function may hand out an array that it keeps.
        result = np.array(self.preprocessing_function(x), dtype=np.float32)
        if result.shape != x.shape:
            rule = f"a function that keeps the shape {x.shape}"
            raise errors.invalid("ImageDataGenerator", "preprocessing_function", rule, result)
        return result

    def take_statistics(self, pictures: ArrayLike) -> None:
        """Take the feature-wise statistics of `pictures` (rank 4); see `ImageDataGenerator.fit`."""
        sample = np.stack([self._own_statistics(picture) for picture in np.array(pictures, dtype=np.float32)])
        over = tuple(axis for axis in range(4) if axis != self.channel_axis + 1)
        if self.featurewise_center:
            self.mean = sample.mean(axis=over, keepdims=True, dtype=np.float64)[0].astype(np.float32)
            sample -= self.mean
        if self.featurewise_std_normalization:
            self.std = sample.std(axis=over, keepdims=True, dtype=np.float64)[0].astype(np.float32)
            sample /= self.std + EPSILON
        if self.zca_whitening:
            self.principal_components = _whitening(sample.reshape(len(sample), -1), self.zca_epsilon)


def _whitening(flat: Array, epsilon: float) -> Array:
    """U diag(1 / sqrt(S + epsilon)) U' of the centred rows `flat` (n, d) -> (d, d) float32."""
    values, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    # Rounding makes eigenvalues that are 0 a little negative.
    scales = 1 / np.sqrt(np.maximum(values, 0) + epsilon)
    whitening: Array = (vectors * scales) @ vectors.T
    return whitening.astype(np.float32)
