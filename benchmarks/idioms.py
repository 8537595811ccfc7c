"""What every side does by means of its own, as its users would: gradients of a picture, layers as one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[[Any], Any]


def side(keras: Any) -> str:
    """`kerato`, or the backend of Keras."""
    name: str = "kerato" if keras.__name__ == "kerato" else keras.backend.backend()
    return name


def _kerato_gradient(keras: Any, model: Any) -> Function:
    k = keras.backend
    gradient = k.gradients(k.mean(model.output), [model.input])[0]
    function = k.function([model.input], [gradient])
    return lambda x: function([x])[0]


def _tensorflow_gradient(keras: Any, model: Any) -> Function:
    import tensorflow as tf

    @tf.function
    def gradient(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            mean = tf.reduce_mean(model(x))
        return tape.gradient(mean, x)

    return lambda x: gradient(tf.constant(x)).numpy()


def _jax_gradient(keras: Any, model: Any) -> Function:
    import jax

    weights = [[v.value for v in group] for group in (model.trainable_variables, model.non_trainable_variables)]
    gradient = jax.jit(jax.grad(lambda x, held: model.stateless_call(*held, x)[0].mean()))
    return lambda x: np.asarray(gradient(x, weights))


def _torch_gradient(keras: Any, model: Any) -> Function:
    import torch

    def gradient(x: Any) -> Any:
        picture = torch.tensor(x, requires_grad=True)
        return torch.autograd.grad(model(picture).mean(), picture)[0].numpy()

    return gradient


#: a model -> the gradient of its mean output with respect to the pictures, both NumPy arrays
GRADIENTS = {
    "kerato": _kerato_gradient,
    "tensorflow": _tensorflow_gradient,
    "jax": _jax_gradient,
    "torch": _torch_gradient,
}


def _kerato_augmented(keras: Any, model: Any) -> Function:
    k = keras.backend
    function = k.function([model.input, k.learning_phase()], [model.output])
    return lambda x: function([x, 1])[0]


def _tensorflow_augmented(keras: Any, model: Any) -> Function:
    import tensorflow as tf

    function = tf.function(lambda x: model(x, training=True))
    return lambda x: function(tf.constant(x)).numpy()


def _jax_augmented(keras: Any, model: Any) -> Function:
    import jax

    function = jax.jit(lambda state, x: model.stateless_call([], state, x, training=True))
    state = [variable.value for variable in model.non_trainable_variables]

    def augmented(x: Any) -> Any:
        nonlocal state
        pictures, state = function(state, x)
        return np.asarray(pictures)

    return augmented


def _torch_augmented(keras: Any, model: Any) -> Function:
    import torch

    def augmented(x: Any) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(x), training=True).numpy()

    return augmented


#: a model of layers that change pictures in training -> a function of a batch, both NumPy arrays
AUGMENTATIONS = {
    "kerato": _kerato_augmented,
    "tensorflow": _tensorflow_augmented,
    "jax": _jax_augmented,
    "torch": _torch_augmented,
}
