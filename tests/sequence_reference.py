"""What layers over time compute, as float64 NumPy loops over samples and steps: `reference(row, inputs, weights)`."""

from __future__ import annotations

from types import SimpleNamespace as Namespace
from typing import Any

import numpy as np
from layer_reference import FUNCTIONS, Array, Weights, convolved


def embedded(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The table's rows, one after the other."""
    table, codes = weights["embeddings"], inputs[0]
    return np.array([[table[int(code)] for code in sample] for sample in codes])


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm_step(x: Array, h: Array, c: Array, w: Weights) -> tuple[Array, Array]:
    """Hochreiter & Schmidhuber with a forget gate, for one sample."""
    n = len(h)
    z = x @ w["kernel"] + h @ w["recurrent_kernel"] + w.get("bias", 0)
    i, f, o = _sigmoid(z[:n]), _sigmoid(z[n : 2 * n]), _sigmoid(z[3 * n :])
    c = f * c + i * np.tanh(z[2 * n : 3 * n])
    return o * np.tanh(c), c


def gru_step(x: Array, h: Array, w: Weights, after: bool) -> Array:
    """Cho et al., the reset gate before or after the product."""
    n, kernel, recurrent, bias = len(h), w["kernel"], w["recurrent_kernel"], w["bias"]
    first, second = (bias[0], bias[1]) if after else (bias, np.zeros(3 * n))
    z = _sigmoid(x @ kernel[:, :n] + first[:n] + h @ recurrent[:, :n] + second[:n])
    r = _sigmoid(x @ kernel[:, n : 2 * n] + first[n : 2 * n] + h @ recurrent[:, n : 2 * n] + second[n : 2 * n])
    inner = r * (h @ recurrent[:, 2 * n :] + second[2 * n :]) if after else (r * h) @ recurrent[:, 2 * n :]
    return z * h + (1 - z) * np.tanh(x @ kernel[:, 2 * n :] + first[2 * n :] + inner)


def _walked(kind: str, given: dict[str, Any], x: Array, w: Weights) -> Array:
    """All outputs of one sample, in the order they are made."""
    units = given["units"]
    h, c, made = np.zeros(units), np.zeros(units), []
    for step in x[::-1] if given.get("go_backwards") else x:
        if kind.startswith("LSTM"):
            h, c = lstm_step(step, h, c, w)
        elif kind.startswith("GRU"):
            h = gru_step(step, h, w, given.get("reset_after", True))
        else:
            z = step @ w["kernel"] + h @ w["recurrent_kernel"] + w.get("bias", 0)
            h = FUNCTIONS[given.get("activation", "tanh")](z)
        made.append(h)
    return np.array(made)


def walked(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Every sample step by step."""
    given = row.arguments
    kind = row.kind.__name__
    if kind == "RNN":
        kind, given = given["cell"]["class_name"], {**given["cell"]["config"], **given}
    made = np.array([_walked(kind, given, sample, weights) for sample in inputs[0]])
    return made if given.get("return_sequences") else made[:, -1]


def filmed(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """ConvLSTM: the gates i, f, g, o as sums of two convolutions, step by step."""
    given, n = row.arguments, row.arguments["filters"]
    rank = weights["kernel"].ndim - 2
    film = inputs[0][:, ::-1] if given.get("go_backwards") else inputs[0]
    plain = given.get("use_bias", True)
    kept = Namespace(arguments={"padding": "same"})
    entered = Namespace(arguments={key: given[key] for key in ("strides", "padding", "dilation_rate") if key in given})
    h = c = np.zeros(1)
    made = []
    for t in range(film.shape[1]):
        z = convolved(entered, [film[:, t]], {"kernel": weights["kernel"], "bias": weights["bias"] if plain else 0})
        if h.ndim == rank + 2:
            z = z + convolved(kept, [h], {"kernel": weights["recurrent_kernel"]})
        i, f, o = (_sigmoid(z[..., k * n : (k + 1) * n]) for k in (0, 1, 3))
        c = f * c + i * np.tanh(z[..., 2 * n : 3 * n])
        h = o * np.tanh(c)
        made.append(h)
    return np.stack(made, 1) if given.get("return_sequences") else h


def both_ways(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """Forwards, and backwards put back in order, merged."""
    given = row.arguments["layer"]["config"]
    values = list(weights["all"])
    half = len(values) // 2
    found = []
    for part, backwards in ((values[:half], False), (values[half:], True)):
        w = dict(zip(("kernel", "recurrent_kernel", "bias"), part, strict=True))
        kind, options = row.arguments["layer"]["class_name"], {**given, "go_backwards": backwards}
        made = np.array([_walked(kind, options, sample, w) for sample in inputs[0]])
        last = made[:, ::-1] if backwards else made
        found.append(last if given.get("return_sequences") else made[:, -1])
    mode = row.arguments.get("merge_mode", "concat")
    if mode == "concat":
        return np.concatenate(found, -1)
    return {"sum": found[0] + found[1], "mul": found[0] * found[1], "ave": (found[0] + found[1]) / 2}[mode]


def each_step(row: Any, inputs: list[Array], weights: Weights) -> Array:
    """The table's Dense, step by step."""
    return np.array([[step @ weights["kernel"] + weights["bias"] for step in sample] for sample in inputs[0]])
