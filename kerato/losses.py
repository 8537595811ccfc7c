"""Losses: what training makes small (book chapter 4). The formulas are in `kerato.objectives`.

`get` finds a loss by name. A function gives one number per sample; an object such as `MeanSquaredError()` weighs
and reduces these to one number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from kerato import config, ops
from kerato.arguments import Configurable, Family, Rule, flag, fraction, number, one_of, optional, serialize, snake_case
from kerato.errors import invalid
from kerato.objectives import (
    beside,
    binary_crossentropy,
    binary_focal_crossentropy,
    cast,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    cosine_proximity,
    cosine_similarity,
    dice,
    hinge,
    hinge_of_signs,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
    squared_hinge_of_signs,
    tversky,
)

Array = Any

_MEAN = "sum_over_batch_size"

__all__ = ["FAMILY", "Loss", "LossFunctionWrapper", "as_loss", "deserialize", "get", "serialize"]
__all__ += ["binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy"]
__all__ += ["categorical_focal_crossentropy", "categorical_hinge", "cosine_proximity", "cosine_similarity", "dice"]
__all__ += ["categorical_generalized_cross_entropy"]
__all__ += ["hinge", "huber", "kl_divergence", "log_cosh", "mean_absolute_error", "mean_absolute_percentage_error"]
__all__ += ["mean_squared_error", "mean_squared_logarithmic_error", "poisson", "sparse_categorical_crossentropy"]
__all__ += ["hinge_of_signs", "squared_hinge", "squared_hinge_of_signs", "tversky"]


class Loss(Configurable):
    """Base of losses: `loss(y_true, y_pred, sample_weight)` is one number (or, unreduced, one per sample).

    Args:
        name: how the loss is called in logs.
        reduction: `'sum_over_batch_size'` or `'mean'` divide the sum by the number of values, weighted or not;
            `'mean_with_sample_weight'` divides by the sum of the weights; `'sum'`; `'none'` or None reduce nothing;
            `'sum_over_counted'` divides by the number of values whose weight is not 0, as Keras 2.0.5 did.
        dtype: the float type that it computes in.
    """

    checks: ClassVar[dict[str, Rule]] = {
        "reduction": one_of(
            "sum_over_batch_size", "mean", "mean_with_sample_weight", "sum_over_counted", "sum", "none", None
        ),
        "dtype": optional(one_of(*config.FLOAT_TYPES)),
        "from_logits": flag,
        "apply_class_balancing": flag,
        "label_smoothing": fraction,
        "alpha": number(0),
        "beta": number(0),
        "gamma": number(0),
        "delta": number(0),
    }

    def __init__(self, name: str | None = None, reduction: str | None = _MEAN, dtype: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype or config.floatx()

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """One value per sample."""
        raise NotImplementedError(f"{type(self).__name__}: define call(self, y_true, y_pred).")

    def __call__(self, y_true: Array, y_pred: Array, sample_weight: Array = None, mask: Array = None) -> Array:
        """The reduced loss; entries where `mask` is False do not count."""
        y_true, y_pred = (cast(ops.convert_to_tensor(y), self.dtype) for y in (y_true, y_pred))
        values = cast(ops.convert_to_tensor(self.call(y_true, y_pred)), self.dtype)
        weight = None if sample_weight is None else beside(sample_weight, values)
        if mask is not None:
            there = beside(mask, values)
            if self.reduction in ("sum_over_batch_size", "mean", "sum_over_counted"):
                there = there / ops.maximum(ops.mean(there), config.epsilon())
            weight = there if weight is None else weight * there
        return self._reduced(values if weight is None else values * weight, weight)

    def _reduced(self, values: Array, weight: Array) -> Array:
        if self.reduction in ("none", None):
            return values
        if self.reduction == "sum":
            return ops.sum(values)
        if self.reduction == "mean_with_sample_weight" and weight is not None:
            return ops.sum(values) / ops.maximum(ops.sum(weight), config.epsilon())
        if self.reduction == "sum_over_counted" and weight is not None:
            counted = ops.mean(ops.cast(ops.not_equal(weight, 0.0), self.dtype))
            return ops.mean(values) / ops.maximum(counted, config.epsilon())
        return ops.mean(values)


class LossFunctionWrapper(Loss):
    """A function `fn(y_true, y_pred, **kwargs)` of one value per sample as a loss."""

    def __init__(
        self,
        fn: Callable[..., Array] | str,
        reduction: str | None = _MEAN,
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.fn = get(fn)  # a name, where this comes from a configuration
        super().__init__(name or getattr(self.fn, "__name__", None), reduction, dtype)
        self.options = kwargs

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """`fn(y_true, y_pred, **kwargs)`."""
        return self.fn(y_true, y_pred, **self.options)

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this object, those for `fn` among them."""
        return {**super().get_config(), **self.options}


class _Named(Loss):
    """A loss that is an objective of its own name; its further arguments are those of the formula."""

    formula: ClassVar[Callable[..., Array]]

    def __init__(self, reduction: str | None = _MEAN, name: str | None = None, dtype: str | None = None) -> None:
        super().__init__(name or type(self).formula.__name__, reduction, dtype)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        """The objective's value per sample."""
        options = {key: getattr(self, key) for key in self._arguments if key not in ("reduction", "name", "dtype")}
        return type(self).formula(y_true, y_pred, **options)


class MeanSquaredError(_Named):
    """`mean((y - p)**2)`, see `objectives.mean_squared_error`."""

    formula = staticmethod(mean_squared_error)


class MeanAbsoluteError(_Named):
    """`mean(|y - p|)`, see `objectives.mean_absolute_error`."""

    formula = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(_Named):
    """`100 * mean(|y - p| / |y|)`, see `objectives.mean_absolute_percentage_error`."""

    formula = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(_Named):
    """`mean((log(y + 1) - log(p + 1))**2)`, see `objectives.mean_squared_logarithmic_error`."""

    formula = staticmethod(mean_squared_logarithmic_error)


class LogCosh(_Named):
    """`mean(log(cosh(p - y)))`, see `objectives.log_cosh`."""

    formula = staticmethod(log_cosh)


class Huber(_Named):
    """Half the squared error, linear beyond `delta`, see `objectives.huber`."""

    formula = staticmethod(huber)

    def __init__(
        self, delta: float = 1.0, reduction: str | None = _MEAN, name: str = "huber_loss", dtype: str | None = None
    ) -> None:
        super().__init__(reduction, name, dtype)


class Hinge(_Named):
    """`mean(max(1 - y * p, 0))`, see `objectives.hinge`."""

    formula = staticmethod(hinge)


class SquaredHinge(_Named):
    """`mean(max(1 - y * p, 0)**2)`, see `objectives.squared_hinge`."""

    formula = staticmethod(squared_hinge)


class CategoricalHinge(_Named):
    """`max(max((1 - y) * p) - sum(y * p) + 1, 0)`, see `objectives.categorical_hinge`."""

    formula = staticmethod(categorical_hinge)


class KLDivergence(_Named):
    """`sum(y * log(y / p))`, see `objectives.kl_divergence`."""

    formula = staticmethod(kl_divergence)


class Poisson(_Named):
    """`mean(p - y * log(p))`, see `objectives.poisson`."""

    formula = staticmethod(poisson)


class CosineSimilarity(_Named):
    """Minus the cosine of the angle between y and p, see `objectives.cosine_similarity`."""

    formula = staticmethod(cosine_similarity)

    def __init__(
        self, axis: int = -1, reduction: str | None = _MEAN, name: str | None = None, dtype: str | None = None
    ) -> None:
        super().__init__(reduction, name, dtype)


class _Crossentropy(_Named):
    """A crossentropy of probabilities, or of what a sigmoid or softmax would make into some."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


class BinaryCrossentropy(_Crossentropy):
    """`mean(-(y log p + (1 - y) log(1 - p)))`, see `objectives.binary_crossentropy`."""

    formula = staticmethod(binary_crossentropy)


class BinaryFocalCrossentropy(_Named):
    """Binary crossentropy that weighs hard samples more, see `objectives.binary_focal_crossentropy`."""

    formula = staticmethod(binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


class CategoricalCrossentropy(_Crossentropy):
    """`-sum(y * log p)` for one-hot y, see `objectives.categorical_crossentropy`."""

    formula = staticmethod(categorical_crossentropy)


class CategoricalFocalCrossentropy(_Named):
    """Categorical crossentropy that weighs hard samples more, see `objectives.categorical_focal_crossentropy`."""

    formula = staticmethod(categorical_focal_crossentropy)

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = _MEAN,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


class SparseCategoricalCrossentropy(_Named):
    """`-log p[y]` for integer labels y, see `objectives.sparse_categorical_crossentropy`."""

    formula = staticmethod(sparse_categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = _MEAN,
        axis: int = -1,
        name: str | None = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)

    def __call__(self, y_true: Array, y_pred: Array, sample_weight: Array = None, mask: Array = None) -> Array:
        """The reduced loss; entries where `mask` is False, or y is `ignore_class`, do not count."""
        if self.ignore_class is not None:
            labels = ops.convert_to_tensor(y_true)
            if len(labels.shape) == len(ops.convert_to_tensor(y_pred).shape):
                labels = ops.squeeze(labels, self.axis)
            counts = ops.not_equal(labels, self.ignore_class)
            mask = counts if mask is None else ops.logical_and(ops.convert_to_tensor(mask), counts)
        return super().__call__(y_true, y_pred, sample_weight, mask)


class CategoricalGeneralizedCrossEntropy(_Named):
    """`(1 - p[y]**q) / q`, see `objectives.categorical_generalized_cross_entropy`."""

    checks: ClassVar[dict[str, Rule]] = {"q": number(0, below=1)}
    formula = staticmethod(categorical_generalized_cross_entropy)

    def __init__(
        self, q: float = 0.5, reduction: str | None = _MEAN, name: str | None = None, dtype: str | None = None
    ) -> None:
        if self.q == 0:
            raise invalid("CategoricalGeneralizedCrossEntropy", "q", "a number > 0 and < 1", q)
        super().__init__(reduction, name, dtype)


class Dice(_Named):
    """One minus the overlap of two regions, see `objectives.dice`."""

    formula = staticmethod(dice)

    def __init__(
        self, reduction: str | None = _MEAN, name: str | None = None, axis: Any = None, dtype: str | None = None
    ) -> None:
        super().__init__(reduction, name, dtype)


class Tversky(_Named):
    """`Dice` that weighs the missed and the extra apart, see `objectives.tversky`."""

    formula = staticmethod(tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = _MEAN,
        name: str | None = None,
        axis: Any = None,
        dtype: str | None = None,
    ) -> None:
        super().__init__(reduction, name, dtype)


_CLASSES: list[type[_Named]] = [MeanSquaredError, MeanAbsoluteError, MeanAbsolutePercentageError, Hinge, SquaredHinge]
_CLASSES += [MeanSquaredLogarithmicError, LogCosh, Huber, CategoricalHinge, KLDivergence, Poisson, CosineSimilarity]
_CLASSES += [BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy]
_CLASSES += [SparseCategoricalCrossentropy, Dice, Tversky, CategoricalGeneralizedCrossEntropy]

#: Short names, names of older versions, and two that the book prints with a letter missing.
_ALIASES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
    "cosine": "cosine_proximity",
    "categorical_crossentroy": "categorical_crossentropy",
    "sparse_categorical_crossentrop": "sparse_categorical_crossentropy",
}
_ALIASES |= {name.upper(): meant for name, meant in _ALIASES.items() if len(name) < 5}

FAMILY = Family(
    "losses",
    "loss",
    {
        **{kind.formula.__name__: kind.formula for kind in _CLASSES},
        "cosine_proximity": cosine_proximity,
        "hinge_of_signs": hinge_of_signs,
        "squared_hinge_of_signs": squared_hinge_of_signs,
        **{kind.__name__: kind for kind in _CLASSES},
        "LossFunctionWrapper": LossFunctionWrapper,
    },
    _ALIASES,
)

__all__ += [kind.__name__ for kind in _CLASSES]
globals().update({alias: FAMILY.members[name] for alias, name in _ALIASES.items()})

get = FAMILY.get
deserialize = FAMILY.get


def as_loss(identifier: Any) -> Loss | None:
    """The loss object for whatever `get` takes; a function is wrapped and called in logs as it was named.

    Raises:
        UnknownName: no loss has that name.
    """
    found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found, name=identifier if isinstance(identifier, str) else None)
