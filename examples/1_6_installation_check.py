"""1.6 Installation check, Keras's imdb_lstm.py: an LSTM tells from a review's words whether the film was liked.

python examples/1_6_installation_check.py

Takes IMDB's reviews where imdb.npz lies on this machine; else reviews in the same form, made by rule: some words are
said of liked films only, others of disliked ones only.
"""

import time

import numpy as np

import kerato
from kerato.datasets import imdb
from kerato.layers import LSTM, Dense, Embedding
from kerato.utils import pad_sequences

WORDS, STEPS = 2000, 40


def made(count: int, draws: np.random.Generator) -> tuple[list[list[int]], np.ndarray]:
    """Reviews as lists of word numbers, and whether the film was liked."""
    liked = draws.integers(0, 2, count)
    reviews = []
    for y in liked:
        words = draws.zipf(1.3, draws.integers(20, 120)) % (WORDS // 2) + 3
        telling = draws.random(len(words)) < 0.15
        reviews.append(np.where(telling, 1000 + 500 * y + words % 400, words).tolist())
    return reviews, liked


kerato.set_random_seed(0)
start = time.perf_counter()
if imdb.FILES.where() is None:
    draws = np.random.default_rng(0)
    source, train, test = "reviews made by rule (imdb.npz is not on this machine)", made(2000, draws), made(500, draws)
else:
    source, (train, test) = "IMDB's reviews", imdb.load_data(num_words=WORDS)
(x_train, y_train), (x_test, y_test) = train, test
print(f"{source}: {len(x_train):,} to learn from, {len(x_test):,} to test with")
x_train, x_test = (pad_sequences(x[:4000], maxlen=STEPS) for x in (x_train, x_test))
y_train, y_test = y_train[:4000], y_test[:4000]

model = kerato.Sequential([Embedding(WORDS, 32), LSTM(32), Dense(1, activation="sigmoid")])
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=64, epochs=4, verbose=2)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)

print(f"of reviews it has never seen {accuracy:.0%} are told right; {time.perf_counter() - start:.0f} s")
if accuracy < 0.6:
    raise SystemExit("this is hardly better than guessing: the installation does not compute as it should")
print("the installation works")
