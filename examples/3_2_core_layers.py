"""3.2 Core layers: gradients that vanish, ReLUs that die and those that do not, and what dropout drops.

python examples/3_2_core_layers.py
"""

import numpy as np

from kerato import backend as K
from kerato import layers
from kerato.layers import Input
from kerato.models import Sequential

# The gradient of the first layer of deep networks: sigmoid and tanh are flat away from 0.
for activation in ("sigmoid", "tanh", "relu"):
    x = y = Input((16,))
    norms = []
    for depth in range(1, 13):
        y = layers.Dense(16, activation=activation, kernel_initializer="he_normal")(y)
        if depth in (1, 4, 12):
            slope = K.function([x], K.gradients(K.sum(y), [x]))([np.ones((1, 16))])[0]
            norms.append(f"{np.linalg.norm(slope):.2g}")
    print(f"{activation}: gradient through 1, 4, 12 layers has norm {', '.join(norms)}")

# w1 * x1 + w2 * x2 with both weights -1 and inputs in [0, 1] is never above 0: a ReLU there has died.
inputs = np.random.default_rng(0).random((200, 2))
for name, activation in {
    "ReLU": layers.ReLU(),
    "LeakyReLU": layers.LeakyReLU(),
    "PReLU": layers.PReLU(alpha_initializer=lambda shape, dtype=None: np.full(shape, 0.25)),
    "RReLU": layers.RReLU(),
}.items():
    model = Sequential([Input((2,)), layers.Dense(1), activation])
    model.layers[0].set_weights([np.full((2, 1), -1.0), np.zeros(1)])
    model.compile("sgd", "mse")
    model.fit(inputs, np.ones(200), batch_size=10, epochs=100, verbose=0)
    weights = model.layers[0].get_weights()[0].ravel().round(2).tolist()
    print(f"{name}: weights after training {weights}, mean output {model.predict(inputs, verbose=0).mean():.2f}")

# Dropout: rate 0.5 zeroes about half and doubles the rest; a mask may be shared by all timesteps.
ones = np.ones((1, 4, 6), "float32")
print("dropout:\n", np.asarray(layers.Dropout(0.5)(ones, training=True))[0])
print("one mask for all steps:\n", np.asarray(layers.Dropout(0.5, noise_shape=(None, 1, 6))(ones, training=True))[0])
