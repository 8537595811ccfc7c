from keras.layers import Convolution2D, Flatten
from keras.models import Sequential

