from keras.layers import Reshape
from keras.models import Sequential

