"""Preparing arrays for learning (book section 6.2): centring, scaling, principal components, whitening.

Every object takes its statistics from the training set in `fit` and uses those in `transform`, so that nothing is
learned from validation and test data: `scaler = Standardize().fit(x_train)`, then `scaler.transform(x_test)`.
Statistics are computed in float64; results are float32 unless the input is float64.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerato.arguments import Configurable, Rule, number, one_of, optional, title
from kerato.errors import InvalidCall, InvalidValue, invalid

Array = NDArray[Any]

__all__ = ["PCA", "Center", "Scale", "Standardize", "Whiten"]


class Transform(Configurable):
    """Base: `fit` on the training set, `transform` anything of that shape, `inverse` back."""

    def fit(self, x: ArrayLike) -> Self:
        """Take the statistics of `x`, (samples, ...) with at least two samples.

        Raises:
            InvalidValue: `x` has fewer samples or axes, or values that are no numbers.
        """
        values = np.asarray(x, np.float64)
        if values.ndim < 2 or len(values) < 2 or not np.isfinite(values).all():
            raise invalid(title(self), "x", "finite numbers (samples, ...), at least two samples", x)
        self.sample_shape = values.shape[1:]
        self.learn(values)
        return self

    def learn(self, x: Array) -> None:
        """Keep what `forward` needs of the training set `x`, float64."""
        raise NotImplementedError(f"{type(self).__name__}: define learn(self, x).")

    def forward(self, x: Array) -> Array:
        """The formula on float64 values."""
        raise NotImplementedError(f"{type(self).__name__}: define forward(self, x).")

    def backward(self, x: Array) -> Array:
        """The inverse formula on float64 values."""
        raise NotImplementedError(f"{type(self).__name__}: define backward(self, x).")

    def transform(self, x: ArrayLike) -> Array:
        """`x` (samples, ...) with the statistics of the training set.

        Raises:
            InvalidCall: `fit` was not called.
            InvalidValue: samples have another shape than those of the training set.
        """
        return self._applied(self.forward, x, self.fitted_shape)

    def inverse(self, x: ArrayLike) -> Array:
        """What `transform` made `x` from, as far as it was kept."""
        return self._applied(self.backward, x, self.result_shape)

    def fit_transform(self, x: ArrayLike) -> Array:
        """`fit(x).transform(x)`: for the training set only."""
        return self.fit(x).transform(x)

    @property
    def fitted_shape(self) -> tuple[int, ...]:
        """The shape of a sample of the training set."""
        if "sample_shape" not in self.__dict__:
            raise InvalidCall(f"{title(self)}: there are no statistics yet. Call fit(x_train) first.")
        return tuple(self.sample_shape)

    @property
    def result_shape(self) -> tuple[int, ...]:
        """The shape of a sample of the result."""
        return self.fitted_shape

    def _applied(self, formula: Any, x: ArrayLike, shape: tuple[int, ...]) -> Array:
        values = np.asarray(x)
        if values.shape[1:] != shape:
            raise InvalidValue(f"{title(self)}: samples must be of shape {shape}, as in fit. Got {values.shape[1:]}.")
        kept = np.float64 if values.dtype == np.float64 else np.float32
        return np.asarray(formula(values.astype(np.float64)), kept)


class _Affine(Transform):
    """Base of `(x - shift) / width`, per feature, per channel (the last axis), or with one number for all."""

    checks: ClassVar[dict[str, Rule]] = {"per": one_of("feature", "channel", "scalar")}

    def axes(self, x: Array) -> tuple[int, ...]:
        """The axes that a statistic is taken over."""
        return {"feature": (0,), "channel": tuple(range(x.ndim - 1)), "scalar": tuple(range(x.ndim))}[str(self.per)]

    def forward(self, x: Array) -> Array:
        """The formula of the class."""
        return np.asarray((x - self.shift) / self.width)

    def backward(self, x: Array) -> Array:
        """The inverse formula."""
        return np.asarray(x * self.width + self.shift)


class Center(_Affine):
    """`x - mean`: means 0 in the training set.

    Args:
        per: `'feature'` has a mean for each value of a sample, `'channel'` for each entry of the last axis (the usual
            for pictures), `'scalar'` one for all.
    """

    def __init__(self, per: str = "feature") -> None:
        pass

    def learn(self, x: Array) -> None:
        """The mean."""
        self.shift, self.width = x.mean(self.axes(x)), 1.0


class Standardize(_Affine):
    """`(x - mean) / std`: means 0 and standard deviations 1 in the training set; what never varies becomes 0.

    Args:
        per: see `Center`.
    """

    def __init__(self, per: str = "feature") -> None:
        pass

    def learn(self, x: Array) -> None:
        """The mean and the standard deviation."""
        spread = x.std(self.axes(x))
        # A constant feature of large values has a spread of rounding errors only.
        constant = spread <= 1e-12 * np.abs(x).max(self.axes(x))
        self.shift, self.width = x.mean(self.axes(x)), np.where(constant, 1.0, spread)


class Scale(_Affine):
    """Linear, from the smallest and largest value of the training set to [low, high].

    Args:
        low, high: the range of the result; test data may leave it.
        per: see `Center`.
    """

    checks: ClassVar[dict[str, Rule]] = {"low": number(), "high": number()}

    def __init__(self, low: float = -1.0, high: float = 1.0, per: str = "feature") -> None:
        if self.high <= self.low:
            raise invalid("Scale", "high", f"above `low` ({self.low:g})", high)

    def learn(self, x: Array) -> None:
        """The range of the training set."""
        least, most = x.min(self.axes(x)), x.max(self.axes(x))
        self.width = np.where(most > least, most - least, 1.0) / (self.high - self.low)
        self.shift = least - self.low * self.width


def _components(value: Any, _: Any) -> int | float:
    if isinstance(value, bool) or not ((isinstance(value, int) and value >= 1) or 0 < float(value) <= 1):
        raise ValueError
    return int(value) if isinstance(value, int) else float(value)


class PCA(Transform):
    """Coordinates along the directions in which the training set varies most: uncorrelated, largest variance first.

    Centred data `X` has the covariance `X.T @ X / N`; its eigenvectors are the directions, its eigenvalues the
    variances. Samples of any shape are taken as vectors.

    Args:
        components: how many directions to keep: an int, or the share of the variance (0.99) to keep; None for all.
    """

    checks: ClassVar[dict[str, Rule]] = {
        "components": optional(Rule("an int >= 1, or a share of the variance above 0, at most 1,", _components))
    }

    def __init__(self, components: float | None = None) -> None:
        pass

    def learn(self, x: Array) -> None:
        """mean (features,), directions (features, components) and variances (components,)."""
        flat = x.reshape(len(x), -1)
        self.mean = flat.mean(0)
        _, singular, rows = np.linalg.svd(flat - self.mean, full_matrices=False)
        spread = singular**2 / len(flat)
        self.total_variance = float(spread.sum())
        count = self._count(spread)
        self.directions, self.variances = rows[:count].T, spread[:count]

    def _count(self, variances: Array) -> int:
        wanted = self.components
        if wanted is None:
            return len(variances)
        if isinstance(wanted, int):
            if wanted > len(variances):
                raise invalid("PCA", "components", f"at most {len(variances)} for this training set", wanted)
            return int(wanted)
        shares = np.cumsum(variances) / max(variances.sum(), np.finfo(float).tiny)
        return int(min(np.searchsorted(shares, wanted - 1e-12) + 1, len(variances)))

    @property
    def kept(self) -> float:
        """The share of the training set's variance that the components have, 0 to 1."""
        self.fitted_shape  # noqa: B018 - asks for fit
        return float(self.variances.sum() / self.total_variance) if self.total_variance else 1.0

    @property
    def result_shape(self) -> tuple[int, ...]:
        """(components,)."""
        self.fitted_shape  # noqa: B018 - asks for fit
        return (len(self.variances),)

    def forward(self, x: Array) -> Array:
        """`(x - mean) @ directions`."""
        return np.asarray((x.reshape(len(x), -1) - self.mean) @ self.directions)

    def backward(self, x: Array) -> Array:
        """`x @ directions.T + mean`."""
        return np.asarray(x @ self.directions.T + self.mean).reshape(len(x), *self.fitted_shape)


class Whiten(PCA):
    """Principal components divided by their standard deviations: covariance 1. It makes noise as large as signal.

    Args:
        components: see `PCA`.
        epsilon: added to the variances before the root, in units of `x` squared; larger is smoother.
        zca: whether to turn back to the original axes, so that pictures stay pictures.

    Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images, appendix A (ZCA).
    """

    checks: ClassVar[dict[str, Rule]] = {"epsilon": number(0)}

    def __init__(self, components: float | None = None, epsilon: float = 1e-5, zca: bool = False) -> None:
        super().__init__(components)

    @property
    def result_shape(self) -> tuple[int, ...]:
        """(components,), or the shape of a sample with `zca`."""
        return self.fitted_shape if self.zca else super().result_shape

    def forward(self, x: Array) -> Array:
        """`(x - mean) @ directions / sqrt(variances + epsilon)`, `@ directions.T` with `zca`."""
        white = super().forward(x) / np.sqrt(self.variances + self.epsilon)
        return np.asarray(white @ self.directions.T).reshape(x.shape) if self.zca else np.asarray(white)

    def backward(self, x: Array) -> Array:
        """The inverse formula."""
        white = x.reshape(len(x), -1) @ self.directions if self.zca else x
        return super().backward(white * np.sqrt(self.variances + self.epsilon))
