"""6.2 Preparing data: centring, scaling, principal components, whitening, all from the training set alone.

python examples/6_2_preprocessing.py
"""

import numpy as np

from kerato import datasets, layers
from kerato.layers import Input
from kerato.models import Sequential
from kerato.preprocessing.arrays import PCA, Center, Scale, Standardize, Whiten

(x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
x_train, x_test = (x.reshape(len(x), -1).astype("float32") for x in (x_train, x_test))
print(f"{len(x_train)} digits to learn from, {len(x_test)} to test, {x_train.shape[1]} values each")

prepared = {
    "as they are": None,
    "centred": Center(),
    "standardised": Standardize(),
    "to [-1, 1]": Scale(-1, 1, per="scalar"),
    "PCA, 95 % of the variance": PCA(0.95),
    "whitened": Whiten(0.95),
    "whitened, ZCA": Whiten(epsilon=0.1, zca=True),
}
for name, transform in prepared.items():
    # fit sees the training set only; the test set is changed with the training set's numbers.
    train, test = (
        (x_train, x_test) if transform is None else (transform.fit_transform(x_train), transform.transform(x_test))
    )
    model = Sequential(
        [Input(train.shape[1:]), layers.Dense(32, activation="relu"), layers.Dense(10, activation="softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(train, y_train, epochs=10, verbose=0)
    accuracy = model.evaluate(test, y_test, verbose=0)[1]
    means, deviations = np.abs(train.mean(0)), train.std(0)
    spread = f"means {means.max():.2g} at most, deviations {deviations.min():.2g} to {deviations.max():.2g}"
    print(f"{name}: {train.shape[1]} values, {spread}; accuracy after 10 epochs {accuracy:.3f}")
