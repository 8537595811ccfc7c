"""Attention: every query takes a mean of the values, weighted by how well their keys fit it."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerato import ops
from kerato.arguments import Rule, flag, fraction, integer, one_of, optional, positive_int, shape, title
from kerato.errors import InvalidValue
from kerato.layers.base import Array, Layer
from kerato.layers.core import EinsumDense
from kerato.layers.noise import Dropout

#: what stands for minus infinity where a key must not be looked at
_FAR = {"float16": -3e4}


def weighed(scores: Array, allowed: Array | None) -> Array:
    """Softmax over the last axis of the scores of allowed keys."""
    if allowed is not None:
        scores = jnp.where(allowed, scores, _FAR.get(str(scores.dtype), -1e9))
    return ops.softmax(scores, axis=-1)


def _causal(queries: int, keys: int) -> Array:
    return jnp.arange(queries)[:, None] >= jnp.arange(keys)[None, :]


class PairAttention(Layer):
    """Base of attention without projections: inputs are [query, value] or [query, value, key].

    (batch, queries, n), (batch, keys, m), (batch, keys, n) -> (batch, queries, m); the key is the value unless given.
    A mask is a list [query mask, value mask] of (batch, queries) and (batch, keys).
    """

    checks = {"dropout": fraction, "use_scale": flag, "seed": optional(integer(0))}
    supports_masking = True

    def __init__(self, *, dropout: float = 0.0, seed: int | None = None, **common: Any) -> None:
        super().__init__(**common)
        self._drop = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, input_shape: Any) -> None:
        """No weights; there must be a query and a value."""
        if not isinstance(input_shape, list) or len(input_shape) not in (2, 3):
            raise InvalidValue(f"{title(self)}: the input must be a list [query, value] or [query, value, key].")

    def scores(self, query: Array, key: Array) -> Array:
        """(batch, queries, keys)."""
        raise NotImplementedError(f"{type(self).__name__}: define scores.")

    def call(
        self,
        inputs: Sequence[Array],
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The weighted means, and the weights (batch, queries, keys) if asked for."""
        query, value, key = inputs[0], inputs[1], inputs[-1] if len(inputs) > 2 else inputs[1]
        masks = list(mask) if mask is not None else [None, None]
        allowed = None if masks[1] is None else jnp.asarray(masks[1], bool)[:, None, :]
        if use_causal_mask:
            before = _causal(query.shape[1], key.shape[1])[None]
            allowed = before if allowed is None else allowed & before
        weights = self._drop(weighed(self.scores(query, key), allowed), training=training)
        found = ops.matmul(weights, value)
        if masks[0] is not None:
            found = found * jnp.asarray(masks[0], found.dtype)[..., None]
        return (found, weights) if return_attention_scores else found

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The query's mask."""
        return None if not mask else mask[0]


class Attention(PairAttention):
    """`softmax(query @ key.T) @ value`. Source: Luong et al. 2015, arXiv:1508.04025.

    Args:
        use_scale: multiply the scores by one learned number.
        score_mode: `'dot'`, or `'concat'`: the sum of `tanh(query + key)`, scaled by a learned number.
        dropout: which part of the weights is dropped in training.
    """

    checks = {"score_mode": one_of("dot", "concat")}

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(dropout=dropout, seed=seed, **common)

    def build(self, input_shape: Any) -> None:
        """scale () and concat_score_weight (), where they are used."""
        super().build(input_shape)
        if self.use_scale:
            self.scale = self.add_weight("scale", (), initializer="ones")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight("concat_score_weight", (), initializer="ones")

    def scores(self, query: Array, key: Array) -> Array:
        """The formula of the class."""
        if self.score_mode == "dot":
            found = ops.matmul(query, jnp.swapaxes(key, 1, 2))
            return found * self.scale if self.use_scale else found
        both = query[:, :, None] + key[:, None]
        both = jnp.tanh(self.scale.value * both if self.use_scale else both)
        return self.concat_score_weight.value * jnp.sum(both, -1)


class AdditiveAttention(PairAttention):
    """`softmax(sum(scale * tanh(query + key))) @ value`. Source: Bahdanau et al. 2014, arXiv:1409.0473."""

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **common: Any) -> None:
        super().__init__(dropout=dropout, seed=seed, **common)

    def build(self, input_shape: Any) -> None:
        """scale (n,), if it is used."""
        super().build(input_shape)
        if self.use_scale:
            self.scale = self.add_weight("scale", (input_shape[0][-1],), initializer="glorot_uniform")

    def scores(self, query: Array, key: Array) -> Array:
        """The formula of the class."""
        both = jnp.tanh(query[:, :, None] + key[:, None])
        return jnp.sum(self.scale.value * both if self.use_scale else both, -1)


class MultiHeadAttention(Layer):
    """Several attentions side by side on learned projections, joined by another one.

    `call(query, value, key=None)`: (batch, *queries, n), (batch, *keys, m) -> (batch, *queries, n).

    Args:
        num_heads: how many.
        key_dim: length of the projected queries and keys of a head.
        value_dim: length of the projected values; `key_dim` unless given.
        dropout: which part of the weights is dropped in training.
        output_shape: last sizes of the output; that of the query unless given.
        attention_axes: the axes that are attended over; all but the first and last unless given.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.
    """

    checks = {
        "num_heads": positive_int,
        "key_dim": positive_int,
        "value_dim": optional(positive_int),
        "dropout": fraction,
        "output_shape": optional(shape),
        "attention_axes": optional(
            Rule("an int or a tuple of ints", lambda value, _: tuple(np.atleast_1d(value).tolist()))
        ),
        "seed": optional(integer(0)),
    }
    supports_masking = True
    least_rank = 3

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        seed: int | None = None,
        **common: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **common)
        self._drop = Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    output_shape = property(lambda self: self._arguments["output_shape"])

    def build(self, query_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Four projections: query, key and value (n, heads, length), output (heads, length, n)."""
        value_shape = value_shape or query_shape
        shapes = {"query": query_shape, "key": key_shape or value_shape, "value": value_shape}
        for name, given in shapes.items():
            size = self.value_dim or self.key_dim if name == "value" else self.key_dim
            letters = string.ascii_lowercase[: len(given)]
            equation = f"{letters},{letters[-1]}yz->{letters[:-1]}yz"
            setattr(self, f"{name}_dense", self._projection(name, equation, (self.num_heads, size), "yz", given))
        letters, last = string.ascii_lowercase[: len(query_shape) - 1], self.output_shape or (query_shape[-1],)
        ends = string.ascii_lowercase[13 : 13 + len(last)]
        inner = (*query_shape[:-1], self.num_heads, self.value_dim or self.key_dim)
        equation = f"{letters}yz,yz{ends}->{letters}{ends}"
        self.output_dense = self._projection("attention_output", equation, last, ends, inner)

    def _projection(self, name: str, equation: str, last: Any, bias_axes: str, given: Any) -> EinsumDense:
        kinds = ("initializer", "regularizer", "constraint")
        options = {f"{part}_{kind}": getattr(self, f"{part}_{kind}") for part in ("kernel", "bias") for kind in kinds}
        rank = len(equation.partition("->")[2]) - 1
        sizes = (*[None] * (rank - len(last)), *last)
        made = EinsumDense(
            equation, sizes, bias_axes=bias_axes if self.use_bias else None, name=name, dtype=self.dtype_policy,
            trainable=self.trainable, **options,
        )  # fmt: skip
        made._build(given)
        return made

    def call(
        self,
        query: Array,
        value: Array,
        key: Array | None = None,
        query_mask: Array | None = None,
        value_mask: Array | None = None,
        key_mask: Array | None = None,
        attention_mask: Array | None = None,
        return_attention_scores: bool = False,
        training: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """The output, and the weights (batch, heads, *queries, *keys) if asked for."""
        axes = self.attention_axes or tuple(range(1, len(query.shape) - 1))
        q, k, v = self.query_dense(query), self.key_dense(value if key is None else key), self.value_dense(value)
        masks = (query_mask, value_mask, key_mask)
        allowed = self._allowed(masks, attention_mask, use_causal_mask, query.shape, value.shape)
        found, weights = self._attend(q * self.key_dim**-0.5, k, v, axes, allowed, training)
        result = self.output_dense(found)
        return (result, weights) if return_attention_scores else result

    def _attend(self, q: Array, k: Array, v: Array, axes: Any, allowed: Any, training: bool) -> tuple[Array, Array]:
        """Attention over `axes` of (batch, *sizes, heads, length)."""
        axes = [axis % (q.ndim - 1) for axis in axes]
        rest = [axis for axis in range(1, q.ndim - 2) if axis not in axes]
        order = [0, *rest, q.ndim - 2, *axes, q.ndim - 1]
        q, k, v = (jnp.transpose(x, order) for x in (q, k, v))
        outer = 2 + len(rest)
        sizes = q.shape[outer:-1], k.shape[outer:-1]
        q, k, v = (x.reshape(*x.shape[:outer], -1, x.shape[-1]) for x in (q, k, v))
        if allowed is not None:
            allowed = allowed.reshape(allowed.shape[0], *(1,) * (outer - 1), *allowed.shape[1:])
        kept = weighed(q @ jnp.swapaxes(k, -1, -2), allowed)
        found = self._drop(kept, training=training) @ v
        found = found.reshape(*found.shape[:outer], *sizes[0], found.shape[-1])
        return jnp.transpose(found, np.argsort(order).tolist()), kept.reshape(*kept.shape[:outer], *sizes[0], *sizes[1])

    def _allowed(self, masks: Any, given: Any, causal: bool, query: Any, value: Any) -> Array | None:
        """(batch, queries, keys): which keys a query may look at."""
        n, m = math.prod(query[1:-1]), math.prod(value[1:-1])
        parts = []
        if masks[0] is not None:
            parts.append(jnp.asarray(masks[0], bool).reshape(-1, n, 1))
        parts += [jnp.asarray(mask, bool).reshape(-1, 1, m) for mask in masks[1:] if mask is not None]
        if causal:
            parts.append(_causal(n, m)[None])
        if given is not None:
            parts.append(jnp.asarray(given, bool).reshape(-1, n, m))
        result = None
        for part in parts:
            result = part if result is None else result & part
        return result
