from keras.layers import Permute
from keras.models import Sequential

