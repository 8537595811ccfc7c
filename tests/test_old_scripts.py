"""Scripts of Keras 2's `examples` folder that are about recurrent nets, in their own words, on tiny data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerato import config, legacy
from kerato.legacy import scripts

pytestmark = pytest.mark.filterwarnings("ignore:.* today[.]:UserWarning")

DATA = """
from __future__ import print_function
import numpy as np
import keras
np.random.seed(1337)
x_train = np.random.random((12, 6, 4)).astype('float32')
y_train = keras.utils.to_categorical(np.random.randint(3, size=12), 3)
"""

MNIST_IRNN = """
from keras import initializers
from keras.models import Sequential
from keras.layers import Activation, Dense, SimpleRNN
model = Sequential()
model.add(SimpleRNN(5,
                    kernel_initializer=initializers.RandomNormal(stddev=0.001),
                    recurrent_initializer=initializers.Identity(gain=1.0),
                    activation='relu',
                    input_shape=x_train.shape[1:]))
model.add(Dense(3))
model.add(Activation('softmax'))
assert (model.layers[0].get_weights()[1] == np.eye(5)).all()
model.compile(loss='categorical_crossentropy', optimizer=keras.optimizers.RMSprop(lr=1e-2))
history = model.fit(x_train, y_train, batch_size=6, epochs=2, verbose=0)
"""

MNIST_HIERARCHICAL_RNN = """
from keras.models import Model
from keras.layers import Input, Dense, TimeDistributed, LSTM
x_train = x_train.reshape(12, 6, 4, 1)
row, col, pixel = x_train.shape[1:]
x = Input(shape=(row, col, pixel))
encoded_rows = TimeDistributed(LSTM(4))(x)
encoded_columns = LSTM(3)(encoded_rows)
prediction = Dense(3, activation='softmax')(encoded_columns)
model = Model(x, prediction)
assert model.layers[1].output_shape == (None, 6, 4)
assert model.layers[2].recurrent_activation.__name__ == 'hard_sigmoid_02'
model.compile(loss='categorical_crossentropy', optimizer='rmsprop')
history = model.fit(x_train, y_train, batch_size=6, epochs=2, verbose=0)
"""

IMDB_LSTM = """
from keras.models import Sequential
from keras.layers import Dense, Embedding, LSTM
words = np.random.randint(20, size=(12, 6))
sentiment = np.random.randint(2, size=12)
model = Sequential()
model.add(Embedding(20, 4))
model.add(LSTM(4, dropout=0.2, recurrent_dropout=0.2))
model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam')
history = model.fit(words, sentiment, batch_size=6, epochs=2, verbose=0)
"""

CONV_LSTM = """
from keras.models import Sequential
from keras.layers.convolutional import Conv3D
from keras.layers.convolutional_recurrent import ConvLSTM2D
from keras.layers.normalization import BatchNormalization
seq = model = Sequential()
seq.add(ConvLSTM2D(filters=2, kernel_size=(3, 3),
                   input_shape=(None, 6, 4, 1),
                   padding='same', return_sequences=True))
seq.add(BatchNormalization())
seq.add(Conv3D(filters=1, kernel_size=(3, 3, 3), activation='sigmoid', padding='same', data_format='channels_last'))
seq.compile(loss='binary_crossentropy', optimizer='adadelta')
movies = (x_train.reshape(2, 6, 6, 4, 1) > 0.5).astype('float32')
history = seq.fit(movies, movies, batch_size=1, epochs=2, verbose=0)
assert seq.predict(movies[:1, :3]).shape == (1, 3, 6, 4, 1)
assert seq.layers[0].recurrent_activation.__name__ == 'hard_sigmoid_02'
"""

SCRIPTS = {
    "conv_lstm": CONV_LSTM,
    "mnist_irnn": MNIST_IRNN,
    "mnist_hierarchical_rnn": MNIST_HIERARCHICAL_RNN,
    "imdb_lstm": IMDB_LSTM,
}


@pytest.fixture(autouse=True)
def as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder; afterwards `keras` is what it was."""
    monkeypatch.chdir(tmp_path)
    yield
    legacy.uninstall()
    config.set_dialect(None)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_trains(name: str) -> None:
    path = Path(f"{name}.py")
    path.write_text(DATA + SCRIPTS[name])
    names: dict[str, Any] = scripts.run(path)
    losses = names["history"].history["loss"]
    assert len(losses) == 2
    assert all(0 < loss < 10 for loss in losses)
    assert type(names["model"].layers[0]).__module__.startswith("kerato.")
