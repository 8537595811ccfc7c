"""One side of the oracle: compute every case with Kerato or with Keras 3, and keep the numbers.

`python side.py kerato FOLDER compute` and the same with `keras` run the same lines of `cases.py`; each writes
`FOLDER/<side>.npz` and the public names of its package, `FOLDER/<side>.json`, and a network of every layer as
`FOLDER/<side>/<number>.keras` and `.weights.h5`. With `read` as third argument a side reads the other's files and
writes `FOLDER/<side>_read.npz`. Patterns of `family/name` after that choose cases. Keras runs on JAX, both in float32.
"""

from __future__ import annotations

import fnmatch
import importlib
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cases
import jax
import jax.numpy as jnp
import numpy as np

FAMILIES = ["layers", "losses", "metrics", "optimizers", "schedules", "initializers", "activations", "constraints"]
FAMILIES += ["regularizers"]
STEPS = 20

Array = Any
Found = dict[str, np.ndarray[Any, Any]]


class Side:
    """A package, and the few things that the two do not do alike."""

    def __init__(self, name: str, chosen: list[str]) -> None:
        self.name, self.package = name, importlib.import_module(name)
        self.chosen = chosen

    def wants(self, key: str) -> bool:
        """Whether a case `family/name` is among the chosen ones; all are where none are named."""
        return not self.chosen or any(fnmatch.fnmatchcase(key, pattern) for pattern in self.chosen)

    def room(self, family: str) -> Any:
        """The module of a family."""
        if family == "schedules":
            return self.package.schedules if self.name == "kerato" else self.package.optimizers.schedules
        return importlib.import_module(f"{self.name}.{family}")

    def compute(self, layer: Any, weights: list[Array], training: bool, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The layer's outputs for these weights and inputs, and its losses."""
        if self.name == "keras":
            # Not `stateless_call`, which forgets the losses of the layer itself.
            scope = self.package.StatelessScope(list(zip(layer.weights, weights, strict=True)), collect_losses=True)
            with scope:
                outputs = layer(*args, **kwargs, **({"training": training} if layer._call_has_training_arg else {}))
            rest = [scope.get_current_value(v) for v in layer.non_trainable_weights]
            return outputs, (rest, list(scope.losses))
        from kerato.variables import Run

        values = dict(zip(layer.weights, weights, strict=True))
        with Run(values, training, self.package.random.key(0)) as run:
            outputs = layer(*args, **kwargs)
        return outputs, ([run.values[v] for v in layer.non_trainable_weights], run.losses)

    def update(self, optimizer: Any, gradients: list[Array], variables: list[Any]) -> None:
        """One step of an optimizer."""
        if self.name == "kerato" or type(optimizer).__name__ != "LossScaleOptimizer":
            optimizer.apply(gradients, variables)
            return
        # Keras 3.15.1's cannot do this at once on JAX, only as a function of all its state.
        if not optimizer.built:
            optimizer.build(variables)
        owners = [*variables, *optimizer.variables]
        values = [v.value for v in variables], [v.value for v in optimizer.variables]
        changed = optimizer.stateless_apply(values[1], gradients, values[0])
        for variable, value in zip(owners, [*changed[0], *changed[1]], strict=True):
            variable.assign(value)

    def variable(self, value: Array, name: str) -> Any:
        """A weight."""
        return self.package.Variable(value, name=name)


def lines(text: str) -> Iterator[tuple[str, str, str]]:
    """(name, what makes it, what it is given) of each line."""
    for line in text.strip().splitlines():
        made, _, given = line.partition(" : ")
        yield made.partition("(")[0], made, given


def call(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a line is called with."""
    return args, kwargs


def number(outputs: Any) -> Array:
    """One number made of all outputs: what is differentiated."""
    total = 0.0
    for i, leaf in enumerate(jax.tree.leaves(outputs)):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            toward = np.random.default_rng([3, i]).normal(size=leaf.shape).astype("float32")
            total += jnp.sum(leaf * toward)
    return total


def numbered(found: Found, key: str, tree: Any) -> None:
    """Keep the leaves of `tree` under `key`."""
    for i, leaf in enumerate(jax.tree.leaves(tree)):
        found[f"{key}/{i}"] = np.asarray(leaf, "float64")


def of_layer(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """A layer's outputs, losses, changed weights and gradients in both phases."""
    maker = eval(made, vars(side.room("layers")))
    args, kwargs = eval(f"call({given})", {"call": call, **cases.INPUTS})
    if not hasattr(maker, "weights"):  # a function of tensors
        tensors = [side.package.layers.Input(item.shape[1:]) for item in args[0]]
        model = side.package.Model(tensors, maker(tensors, **kwargs))
        numbered(found, f"{key}/outputs", model(list(args[0])))
        return
    maker(*args, **kwargs)
    draws = np.random.default_rng(5)
    weights = [draws.uniform(0.1, 0.5, tuple(v.shape)).astype("float32") for v in maker.weights]
    maker.set_weights(weights)
    floats = [i for i, leaf in enumerate(jax.tree.leaves(args)) if leaf.dtype == np.float32]

    def total(weights: list[Array], inputs: list[Array], training: bool) -> Any:
        leaves, tree = jax.tree.flatten(args)
        for i, value in zip(floats, inputs, strict=True):
            leaves[i] = value
        outputs, rest = side.compute(maker, weights, training, jax.tree.unflatten(tree, leaves), kwargs)
        return number(outputs) + sum(map(jnp.sum, rest[1])), (outputs, rest)

    inputs = [jnp.asarray(jax.tree.leaves(args)[i]) for i in floats]
    program = jax.jit(jax.grad(total, (0, 1), has_aux=True), static_argnums=2)
    name = made.partition("(")[0]
    for training in [False] if name in cases.RANDOM or name.startswith("Random") else [False, True]:
        gradients, values = program([jnp.asarray(w) for w in weights], inputs, training)
        phase = "training" if training else "test"
        numbered(found, f"{key}/{phase} outputs", values[0])
        numbered(found, f"{key}/{phase} state", values[1])
        trainable = [g for g, v in zip(gradients[0], maker.weights, strict=True) if v.trainable]
        numbered(found, f"{key}/{phase} gradients", (trainable, gradients[1]))


def of_function(function: Callable[..., Array], arguments: list[Array], found: Found, key: str) -> None:
    """A function's value, and its gradient by the last argument."""

    def total(p: Array) -> Any:
        value = function(*arguments[:-1], p)
        return number(value), value

    gradient, value = jax.grad(total, has_aux=True)(jnp.asarray(arguments[-1]))
    numbered(found, f"{key}/value", value)
    numbered(found, f"{key}/gradient", gradient)


def of_loss(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """A loss function per sample; its class weighed, reduced and not."""
    losses, arrays = side.room("losses"), cases.arrays()
    (y, p), options = eval(f"call({given})", {"call": call, **arrays})
    for name in made.split():
        kind = getattr(losses, name)
        if not isinstance(kind, type):
            of_function(lambda y, p, kind=kind: kind(y, p, **options), [y, p], found, f"{key}/function")
            continue
        weights = arrays["weights"]
        whole = "axis" in options or name in ("Dice", "Tversky")
        for reduction in ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"]:
            loss = kind(**options, reduction=reduction)
            of_function(loss, [y, p], found, f"{key}/{reduction}")
            if not whole:
                of_function(partial(_weighed, loss, weights), [y, p], found, f"{key}/{reduction} weighed")


def _weighed(loss: Any, weights: Array, y: Array, p: Array) -> Array:
    return loss(y, p, sample_weight=weights)


def of_metric(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """A metric function per sample; a metric object after three batches, weighed and not."""
    arrays, metrics = cases.arrays(), side.room("metrics")
    (y, p), options = eval(f"call({given})", {"call": call, **arrays})
    if "(" not in made:
        numbered(found, f"{key}/value", getattr(metrics, made)(y, p, **options))
        return
    for weighed in (False, True):
        metric = eval(made, vars(metrics))
        for i in range(0, 6, 2):
            more = {"sample_weight": arrays["weights"][i : i + 2]} if weighed else {}
            metric.update_state(y[i : i + 2], p[i : i + 2], **more)
        numbered(found, f"{key}/{'weighed' if weighed else 'result'}", metric.result())


def of_value(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """A metric of single values."""
    metric, arrays = eval(made, vars(side.room("metrics"))), cases.arrays()
    for i in range(0, 6, 2):
        metric.update_state(arrays["reals"][i : i + 2], sample_weight=arrays["weights"][i : i + 2])
    numbered(found, f"{key}/result", metric.result())


def of_optimizer(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """Two weights over 20 updates."""
    optimizer = eval(made, vars(side.room("optimizers")))
    variables = [side.variable(cases.x(3, 4), "a"), side.variable(cases.x(4), "b")]
    draws, seen = np.random.default_rng(9), []
    for _ in range(STEPS):
        gradients = [draws.normal(size=tuple(v.shape)).astype("float32") for v in variables]
        side.update(optimizer, gradients, variables)
        seen.append(np.concatenate([np.asarray(v.value).ravel() for v in variables]))
    numbered(found, f"{key}/trajectory", np.stack(seen))


def of_schedule(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """The rate at the first 40 updates."""
    schedule = eval(made, vars(side.room("schedules")))
    numbered(found, f"{key}/rates", np.array([float(schedule(step)) for step in range(40)]))


def of_initializer(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """The numbers themselves."""
    numbered(found, f"{key}/value", eval(made, vars(side.room("initializers")))(eval(given)))


def of_draws(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """Statistics of the numbers."""
    (shape, bounded) = eval(given)
    values = np.asarray(eval(made, vars(side.room("initializers")))(shape))
    marks = [values.std(), values.mean(), *np.quantile(values, [0.01, 0.1, 0.5, 0.9, 0.99])]
    numbered(found, f"{key}/statistics", np.array([*marks, *([values.min(), values.max()] if bounded else [])]))


def of_orthogonal(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """Inner products of the columns."""
    q = np.asarray(side.room("initializers").Orthogonal(gain=1.5)((4, 3, 5)), "float64").reshape(12, 5)
    numbered(found, f"{key}/products", q.T @ q)


def of_activation(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """Value and gradient for numbers of all sizes."""
    name, _, rest = made.partition("(")
    function, sizes = getattr(side.room("activations"), name), np.array([0.3, 3.0, 30.0], "float32")
    arguments, options = eval(f"call({rest}", {"call": call})
    grid = (cases.x(7, 1, 6) * sizes[:, None]).reshape(7, -1)
    of_function(lambda x: function(x, *arguments, **options), [grid], found, key)


def of_constraint(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """The obeying weight."""
    numbered(found, f"{key}/value", eval(made, vars(side.room("constraints")))(cases.x(*eval(given))))


def of_regularizer(side: Side, made: str, given: str, found: Found, key: str) -> None:
    """Penalty and gradient."""
    of_function(eval(made, vars(side.room("regularizers"))), [cases.x(*eval(given))], found, key)


def networks(side: Side) -> Iterator[tuple[int, str, Any]]:
    """(number, key, what makes a network of one layer) of every line that can be a file."""
    for number_, (name, made, given) in enumerate(lines(cases.LAYERS)):
        args, kwargs = eval(f"call({given})", {"call": call, **cases.INPUTS})
        has_layer = hasattr(side.room("layers"), name) and side.wants(f"files/{name}")
        if "(" in made and not kwargs and name != "Lambda" and has_layer:
            yield number_, f"files/{name}/{made} : {given}", partial(network, side, made, args)


def network(side: Side, made: str, args: Any) -> tuple[Any, list[Array]]:
    """A model of one layer, and its inputs."""
    given, tree = jax.tree.flatten(args)
    inputs = [side.package.layers.Input(item.shape[1:], dtype=str(item.dtype)) for item in given]
    layer = eval(made, vars(side.room("layers")))
    model = side.package.Model(inputs, layer(*jax.tree.unflatten(tree, inputs)))
    draws = np.random.default_rng(5)
    model.set_weights([draws.uniform(0.1, 0.5, tuple(v.shape)).astype("float32") for v in model.weights])
    return model, given


def outputs(model: Any, given: list[Array]) -> Any:
    """What a model answers."""
    return model(given if len(given) > 1 else given[0], training=False)


def write(side: Side, folder: Path, found: Found, failed: dict[str, str]) -> None:
    """Save the networks, and keep what they answer."""
    (folder / side.name).mkdir()
    for number_, key, build in networks(side):
        try:
            model, given = build()
            model.save(folder / side.name / f"{number_}.keras")
            model.save_weights(folder / side.name / f"{number_}.weights.h5")
            for kind in ("keras", "weights.h5"):
                numbered(found, f"{key}/{side.name}'s .{kind}", outputs(model, given))
        except Exception:
            failed[key] = traceback.format_exc(limit=-3)


def read(side: Side, folder: Path, found: Found, failed: dict[str, str]) -> None:
    """Load the other side's networks, and keep what they answer here."""
    other = {"kerato": "keras", "keras": "kerato"}[side.name]
    for number_, key, build in networks(side):
        file = folder / other / f"{number_}.keras"
        try:
            if file.exists():
                model, given = build()
                loaded = importlib.import_module(f"{side.name}.models").load_model(file)
                numbered(found, f"{key}/{other}'s .keras", outputs(loaded, given))
                model.set_weights([np.zeros(tuple(v.shape), "float32") for v in model.weights])
                model.load_weights(file.with_suffix(".weights.h5"))
                numbered(found, f"{key}/{other}'s .weights.h5", outputs(model, given))
        except Exception:
            failed[key] = traceback.format_exc(limit=-3)


def table() -> Iterator[tuple[str, str, str, str, Any]]:
    """(family, name, what makes it, what it is given, how it is computed) of every case."""
    for family, text, of in (
        ("layers", cases.LAYERS, of_layer),
        ("metrics", cases.METRICS, of_metric),
        ("metrics", "\n".join(cases.OF_VALUES), of_value),
        ("optimizers", cases.OPTIMIZERS, of_optimizer),
        ("schedules", cases.SCHEDULES, of_schedule),
        ("initializers", cases.INITIALIZERS, of_initializer),
        ("initializers", cases.DRAWN, of_draws),
        ("initializers", "Orthogonal(gain=1.5)", of_orthogonal),
        ("activations", "\n".join(cases.ACTIVATIONS.split()), of_activation),
        ("constraints", cases.CONSTRAINTS, of_constraint),
        ("regularizers", cases.REGULARIZERS, of_regularizer),
    ):
        for name, made, given in lines(text):
            yield family, name, made, given, of
    for _, made, given in lines(cases.LOSSES):
        for name in made.split():
            yield "losses", name, name, given, of_loss


def public(side: Side) -> dict[str, dict[str, str]]:
    """Family -> public name -> the name that the object itself has; everything that can be reached."""
    found = {}
    for family in FAMILIES:
        room = side.room(family)
        names = [name for name in dir(room) if not name.startswith("_")]
        found[family] = {name: getattr(getattr(room, name), "__name__", name) for name in names}
    found["files"] = {name: itself for name, itself in found["layers"].items() if itself[:1].isupper()}
    return found


def main(name: str, folder: Path, phase: str, chosen: list[str]) -> None:
    """Compute everything, or read the other side's files."""
    side, found, failed = Side(name, chosen), {}, {}
    reads = phase == "read"
    if reads:
        read(side, folder, found, failed)
    else:
        compute(side, found, failed)
        write(side, folder, found, failed)
    stem = f"{name}_read" if reads else name
    np.savez(folder / f"{stem}.npz", **found)
    (folder / f"{stem}.json").write_text(json.dumps({"names": public(side), "failed": failed}, indent=1))


def compute(side: Side, found: Found, failed: dict[str, str]) -> None:
    """Every case of the tables."""
    for family, kind, made, given, of in table():
        if not hasattr(side.room(family), kind) or not side.wants(f"{family}/{kind}"):
            continue
        key = f"{family}/{kind}/{made} : {given}"
        try:
            of(side, made, given, found, key)
        except Exception:
            failed[key] = traceback.format_exc(limit=-3)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
