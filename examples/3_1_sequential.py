"""3.1 Sequential: stack layers, compile, fit, evaluate, predict. Real digits, which come with scikit-learn.

python examples/3_1_sequential.py
"""

from sklearn.datasets import load_digits

import kerato
from kerato import layers
from kerato.utils import to_categorical

kerato.set_random_seed(0)
digits = load_digits()
x, y = digits.images.reshape(-1, 64).astype("float32") / 16, to_categorical(digits.target, 10)

model = kerato.Sequential([kerato.Input((64,)), layers.Dense(32, activation="relu")])
model.add(layers.Dense(10, activation="softmax"))
model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
model.summary()

history = model.fit(x[:1500], y[:1500], epochs=20, validation_split=0.1, verbose=0).history
held_back = history["val_accuracy"]
print(f"accuracy on what was held back: {held_back[0]:.2f}, after 20 epochs {held_back[-1]:.2f}")

loss, accuracy = model.evaluate(x[1500:], y[1500:], verbose=0)
print(f"on digits it has never seen: loss {loss:.3f}, accuracy {accuracy:.3f}")
print("taken for:", model.predict_classes(x[1500:1510], verbose=0).tolist(), "are:", digits.target[1500:1510].tolist())
