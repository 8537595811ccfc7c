import numpy as np
from keras.layers import Dense
from keras.models import Sequential

drawn, opened = [], []


def open(path):  # the book's file is in the root folder
    opened.append(__builtins__['open'](path.lstrip('/')))
    return opened[-1]


def process_line(line):
    drawn.append(line)
    numbers = np.array([[float(word) for word in line.split()]])
    return numbers[:, :2], numbers[:, 2:]


class Shorter(Sequential):
    """A thousandth of the draws."""

    def fit_generator(self, generator, samples_per_epoch, epochs):
        return super().fit_generator(generator, samples_per_epoch=samples_per_epoch // 1000, epochs=epochs, verbose=0)


model = Shorter()
model.add(Dense(1, input_shape=(2,)))
model.compile('sgd', 'mse')
