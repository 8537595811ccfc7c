"""1.2 Symbolic computing: lay the pipes, compile them, let water through; gradients come by themselves.

python examples/1_2_symbolic.py
"""

import numpy as np

from kerato import backend as K

# A placeholder and a variable hold no data: this only lays pipes.
x = K.placeholder(shape=(2, 2))
w = K.variable([[1.0, 0.0], [0.0, 2.0]])
y = K.sum(K.square(K.dot(x, w)), axis=0)
print("a tensor without numbers:", y)

# K.function compiles the pipes; called with data, it gives data.
run = K.function([x], [y, K.gradients(K.sum(y), [w])[0]])
value, slope = run([np.array([[1, 2], [3, 4]])])
print("sums along axis 0:", value)
print("their gradient by w:", slope.tolist())

# An update is applied once per call: ten steps downhill.
step = K.function([x], [K.sum(y)], updates=[(w, w - 0.01 * K.gradients(K.sum(y), [w])[0])])
losses = [float(step([np.array([[1, 2], [3, 4]])])[0]) for _ in range(10)]
print(f"after ten steps {losses[0]:.1f} has become {losses[-1]:.3f}")
